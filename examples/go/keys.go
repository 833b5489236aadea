package main

import (
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"strings"
	"sync"
	"time"
)

// keyURLs are the addresses from which public keys are taken. A request says where its key is, so
// whoever controls that address decides which signatures are good.
type keyURLs []*regexp.Regexp

// parseKeyURLs reads addresses with spaces or commas between them; OSS's own always count. One with
// a final `/` stands for all below it, a `*` after the last `/` for letters, digits and `-`.
func parseKeyURLs(text string) (keyURLs, error) {
	entries := strings.FieldsFunc(text, func(r rune) bool { return strings.ContainsRune(" ,\t\n", r) })
	var urls keyURLs
	for _, entry := range append(ossKeyURLs, entries...) {
		before, after, hasStar := strings.Cut(entry, "*")
		pattern := regexp.QuoteMeta(entry)
		example := entry
		switch {
		case hasStar:
			pattern = regexp.QuoteMeta(before) + "[A-Za-z0-9-]+" + regexp.QuoteMeta(after)
			example = before + "x" + after
		case strings.HasSuffix(entry, "/"):
			pattern, example = pattern+".+", entry+"x"
		}
		if !plainURL.MatchString(example) || strings.Contains(after, "/") {
			return nil, fmt.Errorf("CALLBACK_KEY_URLS: %q is not of the form http(s)://host/path in "+
				"plain characters, with / at its end or one * after its last /", entry)
		}
		urls = append(urls, regexp.MustCompile("^"+pattern+"$"))
	}
	return urls, nil
}

// allow compares the address as text, before any parser has its own idea of where the host ends.
func (k keyURLs) allow(url string) bool {
	if len(url) > maxURLBytes || !plainURL.MatchString(url) {
		return false
	}
	for _, listed := range k {
		if listed.MatchString(url) {
			return true
		}
	}
	return false
}

// leastBits is 512 for OSS's own key, which has no more. So small a key can be factored for the
// price of a meal, so it is taken from that address only.
func leastBits(url string) int {
	if url == ossKeyURLs[0]+ossKeyName || url == ossKeyURLs[1]+ossKeyName {
		return 512
	}
	return 1024
}

// publicKeys fetches keys and keeps them: a key does not change under its address.
type publicKeys struct {
	mutex    sync.Mutex
	kept     map[string]*rsa.PublicKey
	underWay map[string]*keyFetch
}

type keyFetch struct {
	done chan struct{}
	key  *rsa.PublicKey
	err  error
}

// get has requests that want the same key share one fetch. What failed is not kept: the next
// request tries again.
func (p *publicKeys) get(url string) (*rsa.PublicKey, error) {
	p.mutex.Lock()
	if key := p.kept[url]; key != nil {
		p.mutex.Unlock()
		return key, nil
	}
	fetch, found := p.underWay[url]
	if found {
		p.mutex.Unlock()
		<-fetch.done
		return fetch.key, fetch.err
	}
	if p.underWay == nil {
		p.underWay = map[string]*keyFetch{}
	}
	fetch = &keyFetch{done: make(chan struct{})}
	p.underWay[url] = fetch
	p.mutex.Unlock()

	fetch.key, fetch.err = fetchPublicKey(url)

	p.mutex.Lock()
	delete(p.underWay, url)
	if fetch.err == nil {
		if p.kept == nil || len(p.kept) >= maxKeys {
			p.kept = map[string]*rsa.PublicKey{}
		}
		p.kept[url] = fetch.key
	}
	p.mutex.Unlock()
	close(fetch.done)
	return fetch.key, fetch.err
}

func fetchPublicKey(url string) (*rsa.PublicKey, error) {
	response, err := keyClient.Get(url)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("status %d", response.StatusCode)
	}
	text, err := io.ReadAll(io.LimitReader(response.Body, maxKeyBytes+1))
	if err != nil {
		return nil, err
	} else if len(text) > maxKeyBytes {
		return nil, errors.New("longer than a key")
	}
	return parsePublicKey(text)
}

func parsePublicKey(text []byte) (*rsa.PublicKey, error) {
	block, _ := pem.Decode(text)
	if block == nil || block.Type != "PUBLIC KEY" {
		return nil, errors.New("no public key in PEM")
	}
	parsed, err := x509.ParsePKIXPublicKey(block.Bytes)
	if err != nil {
		return nil, err
	}
	key, isRSA := parsed.(*rsa.PublicKey)
	if !isRSA || key.N.BitLen() > maxKeyBits || key.E < 3 || key.E%2 == 0 {
		return nil, errors.New("not an RSA key of the usual size")
	}
	return key, nil
}

// keyClient follows no redirect, which could lead anywhere, and has two seconds for all of it.
var keyClient = &http.Client{
	Timeout:       2 * time.Second,
	CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	Transport: &http.Transport{
		Proxy:                  http.ProxyFromEnvironment,
		DisableCompression:     true,
		DisableKeepAlives:      true,
		MaxConnsPerHost:        8, // forged callbacks cannot make us call faster than that
		MaxResponseHeaderBytes: 16 << 10,
	},
}

// plainURL has no user-info, backslash, percent sign, query, fragment, `//` or `..` in it.
var plainURL = regexp.MustCompile(
	`^https?://[A-Za-z0-9.:\[\]-]+(/\.{0,2}[A-Za-z0-9_~-][A-Za-z0-9._~-]*)+$`)

// With the final slash, without which `gosspublic.alicdn.com.evil.example` would pass.
var ossKeyURLs = []string{"http://gosspublic.alicdn.com/", "https://gosspublic.alicdn.com/"}

const (
	ossKeyName  = "callback_pub_key_v1.pem"
	maxURLBytes = 1024
	maxKeyBytes = 16 << 10
	maxKeyBits  = 4096
	maxKeys     = 64
)
