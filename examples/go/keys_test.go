package main

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

const somePEM = `-----BEGIN PUBLIC KEY-----
MFwwDQYJKoZIhvcNAQEBBQADSwAwSAJBAKs/JBGzwUB2aVht4crBx3oIPBLNsjGs
C0fTXv+nvlmklvkcolvpvXLTjaxUHR3W9LXxQ2EHXAJfCB+6H2YF1k8CAwEAAQ==
-----END PUBLIC KEY-----
`

const otherPEM = `-----BEGIN PUBLIC KEY-----
MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAvTluNphBXwQkYINNmsKr
whTd2QoxUrTGac21S9uNhlmlMbYz9h68YtAvlu0W14N3VtA0w96KTLSad1BBrzWx
RwI5WE7FKGUf+E5jCT+Ek1Fod/Nj5C7J+cdimC9CxJGL9v1dKbT6IALFvcDyJyXs
0EtR9dZM8yP5DA4xcupNvalpLH1ER28F/lf9KRcvsRZW/1023Xf3ygUxrxAzLT3f
39GqtOP0z1sDT/9bY4n0gOUNGIT6/2CXk60DOhv7gkFmIhlCV4VIYYvEmvkkujgH
c8wH7UyLpKZ06Ty2HE1oWd444lftW0VM3gIfAw5/u920DEHJmUuXuWickj4uyIow
gQIDAQAB
-----END PUBLIC KEY-----
`

func TestWhatIsNoKeyIsNotTaken(t *testing.T) {
	foreign := 0
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/good":
			fmt.Fprint(w, somePEM)
		case "/elsewhere":
			http.Redirect(w, r, "/foreign", http.StatusFound)
		case "/foreign":
			foreign++
			fmt.Fprint(w, somePEM)
		case "/long":
			fmt.Fprint(w, somePEM+strings.Repeat("\n", maxKeyBytes))
		case "/drip":
			w.Header().Set("Content-Length", "10000")
			for r.Context().Err() == nil {
				fmt.Fprint(w, "-")
				w.(http.Flusher).Flush()
				time.Sleep(50 * time.Millisecond)
			}
		case "/created":
			w.WriteHeader(http.StatusCreated)
			fmt.Fprint(w, somePEM)
		}
	}))
	defer server.Close()

	keys, _ := newVerifier("")
	if _, err := keys.publicKey(server.URL + "/good"); err != nil {
		t.Error(err)
	}
	began := time.Now()
	for _, path := range []string{"/elsewhere", "/long", "/drip", "/created", "/empty"} {
		if _, err := keys.publicKey(server.URL + path); err == nil {
			t.Errorf("a key was taken from %s", path)
		}
	}
	if took := time.Since(began); took > 4*time.Second {
		t.Errorf("it took %v", took)
	}
	if foreign > 0 {
		t.Error("a redirect was followed")
	}
}

func TestOneFetchServesAllWhoWait(t *testing.T) {
	var asked atomic.Int32
	release := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if asked.Add(1) == 1 {
			<-release
			http.Error(w, "not now", http.StatusServiceUnavailable)
			return
		}
		fmt.Fprint(w, somePEM)
	}))
	defer server.Close()

	keys, _ := newVerifier("")
	var started, ended sync.WaitGroup
	for i := 0; i < 8; i++ {
		started.Add(1)
		ended.Add(1)
		go func() {
			defer ended.Done()
			started.Done()
			if _, err := keys.publicKey(server.URL); err == nil {
				t.Error("that fetch failed, and yet there is a key")
			}
		}()
	}
	started.Wait()
	time.Sleep(100 * time.Millisecond) // until all of them wait
	close(release)
	ended.Wait()
	if asked.Load() != 1 {
		t.Errorf("%d fetches", asked.Load())
	}
	for i := 0; i < 2; i++ {
		if _, err := keys.publicKey(server.URL); err != nil {
			t.Errorf("the failure was kept: %v", err)
		}
	}
	if asked.Load() != 2 {
		t.Errorf("%d fetches: the key was not kept", asked.Load())
	}
}

func TestAKeyThatIsAnotherNowIsLearnt(t *testing.T) {
	var asked, status atomic.Int32
	served := []string{somePEM, otherPEM}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if status.Load() != 0 {
			w.WriteHeader(int(status.Load()))
		}
		fmt.Fprint(w, served[(asked.Add(1)-1)%2])
	}))
	defer server.Close()

	keys, _ := newVerifier("")
	now := time.Unix(0, 0)
	keys.now = func() time.Time { return now }
	first, err := keys.publicKey(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	now = now.Add(renewAfter - 1)
	if keys.renewedKey(server.URL, first) != nil || asked.Load() != 1 {
		t.Error("it asked again within the minute")
	}
	now = now.Add(1)
	var waiting sync.WaitGroup
	for i := 0; i < 4; i++ {
		waiting.Add(1)
		go func() {
			defer waiting.Done()
			if key := keys.renewedKey(server.URL, first); key == nil || key.Equal(first) {
				t.Error("the new key is not learnt")
			}
		}()
	}
	waiting.Wait()
	second, _ := keys.publicKey(server.URL)
	if asked.Load() != 2 || second.Equal(first) {
		t.Errorf("%d fetches, or the old key is kept", asked.Load())
	}
	now = now.Add(renewAfter)
	status.Store(http.StatusServiceUnavailable)
	if keys.renewedKey(server.URL, second) != nil {
		t.Error("an error gave a key")
	}
	if kept, _ := keys.publicKey(server.URL); kept != second || asked.Load() != 3 {
		t.Error("a key was lost for an error")
	}
}

func TestASettingReplacesOSS(t *testing.T) {
	for setting, admits := range map[string]bool{
		"": true, " , ": true, "oss": true, "https://a/k.pem": false, "https://a/k.pem,oss": true,
	} {
		keys, err := newVerifier(setting)
		if err != nil {
			t.Fatal(err)
		}
		if keys.allowed.MatchString("https://gosspublic.alicdn.com/k.pem") != admits {
			t.Errorf("%q: it must be %v", setting, admits)
		}
		if keys.allowed.MatchString("http://gosspublic.alicdn.com/k.pem") {
			t.Errorf("%q allows http", setting)
		}
	}
}

func TestSettingsThatAllowTooMuchAreRefused(t *testing.T) {
	for _, entry := range []string{
		"http://keys.example", "keys.example/", "http://*/k.pem", "http://k*/k.pem", "http://a/*/k.pem",
		"http://a/*-*.pem", "http://a@b/k.pem", "http://a/../", "http://a//", "ftp://a/k.pem", "/", "*",
	} {
		if _, err := newVerifier(entry); err == nil {
			t.Errorf("%s was taken", entry)
		}
	}
}
