package main

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha1"
	"encoding/base64"
	"encoding/json"
	"time"
)

// policySigner makes what an upload page needs for posting a file straight to the bucket.
type policySigner struct {
	accessKeyID, host, callback string
	secret                      []byte
}

// signedPolicy is the answer to the page; its member names are those of OSS's own samples.
type signedPolicy struct {
	AccessID  string `json:"accessid"`
	Host      string `json:"host"`
	Policy    string `json:"policy"`
	Signature string `json:"signature"`
	Expire    int64  `json:"expire"`
	Callback  string `json:"callback"`
	Dir       string `json:"dir"`
}

func newPolicySigner(accessKeyID, accessKeySecret, host, callbackURL string) policySigner {
	callback := toJSON(map[string]string{
		"callbackUrl": callbackURL,
		"callbackBody": "bucket=${bucket}&object=${object}&etag=${etag}&size=${size}" +
			"&mimeType=${mimeType}&height=${imageInfo.height}&width=${imageInfo.width}" +
			"&requestId=${reqId}",
		"callbackBodyType": "application/x-www-form-urlencoded",
	})
	return policySigner{
		accessKeyID: accessKeyID,
		host:        host,
		callback:    base64.StdEncoding.EncodeToString(callback),
		secret:      []byte(accessKeySecret),
	}
}

// sign allows one upload, or several, below dir, until five minutes from now.
func (p *policySigner) sign(dir string, now time.Time) signedPolicy {
	expires := now.UTC().Truncate(time.Second).Add(policyLife)
	document := toJSON(map[string]any{
		"expiration": expires.Format("2006-01-02T15:04:05.000Z"),
		"conditions": [][]any{
			{"starts-with", "$key", dir},
			{"content-length-range", 0, maxUploadBytes},
			// Pinned: otherwise the page could send its file without the application hearing of it.
			{"eq", "$callback", p.callback},
			{"eq", "$success_action_status", "200"},
		},
	})
	policy := base64.StdEncoding.EncodeToString(document)
	// The base64 text is signed, not the document.
	mac := hmac.New(sha1.New, p.secret)
	mac.Write([]byte(policy))
	return signedPolicy{
		AccessID:  p.accessKeyID,
		Host:      p.host,
		Policy:    policy,
		Signature: base64.StdEncoding.EncodeToString(mac.Sum(nil)),
		Expire:    expires.Unix(),
		Callback:  p.callback,
		Dir:       dir,
	}
}

// toJSON leaves `&` and `<` as they are, unlike json.Marshal.
func toJSON(value any) []byte {
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(value); err != nil {
		panic(err) // only for types that cannot be JSON, and there are none here
	}
	return bytes.TrimSuffix(text.Bytes(), []byte("\n"))
}

const (
	policyLife     = 5 * time.Minute
	maxUploadBytes = 100 << 20
)
