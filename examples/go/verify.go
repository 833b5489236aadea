package main

import (
	"bytes"
	"crypto"
	"crypto/md5"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
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

// verifier tells whether the storage server sent a request.
type verifier struct {
	// A request says where its key is, so whoever controls that address decides which signatures
	// are good.
	allowed *regexp.Regexp
	client  http.Client
	now     func() time.Time
	keys    sync.Map // of *publicKey by address
	// By host, as many as may be at once: a stranger may name as many addresses as he likes below an
	// allowed one, and a host that does not answer must not hold up another.
	fetches  sync.Map // of chan struct{}
	renewing sync.Mutex
}

type publicKey struct {
	fetched sync.Once
	asked   time.Time
	key     *rsa.PublicKey
	err     error
}

// newVerifier takes addresses of keys with spaces or commas between them, and no others count. A final
// `/` stands for all below it, a `*` after the last `/` for letters, digits and `-`, and `oss` for
// OSS's own address, which also counts if nothing is given.
func newVerifier(keyURLs string) (*verifier, error) {
	entries := strings.Fields(strings.ReplaceAll(keyURLs, ",", " "))
	if len(entries) == 0 {
		entries = []string{"oss"}
	}
	var patterns []string
	for _, entry := range entries {
		if entry == "oss" {
			// Not by http: who is on the way could put a key there.
			entry = "https://gosspublic.alicdn.com/"
		}
		if !keyURLEntry.MatchString(entry) {
			return nil, fmt.Errorf("CALLBACK_KEY_URLS: %q is not of the form http(s)://host/path in "+
				"plain characters, with / at its end or one * after its last /", entry)
		}
		pattern := strings.Replace(regexp.QuoteMeta(entry), `\*`, `[A-Za-z0-9-]+`, 1)
		if strings.HasSuffix(entry, "/") {
			pattern += ".+"
		}
		patterns = append(patterns, pattern)
	}
	return &verifier{
		allowed: regexp.MustCompile("^(" + strings.Join(patterns, "|") + ")$"),
		now:     time.Now,
		client: http.Client{
			Timeout: 2 * time.Second,
			// A redirect could lead anywhere.
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
	}, nil
}

// verify says in a word what is wrong with a callback. Its body is the raw one, not yet parsed.
func (v *verifier) verify(r *http.Request, body []byte) error {
	if r.Method != http.MethodPost {
		return errors.New("method")
	}
	// RequestURI is the target as it was sent. Its path is signed decoded (but for `+` and a `%` that
	// encodes nothing), with `?` and a line feed as marks behind it: were they allowed in it, `/a%3Fb`
	// would carry the signature of `/a?b`. A fragment is never sent: servers differ in whether they
	// hand it on.
	encodedPath, query, hasQuery := strings.Cut(r.RequestURI, "?")
	signed := percentEncoded.ReplaceAllStringFunc(encodedPath, func(encoded string) string {
		octet, _ := hex.DecodeString(encoded[1:])
		return string(octet)
	})
	if !strings.HasPrefix(signed, "/") || strings.ContainsAny(signed, "?\n") ||
		strings.ContainsAny(r.RequestURI, "#\n") {
		return errors.New("target")
	}
	if hasQuery {
		signed += "?" + query
	}
	signed += "\n" + string(body)

	// Header.Get takes the first of two; a proxy in front may take the other. CGI and what descends
	// from it read `_` as `-`: a header spelled so is another one, but beside the right one it makes
	// two.
	count := map[string]int{}
	for name, values := range r.Header {
		count[http.CanonicalHeaderKey(strings.ReplaceAll(name, "_", "-"))] += len(values)
	}
	for _, name := range []string{keyURLHeader, "Authorization", versionHeader, "Content-Md5"} {
		if count[name] > 1 {
			return errors.New("header-twice")
		}
	}
	if r.Header[keyURLHeader] == nil || r.Header["Authorization"] == nil {
		return errors.New("header-missing")
	}
	address, err := strictBase64(r.Header.Get(keyURLHeader))
	keyURL := string(address)
	// Compared as text, before any parser has its own idea of where the host ends.
	if err != nil || len(keyURL) > maxURLBytes || !plainURL.MatchString(keyURL) || !v.allowed.MatchString(keyURL) {
		return errors.New("key-url")
	}
	signature, err := strictBase64(r.Header.Get("Authorization"))
	if err != nil {
		return err
	}
	if r.Header[versionHeader] != nil && r.Header.Get(versionHeader) != "1.0" {
		return errors.New("signature-version")
	}
	if r.Header["Content-Md5"] != nil {
		digest, err := strictBase64(r.Header.Get("Content-Md5"))
		if err != nil {
			return err
		}
		if sum := md5.Sum(body); !bytes.Equal(digest, sum[:]) {
			return errors.New("digest")
		}
	}

	key, err := v.publicKey(keyURL)
	if err != nil {
		return errKeyUnavailable
	}
	err = checkSignature(key, keyURL, signed, signature)
	if err == nil {
		return nil
	}
	// The storage server may have another key by now.
	if renewed := v.renewedKey(keyURL, key); renewed != nil {
		return checkSignature(renewed, keyURL, signed, signature)
	}
	return err
}

func checkSignature(key *rsa.PublicKey, keyURL, signed string, signature []byte) error {
	// OSS's own key has 512 bits. So small a key can be factored for the price of a meal, so it is
	// taken from that address only.
	if bits := key.N.BitLen(); bits < 512 || bits < 1024 && !ossKeyURL.MatchString(keyURL) {
		return errors.New("key-too-small")
	}
	// If go.mod says Go 1.24 or later, crypto/rsa refuses OSS's own key, in words of its own; then
	// add `godebug rsa1024min=0` there.
	sum := md5.Sum([]byte(signed))
	err := rsa.VerifyPKCS1v15(key, crypto.MD5, sum[:], signature)
	if errors.Is(err, rsa.ErrVerification) {
		return errors.New("signature")
	}
	return err
}

// publicKey fetches each key once, however many wait for it. What failed is not kept: the next
// request tries again, and nobody can fill the map with addresses of his own.
func (v *verifier) publicKey(url string) (*rsa.PublicKey, error) {
	entry, _ := v.keys.LoadOrStore(url, &publicKey{})
	wanted := entry.(*publicKey)
	wanted.fetched.Do(func() {
		wanted.asked = v.now()
		if wanted.key, wanted.err = v.fetch(url); wanted.err != nil {
			v.keys.Delete(url)
		}
	})
	return wanted.key, wanted.err
}

// renewedKey gives the key that lies at the address now, if it is another than stale, by which a
// signature did not fit: a server that was set up anew has another one there. Forgeries lead here,
// too, so it asks once a minute at most, and without an answer the old key stays.
func (v *verifier) renewedKey(url string, stale *rsa.PublicKey) *rsa.PublicKey {
	v.renewing.Lock()
	defer v.renewing.Unlock()
	entry, isKept := v.keys.Load(url)
	if !isKept {
		return nil
	}
	known := entry.(*publicKey)
	known.fetched.Do(func() {}) // waits for a fetch that is under way
	if known.key != stale {
		return known.key
	}
	if v.now().Sub(known.asked) < renewAfter {
		return nil
	}
	known.asked = v.now()
	key, err := v.fetch(url)
	if err != nil || key.Equal(stale) {
		return nil
	}
	fresh := &publicKey{asked: known.asked, key: key}
	fresh.fetched.Do(func() {})
	v.keys.Store(url, fresh)
	return key
}

func (v *verifier) fetch(url string) (*rsa.PublicKey, error) {
	host := strings.Split(url, "/")[2]
	entry, _ := v.fetches.LoadOrStore(host, make(chan struct{}, maxFetches))
	places := entry.(chan struct{})
	select {
	case places <- struct{}{}:
		defer func() { <-places }()
	default:
		return nil, errBusy
	}
	response, err := v.client.Get(url)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(io.LimitReader(response.Body, maxKeyBytes+1))
	if err != nil {
		return nil, err
	}
	block, _ := pem.Decode(text)
	if response.StatusCode != http.StatusOK || len(text) > maxKeyBytes || block == nil {
		return nil, errNoKey
	}
	parsed, err := x509.ParsePKIXPublicKey(block.Bytes)
	if key, isRSA := parsed.(*rsa.PublicKey); err == nil && isRSA {
		return key, nil
	}
	return nil, errNoKey
}

// strictBase64 takes one spelling of each value: Go's decoders skip line breaks, even if strict.
func strictBase64(text string) ([]byte, error) {
	data, err := base64.StdEncoding.DecodeString(text)
	if err != nil || base64.StdEncoding.EncodeToString(data) != text {
		return nil, errors.New("header-not-base64")
	}
	return data, nil
}

var (
	// No user-info, backslash, percent sign, query, fragment, `//` or `..`.
	plainURL       = regexp.MustCompile(`^https?://[\w.:\[\]-]+(/[\w~-][\w.~-]*)+$`)
	keyURLEntry    = regexp.MustCompile(`^https?://[\w.:\[\]-]+(/[\w~-][\w.~-]*)*/[\w.~-]*\*?[\w.~-]*$`)
	ossKeyURL      = regexp.MustCompile(`^https?://gosspublic\.alicdn\.com/callback_pub_key_v1\.pem$`)
	percentEncoded = regexp.MustCompile(`%[0-9A-Fa-f]{2}`)
)

var (
	errNoKey          = errors.New("the answer is no RSA key in PEM")
	errBusy           = errors.New("too many keys are being fetched")
	errKeyUnavailable = errors.New("key-unavailable")
)

const (
	keyURLHeader  = "X-Oss-Pub-Key-Url"
	versionHeader = "X-Oss-Signature-Version"
	maxURLBytes   = 1024
	maxKeyBytes   = 16 << 10
	maxFetches    = 8
	renewAfter    = time.Minute
)
