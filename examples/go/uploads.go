package main

import (
	"encoding/json"
	"io"
	"net/url"
	"os"
	"strconv"
	"strings"
	"sync"
)

// uploads stands for the database of a real application: a file with a line of JSON for each.
type uploads struct {
	mutex      sync.Mutex
	file       *os.File
	newest     []upload
	requestIDs map[string]bool
}

// Numbers that were left empty are nil.
type upload struct {
	Bucket    string  `json:"bucket,omitempty"`
	ETag      string  `json:"etag,omitempty"`
	Object    string  `json:"object"`
	Size      *int64  `json:"size"`
	MimeType  string  `json:"mimeType"`
	Width     *int64  `json:"width"`
	Height    *int64  `json:"height"`
	RequestID string  `json:"requestId"`
	User      *string `json:"user"`
}

func openUploads(path string) (*uploads, error) {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	text, err := io.ReadAll(file)
	u := &uploads{file: file, newest: []upload{}, requestIDs: map[string]bool{}}
	for _, line := range strings.Split(string(text), "\n") {
		var row upload
		if json.Unmarshal([]byte(line), &row) == nil {
			u.remember(row)
		}
	}
	return u, err
}

// add returns when the row is on disk.
func (u *uploads) add(form url.Values, user *string) error {
	number := func(name string) *int64 {
		if value, err := strconv.ParseInt(form.Get(name), 10, 64); err == nil {
			return &value
		}
		return nil
	}
	row := upload{
		form.Get("bucket"), form.Get("etag"), form.Get("object"), number("size"),
		form.Get("mimeType"), number("width"), number("height"), form.Get("requestId"), user,
	}
	u.mutex.Lock()
	defer u.mutex.Unlock()
	if u.requestIDs[row.RequestID] {
		return nil // a callback may come twice
	}
	// The line break goes first: it ends what a crash or a full disk may have left half written.
	if _, err := u.file.Write(append([]byte("\n"), toJSON(row)...)); err != nil {
		return err
	}
	if err := u.file.Sync(); err != nil {
		return err
	}
	u.remember(row)
	return nil
}

func (u *uploads) remember(row upload) {
	if u.requestIDs[row.RequestID] {
		return
	}
	u.requestIDs[row.RequestID] = row.RequestID != ""
	row.Bucket, row.ETag = "", "" // not for the page
	u.newest = append([]upload{row}, u.newest...)
	if len(u.newest) > 100 {
		u.newest = u.newest[:100]
	}
}

func (u *uploads) list() []upload {
	u.mutex.Lock()
	defer u.mutex.Unlock()
	return u.newest
}
