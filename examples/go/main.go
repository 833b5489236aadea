// An application server for direct uploads: it signs policies, and hears of each upload in a
// callback whose signature it verifies. The standard library is all it needs.
package main

import (
	"context"
	"crypto/hmac"
	"crypto/sha1"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/signal"
	"regexp"
	"strconv"
	"syscall"
	"time"
	"unicode/utf8"
)

type server struct {
	accessKeyID, accessKeySecret, host, bucket string
	callbackURL                                string
	target                                     string // path and query of CALLBACK_URL
	verifier                                   *verifier
	binding                                    *binding
	uploads                                    *uploads
}

// No ServeMux: it cleans paths and redirects, and a callback that is redirected has failed.
func (s *server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Access-Control-Allow-Origin", "*")
	w.Header().Set("Cache-Control", "no-store")
	var code int
	var value any
	switch r.Method {
	case http.MethodGet:
		code, value = s.get(r.URL)
	case http.MethodPost:
		code, value = s.post(w, r)
	case http.MethodOptions:
		w.Header().Set("Access-Control-Allow-Methods", "GET, POST")
		w.Header().Set("Access-Control-Allow-Headers", "*")
		w.WriteHeader(http.StatusNoContent)
		return
	default:
		code, value = http.StatusMethodNotAllowed, status{Status: "method not allowed"}
	}
	body := toJSON(value)
	w.Header().Set("Content-Type", "application/json")
	// Without it net/http sends longer answers in chunks, and the storage server refuses those.
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(code)
	_, _ = w.Write(body) // whoever hung up needs no answer
}

func (s *server) get(target *url.URL) (int, any) {
	if target.Path == "/uploads" {
		return http.StatusOK, map[string][]upload{"uploads": s.uploads.list()}
	}
	// A real application takes the user from its session, never from the request: whoever may
	// choose the name may write into that user's folder.
	query, err := url.ParseQuery(target.RawQuery)
	if !query.Has("user") {
		query.Set("user", "guest")
	}
	user := query.Get("user")
	if err != nil || !userName.MatchString(user) {
		message := "user must be 1 to 32 characters of a-z, 0-9, _ and -"
		return http.StatusBadRequest,
			map[string]any{"error": map[string]string{"code": "InvalidUser", "message": message}}
	}
	return http.StatusOK, s.signPolicy(user)
}

// signPolicy allows uploads below the user's folder, for five minutes. The names are those of OSS's
// own samples.
func (s *server) signPolicy(user string) map[string]any {
	dir := "uploads/" + user + "/"
	expires := time.Now().UTC().Add(5 * time.Minute).Truncate(time.Second)
	permitted := s.binding.make(permission{
		Bucket: s.bucket, Prefix: &dir, User: &user, Expires: expires.Add(bindingGrace).Unix(),
	})
	// The form field: JSON in base64.
	callback := base64.StdEncoding.EncodeToString(toJSON(map[string]string{
		"callbackUrl": s.callbackURL,
		"callbackBody": "bucket=${bucket}&object=${object}&etag=${etag}&size=${size}" +
			"&mimeType=${mimeType}&height=${imageInfo.height}&width=${imageInfo.width}" +
			"&requestId=${reqId}&binding=" + permitted,
		"callbackBodyType": "application/x-www-form-urlencoded",
	}))
	policy := base64.StdEncoding.EncodeToString(toJSON(map[string]any{
		"expiration": expires.Format("2006-01-02T15:04:05.000Z"),
		"conditions": [][]any{
			{"eq", "$bucket", s.bucket},
			{"starts-with", "$key", dir},
			{"content-length-range", 0, 100 << 20},
			{"not-in", "$x-oss-object-acl", []string{"public-read", "public-read-write"}},
			// Pinned: otherwise the page could send its file without the application hearing of it.
			{"eq", "$callback", callback},
			{"eq", "$success_action_status", "200"},
		},
	}))
	mac := hmac.New(sha1.New, []byte(s.accessKeySecret))
	mac.Write([]byte(policy)) // the base64 text is signed, not the document
	return map[string]any{
		"accessid":  s.accessKeyID,
		"host":      s.host,
		"policy":    policy,
		"signature": base64.StdEncoding.EncodeToString(mac.Sum(nil)),
		"expire":    expires.Unix(),
		"callback":  callback,
		"dir":       dir,
	}
}

