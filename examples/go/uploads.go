package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"io/fs"
	"log"
	"net/url"
	"os"
	"strconv"
	"sync"
)

// uploads keeps a row of each upload: in a file, a line of JSON each. It stands for the database
// that a real application has.
type uploads struct {
	mutex      sync.Mutex
	file       *os.File
	isTorn     bool // the file may end in the middle of a line
	rows       []listedUpload
	requestIDs map[string]bool
}

// upload is what a callback says of one. Numbers that were left empty are nil.
type upload struct {
	Bucket string `json:"bucket"`
	ETag   string `json:"etag"`
	listedUpload
}

// listedUpload is what of it the page may see.
type listedUpload struct {
	Object    string `json:"object"`
	Size      *int64 `json:"size"`
	MimeType  string `json:"mimeType"`
	Width     *int64 `json:"width"`
	Height    *int64 `json:"height"`
	RequestID string `json:"requestId"`
}

func uploadOf(form url.Values) upload {
	number := func(name string) *int64 {
		if value, err := strconv.ParseInt(form.Get(name), 10, 64); err == nil {
			return &value
		}
		return nil
	}
	return upload{form.Get("bucket"), form.Get("etag"), listedUpload{
		Object:    form.Get("object"),
		Size:      number("size"),
		MimeType:  form.Get("mimeType"),
		Width:     number("width"),
		Height:    number("height"),
		RequestID: form.Get("requestId"),
	}}
}

func openUploads(path string) (*uploads, error) {
	text, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	file, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	u := &uploads{file: file, requestIDs: map[string]bool{}}
	lines := bytes.Split(text, []byte("\n"))
	for number, line := range lines {
		var row upload
		if json.Unmarshal(line, &row) == nil && row.Object != "" {
			u.remember(row)
		} else if len(line) > 0 {
			// It was being written when the machine went down, so nobody was told that it was kept.
			log.Printf("%s, line %d, is no upload and is passed over", path, number+1)
		}
	}
	u.isTorn = len(lines[len(lines)-1]) > 0
	return u, nil
}

// add returns when the row is on disk. A callback may come twice, so a request id counts once.
func (u *uploads) add(row upload) error {
	u.mutex.Lock()
	defer u.mutex.Unlock()
	if u.requestIDs[row.RequestID] {
		return nil
	}
	line := append(toJSON(row), '\n')
	if u.isTorn {
		line = append([]byte("\n"), line...)
	}
	u.isTorn = true
	if _, err := u.file.Write(line); err != nil {
		return err
	}
	u.isTorn = false
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
	if row.RequestID != "" {
		u.requestIDs[row.RequestID] = true
	}
	u.rows = append(u.rows, row.listedUpload)
	if excess := len(u.rows) - maxListed; excess > 0 {
		u.rows = append([]listedUpload{}, u.rows[excess:]...)
	}
}

// newest lists the last hundred, the newest first.
func (u *uploads) newest() []listedUpload {
	u.mutex.Lock()
	defer u.mutex.Unlock()
	list := make([]listedUpload, 0, len(u.rows))
	for i := len(u.rows) - 1; i >= 0; i-- {
		list = append(list, u.rows[i])
	}
	return list
}

const maxListed = 100
