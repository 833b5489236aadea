package main

import (
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"strings"
	"testing"
)

// The table that the packages of all languages read: requests, and what is wrong with each.
const verifyTable = "../../crates/upcall/tests/vectors/verify.json"

func TestVectors(t *testing.T) {
	var table struct {
		Errors  map[string]string
		KeyURLs []string
		Keys    map[string]string
		Cases   []struct {
			Name, Method, Target, Body string
			BodyBase64                 *string
			Headers                    [][2]string
			KeyURLs                    *[]string
			Error                      *string
		}
	}
	text, err := os.ReadFile(verifyTable)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, &table); err != nil {
		t.Fatal(err)
	}
	if len(table.Cases) < 93 {
		t.Fatalf("the table has %d requests only", len(table.Cases))
	}
	for _, request := range table.Cases {
		t.Run(request.Name, func(t *testing.T) {
			headers := http.Header{}
			for _, pair := range request.Headers {
				headers.Add(pair[0], pair[1]) // as net/http does
			}
			body := []byte(request.Body)
			if request.BodyBase64 != nil {
				if body, err = base64.StdEncoding.DecodeString(*request.BodyBase64); err != nil {
					t.Fatal(err)
				}
			}
			fetched := ""
			keyURLs := table.KeyURLs
			if request.KeyURLs != nil {
				keyURLs = *request.KeyURLs
			}
			verifier, err := newVerifier(strings.Join(keyURLs, " "))
			if err != nil {
				t.Fatal(err)
			}
			verifier.client.Transport = keyServer(func(url string) string {
				fetched = url
				return table.Keys[url]
			})
			wanted := "genuine"
			if request.Error != nil {
				wanted = *request.Error
				if table.Errors[wanted] == "" {
					t.Fatalf("%s is no code of the table", wanted)
				}
			}
			got := "genuine"
			err = verifier.verify(&http.Request{
				Method: request.Method, RequestURI: request.Target, Header: headers,
			}, body)
			if err != nil {
				got = err.Error()
			}
			if got != wanted {
				t.Errorf("%s, but it must be %s", got, wanted)
			}
			mayFetch := map[string]bool{
				"genuine": true, "signature": true, "key-too-small": true, "key-unavailable": true,
			}
			if (fetched != "") != mayFetch[wanted] {
				t.Errorf("fetched %q", fetched)
			}
		})
	}
}

// keyServer answers without a network.
type keyServer func(url string) string

func (k keyServer) RoundTrip(r *http.Request) (*http.Response, error) {
	body := io.NopCloser(strings.NewReader(k(r.URL.String())))
	return &http.Response{StatusCode: http.StatusOK, Body: body, Request: r}, nil
}