func (s *server) post(w http.ResponseWriter, r *http.Request) (int, any) {
	if r.RequestURI != s.target {
		return http.StatusNotFound, status{Status: "not found"}
	}
	// The raw bytes are what was signed. r.ParseForm would eat them.
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 1<<20))
	if err != nil {
		return http.StatusRequestEntityTooLarge, status{Status: "body too long, or broken off"}
	}
	if err := s.verifier.verify(r, body); err != nil {
		log.Printf("callback refused: %v", err)
		if err == errKeyUnavailable { // upcall calls again later; after a 4xx it does not
			return http.StatusServiceUnavailable, status{Status: "verify not ok"}
		}
		return http.StatusBadRequest, status{Status: "verify not ok"}
	}
	form, err := readForm(body)
	if err != nil {
		return http.StatusBadRequest, status{Status: "body not understood"}
	}
	permitted, err := s.binding.verify(form.Get("binding"), form.Get("bucket"), form.Get("object"), time.Now())
	if err != nil {
		log.Printf("callback refused: %v", err)
		return http.StatusForbidden, status{Status: "not permitted"}
	}
	if err := s.uploads.add(form, permitted.User); err != nil {
		log.Printf("an upload could not be kept: %v", err)
		return http.StatusInternalServerError, status{Status: "not stored"}
	}
	return http.StatusOK, status{Status: "OK", Object: form.Get("object")}
}

// readForm takes no field twice, of which one reader would take the first and the next the last, and
// no bytes that are no UTF-8, which would make another name of the object.
func readForm(body []byte) (url.Values, error) {
	form, err := url.ParseQuery(string(body))
	for name, values := range form {
		if len(values) > 1 || !utf8.ValidString(name) || !utf8.ValidString(values[0]) {
			return nil, errors.New("a field that comes twice, or is no UTF-8")
		}
	}
	return form, err
}

type status struct {
	Status string
	Object string `json:"object,omitempty"`
}

func toJSON(value any) []byte {
	text, err := json.Marshal(value)
	if err != nil {
		panic(err) // only for types that cannot be JSON, and there are none here
	}
	return text
}

var (
	userName = regexp.MustCompile(`^[a-z0-9_-]{1,32}$`)
	ownPort  = regexp.MustCompile(`^http://(?:127\.0\.0\.1|localhost):(\d+)(?:[/?]|$)`)
)

func main() {
	log.SetFlags(0)
	// Without PORT, it listens where CALLBACK_URL says, if that is on this machine.
	port := "3000"
	if own := ownPort.FindStringSubmatch(os.Getenv("CALLBACK_URL")); own != nil {
		port = own[1]
	}
	port = setting("PORT", port)
	callbackURL := setting("CALLBACK_URL", "http://127.0.0.1:"+port+"/callback")
	target, err := url.Parse(callbackURL)
	exitIf(err)
	if target.Host == "" {
		exitIf(errors.New("CALLBACK_URL is not of the form http(s)://host/path"))
	}
	app := &server{
		accessKeyID:     setting("OSS_ACCESS_KEY_ID", ""),
		accessKeySecret: setting("OSS_ACCESS_KEY_SECRET", ""),
		host:            setting("OSS_HOST", ""),
		bucket:          setting("OSS_BUCKET", ""),
		callbackURL:     callbackURL,
		target:          target.RequestURI(),
	}
	app.verifier, err = newVerifier(os.Getenv("CALLBACK_KEY_URLS"))
	exitIf(err)
	app.binding, err = newBinding(os.Getenv("BINDING_SECRET"), app.accessKeySecret)
	exitIf(err)
	app.uploads, err = openUploads(setting("UPLOADS", "uploads.jsonl"))
	exitIf(err)

	listener, err := net.Listen("tcp", "127.0.0.1:"+port)
	exitIf(err)
	// net/http waits for ever if it is not told otherwise.
	server := &http.Server{Handler: app, ReadTimeout: 10 * time.Second, WriteTimeout: 20 * time.Second}
	fmt.Printf("ready: http://%s/\n", listener.Addr())
	ended := make(chan os.Signal, 1)
	signal.Notify(ended, syscall.SIGTERM, os.Interrupt)
	go func() {
		if err := server.Serve(listener); err != http.ErrServerClosed {
			exitIf(err)
		}
	}()
	<-ended
	// Callbacks under way get a second to be answered.
	time.AfterFunc(time.Second, func() { server.Close() })
	_ = server.Shutdown(context.Background())
}

func setting(name, otherwise string) string {
	if value := os.Getenv(name); value != "" {
		return value
	}
	if otherwise == "" {
		exitIf(fmt.Errorf("the environment variable %s is not set", name))
	}
	return otherwise
}

func exitIf(err error) {
	if err != nil {
		log.Fatalf("error: %v", err)
	}
}
