package main

import (
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestRowsOutliveTheProgram(t *testing.T) {
	path := filepath.Join(t.TempDir(), "uploads.jsonl")
	add := func(object, requestID string) {
		t.Helper()
		uploads, err := openUploads(path)
		if err != nil {
			t.Fatal(err)
		}
		defer uploads.file.Close()
		user := "eric"
		form := url.Values{"object": {object}, "etag": {"e"}, "requestId": {requestID}, "size": {"5"}, "width": {""}}
		for range [2]int{} {
			if err := uploads.add(form, &user); err != nil {
				t.Fatal(err)
			}
		}
	}
	add(`a "quoted" \ 猫`, "1")
	// The machine went down while a row was being written.
	torn, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := torn.WriteString("\n{\"bucket\":\"photos\",\"object\":\"torn"); err != nil {
		t.Fatal(err)
	}
	torn.Close()
	add("b", "2")
	add("b again", "2")

	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if rows := strings.Count(string(text), `"etag"`) + strings.Count(string(text), "torn"); rows != 3 {
		t.Errorf("%d rows in the file", rows)
	}
	uploads, err := openUploads(path)
	if err != nil {
		t.Fatal(err)
	}
	got := string(toJSON(uploads.list()))
	wanted := `[{"object":"b","size":5,"mimeType":"","width":null,"height":null,"requestId":"2","user":"eric"},` +
		`{"object":"a \"quoted\" \\ 猫","size":5,"mimeType":"","width":null,"height":null,` +
		`"requestId":"1","user":"eric"}]`
	if got != wanted {
		t.Errorf("%s", got)
	}
}
