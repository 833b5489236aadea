package main

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"time"
	"unicode/utf8"
)

// binding proves, in a callback's body, what this application itself permitted. A signature alone
// says that the storage server sent the callback: everybody with a key of that server (at OSS, every
// customer) can have it sign a body about anybody's objects.
type binding struct {
	keys [][]byte // the first makes, all verify
}

// permission is one key, or all keys that begin with a prefix.
type permission struct {
	Bucket  string
	Prefix  *string
	Key     *string
	User    *string
	Expires int64 // Unix seconds
}

// newBinding takes the setting BINDING_SECRET, a list with commas; or else the access key secret.
func newBinding(setting, accessKeySecret string) (*binding, error) {
	var secrets []string
	for _, secret := range strings.Split(setting, ",") {
		if secret = strings.TrimSpace(secret); secret == "" {
			continue
		} else if len(secret) < 16 {
			return nil, errors.New("BINDING_SECRET: a secret has at least 16 bytes")
		}
		secrets = append(secrets, secret)
	}
	if len(secrets) == 0 {
		secrets = []string{accessKeySecret}
	}
	b := &binding{}
	for _, secret := range secrets {
		b.keys = append(b.keys, sha256MAC([]byte(secret), "upcall-binding-v1"))
	}
	return b, nil
}

// make gives the text for callbackBody. Nothing in it has to be escaped.
func (b *binding) make(p permission) string {
	members := []string{`"bucket":` + quoted(p.Bucket)}
	for _, member := range []struct {
		name  string
		value *string
	}{{"prefix", p.Prefix}, {"key", p.Key}, {"user", p.User}} {
		if member.value != nil {
			members = append(members, `"`+member.name+`":`+quoted(*member.value))
		}
	}
	text := fmt.Sprintf(`{%s,"expires":%d}`, strings.Join(members, ","), p.Expires)
	signed := "v1." + base64.RawURLEncoding.EncodeToString([]byte(text))
	return signed + "." + textMAC(b.keys[0], signed)
}

// verify gives what was permitted, if it was the upload that the callback's body names.
func (b *binding) verify(token, bucket, object string, now time.Time) (permission, error) {
	if token == "" {
		return permission{}, errors.New("binding-missing")
	}
	parts := bindingForm.FindStringSubmatch(token)
	if parts == nil || len(token) > maxBindingBytes {
		return permission{}, errBindingMalformed
	}
	isOurs := false
	for _, key := range b.keys {
		// As texts: of two ways to write a MAC in base64, one is taken.
		isOurs = hmac.Equal([]byte(textMAC(key, parts[1])), []byte(parts[3])) || isOurs
	}
	if !isOurs {
		return permission{}, errors.New("binding-mac")
	}
	p, err := readPermission(parts[2])
	switch {
	case err != nil:
		return permission{}, errBindingMalformed
	case now.Unix() > p.Expires:
		return permission{}, errors.New("binding-expired")
	case bucket != p.Bucket:
		return permission{}, errors.New("binding-bucket")
	case object == "", p.Key != nil && object != *p.Key,
		p.Prefix != nil && !strings.HasPrefix(object, *p.Prefix):
		return permission{}, errors.New("binding-object")
	}
	return p, nil
}

func readPermission(encoded string) (permission, error) {
	text, err := base64.RawURLEncoding.DecodeString(encoded)
	// encoding/json would put a replacement for what is no UTF-8, and takes `null` for anything.
	if err != nil || !utf8.Valid(text) {
		return permission{}, errBindingMalformed
	}
	var members map[string]json.RawMessage
	if err := json.Unmarshal(text, &members); err != nil || members == nil {
		return permission{}, errBindingMalformed
	}
	var p permission
	for name, into := range map[string]any{
		"bucket": &p.Bucket, "prefix": &p.Prefix, "key": &p.Key, "user": &p.User, "expires": &p.Expires,
	} {
		value, isThere := members[name]
		isNeeded := name == "bucket" || name == "expires"
		if isThere && (string(value) == "null" || json.Unmarshal(value, into) != nil) || isNeeded && !isThere {
			return permission{}, errBindingMalformed
		}
	}
	if (p.Prefix == nil) == (p.Key == nil) || p.Expires < 0 || p.Expires > maxSecond {
		return permission{}, errBindingMalformed
	}
	return p, nil
}

// quoted writes JSON as every language of the kit does: json.Marshal escapes more.
func quoted(text string) string {
	var out strings.Builder
	out.WriteByte('"')
	for _, c := range text {
		if at := strings.IndexRune("\"\\\b\t\n\f\r", c); at >= 0 {
			out.WriteString(`\` + string(`"\btnfr`[at]))
		} else if c < ' ' {
			fmt.Fprintf(&out, `\u%04x`, c)
		} else {
			out.WriteRune(c)
		}
	}
	return out.String() + `"`
}

func sha256MAC(key []byte, text string) []byte {
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(text))
	return mac.Sum(nil)
}

func textMAC(key []byte, text string) string {
	return base64.RawURLEncoding.EncodeToString(sha256MAC(key, text))
}

var (
	// Version, permission, and a MAC of 32 bytes.
	bindingForm         = regexp.MustCompile(`^(v1\.([A-Za-z0-9_-]+))\.([A-Za-z0-9_-]{43})$`)
	errBindingMalformed = errors.New("binding-malformed")
)

const (
	maxBindingBytes = 4096
	maxSecond       = 1<<53 - 1 // beyond it, not every language can count
	// After the end of the policy: a call can be made again for a day.
	bindingGrace = 25 * time.Hour
)
