package main

import (
	"bytes"
	"crypto/md5"
	"crypto/rsa"
	"encoding/base64"
	"encoding/hex"
	"math/big"
	"net/http"
	"strings"
)

// refusal says in a word what is wrong with a callback.
type refusal string

func (r refusal) Error() string { return string(r) }

// verifyCallback returns nil if the storage server sent this request, and otherwise a refusal.
//
// target and body are the raw ones: neither decoded nor parsed. fetchKey is asked only for an
// address that allowed has let pass.
func verifyCallback(
	allowed keyURLs,
	method, target string,
	headers http.Header,
	body []byte,
	fetchKey func(url string) (*rsa.PublicKey, error),
) error {
	if method != http.MethodPost {
		return refusal("method")
	}
	// The path is signed decoded, with `?` and a line feed as marks behind it: were they allowed in
	// it, `/a%3Fb` would carry the signature of `/a?b`.
	path, query, hasQuery := strings.Cut(target, "?")
	decodedPath := percentDecode(path)
	if !strings.HasPrefix(path, "/") || bytes.ContainsAny(decodedPath, "?\n") ||
		strings.Contains(target, "\n") {
		return refusal("target")
	}

	header, found, err := oneHeader(headers, "X-Oss-Pub-Key-Url")
	if err != nil {
		return err
	} else if !found {
		return refusal("header-missing")
	}
	address, ok := strictBase64(header)
	keyURL := string(address)
	if !ok || !allowed.allow(keyURL) {
		return refusal("key-url")
	}

	header, found, err = oneHeader(headers, "Authorization")
	if err != nil {
		return err
	} else if !found {
		return refusal("header-missing")
	}
	signature, ok := strictBase64(header)
	if !ok {
		return refusal("header-not-base64")
	}

	header, found, err = oneHeader(headers, "X-Oss-Signature-Version")
	if err != nil {
		return err
	} else if found && header != "1.0" {
		return refusal("signature-version")
	}

	header, found, err = oneHeader(headers, "Content-MD5")
	if err != nil {
		return err
	} else if found {
		digest, ok := strictBase64(header)
		if !ok {
			return refusal("header-not-base64")
		}
		if sum := md5.Sum(body); !bytes.Equal(digest, sum[:]) {
			return refusal("digest")
		}
	}

	key, err := fetchKey(keyURL)
	if err != nil {
		return refusal("key-unavailable")
	}
	if key.N.BitLen() < leastBits(keyURL) {
		return refusal("key-too-small")
	}

	signed := decodedPath
	if hasQuery {
		signed = append(append(signed, '?'), query...)
	}
	signed = append(append(signed, '\n'), body...)
	if !isMD5Signature(key, signed, signature) {
		return refusal("signature")
	}
	return nil
}

// isMD5Signature is RSASSA-PKCS1-v1_5 with MD5.
//
// crypto/rsa would do, but since Go 1.24 it refuses keys of less than 1,024 bits in modules whose
// go.mod says so new a version, and OSS's own key has 512. A public operation has no secret to
// lose, so it is computed here: the block as it must be, whole, compared with the block that is.
func isMD5Signature(key *rsa.PublicKey, message, signature []byte) bool {
	number := new(big.Int).SetBytes(signature)
	if len(signature) != key.Size() || number.Cmp(key.N) >= 0 {
		return false
	}
	block := make([]byte, key.Size())
	number.Exp(number, big.NewInt(int64(key.E)), key.N).FillBytes(block)

	digest := md5.Sum(message)
	tail := append([]byte(md5DigestInfo), digest[:]...)
	wanted := append([]byte{0, 1}, bytes.Repeat([]byte{0xff}, len(block)-3-len(tail))...)
	wanted = append(append(wanted, 0), tail...)
	return bytes.Equal(block, wanted)
}

// oneHeader is not Header.Get, which takes the first of two: a proxy in front may take the other.
func oneHeader(headers http.Header, name string) (value string, found bool, err error) {
	switch values := headers.Values(name); len(values) {
	case 0:
		return "", false, nil
	case 1:
		return values[0], true, nil
	default:
		return "", true, refusal("header-twice")
	}
}

// strictBase64 takes one spelling of each value: Go's decoders skip line breaks, even if strict.
func strictBase64(text string) ([]byte, bool) {
	data, err := base64.StdEncoding.DecodeString(text)
	return data, err == nil && base64.StdEncoding.EncodeToString(data) == text
}

// percentDecode gives bytes, which need not be UTF-8. `+` and a `%` that encodes nothing stay;
// url.PathUnescape would fail.
func percentDecode(text string) []byte {
	decoded := make([]byte, 0, len(text))
	for i := 0; i < len(text); i++ {
		if text[i] == '%' && i+2 < len(text) {
			if octet, err := hex.DecodeString(text[i+1 : i+3]); err == nil {
				decoded = append(decoded, octet...)
				i += 2
				continue
			}
		}
		decoded = append(decoded, text[i])
	}
	return decoded
}

// Source: RFC 8017, 9.2, note 1.
const md5DigestInfo = "\x30\x20\x30\x0c\x06\x08\x2a\x86\x48\x86\xf7\x0d\x02\x05\x05\x00\x04\x10"
