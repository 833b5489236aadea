// An application server for direct uploads: it signs policies, and hears of each upload in a
// callback whose signature it verifies. The standard library is all it needs.
package main

import (
	"context"
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
)

type server struct {
	policies policySigner
	target   string // path and query of CALLBACK_URL: where callbacks come to
	keyURLs  keyURLs
	keys     publicKeys
	uploads  *uploads
}

// No ServeMux: it cleans paths and redirects, and a callback that is redirected has failed.
func (s *server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Access-Control-Allow-Origin", "*")
	switch r.Method {
	case http.MethodGet:
		s.get(w, r)
	case http.MethodPost:
		s.post(w, r)
	case http.MethodOptions:
		w.Header().Set("Access-Control-Allow-Methods", "GET, POST")
		w.Header().Set("Access-Control-Allow-Headers", "*")
		w.WriteHeader(http.StatusNoContent)
	default:
		w.Header().Set("Allow", "GET, POST, OPTIONS")
		answer(w, http.StatusMethodNotAllowed, status{Status: "method not allowed"})
	}
}

func (s *server) get(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Cache-Control", "no-store")
	if r.URL.Path == "/uploads" {
		answer(w, http.StatusOK, map[string][]listedUpload{"uploads": s.uploads.newest()})
		return
	}
	// A real application takes the user from its session, never from the request: whoever may
	// choose the name may write into that user's folder.
	user := "guest"
	query, err := url.ParseQuery(r.URL.RawQuery)
	if query.Has("user") {
		user = query.Get("user")
	}
	if err != nil || !userName.MatchString(user) {
		answer(w, http.StatusBadRequest, map[string]any{"error": map[string]string{
			"code":    "InvalidUser",
			"message": "user must be 1 to 32 characters of a-z, 0-9, _ and -",
		}})
		return
	}
	answer(w, http.StatusOK, s.policies.sign("uploads/"+user+"/", time.Now()))
}

func (s *server) post(w http.ResponseWriter, r *http.Request) {
	// RequestURI is the target as it was sent; r.URL.Path is decoded, which is not what was signed
	// when it comes to `?`.
	if r.RequestURI != s.target {
		answer(w, http.StatusNotFound, status{Status: "not found"})
		return
	}
	// The raw bytes are what was signed. r.ParseForm would eat them.
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxCallbackBytes))
	var tooLong *http.MaxBytesError
	if errors.As(err, &tooLong) {
		answer(w, http.StatusRequestEntityTooLarge, status{Status: "body too long"})
		return
	} else if err != nil {
		answer(w, http.StatusBadRequest, status{Status: "body not read"})
		return
	}
	err = verifyCallback(s.keyURLs, r.Method, r.RequestURI, r.Header, body, s.keys.get)
	if err != nil {
		log.Printf("callback refused: %v", err)
		answer(w, http.StatusBadRequest, status{Status: "verify not ok"})
		return
	}
	form, err := url.ParseQuery(string(body))
	if err != nil || form.Get("object") == "" {
		log.Print("callback refused: its body names no object")
		answer(w, http.StatusBadRequest, status{Status: "body not understood"})
		return
	}
	if err := s.uploads.add(uploadOf(form)); err != nil {
		log.Printf("an upload could not be kept: %v", err)
		answer(w, http.StatusInternalServerError, status{Status: "not stored"})
		return
	}
	answer(w, http.StatusOK, status{Status: "OK", Object: form.Get("object")})
}

type status struct {
	Status string
	Object string `json:"object,omitempty"`
}

// Sends JSON with a Content-Length: without one net/http sends longer answers in chunks, and the
// storage server refuses those.
func answer(w http.ResponseWriter, code int, value any) {
	body := toJSON(value)
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(code)
	_, _ = w.Write(body) // whoever hung up needs no answer
}

func main() {
	log.SetFlags(0) // to stderr
	if err := run(); err != nil {
		log.Fatalf("error: %v", err)
	}
}

func run() error {
	accessKeyID, err1 := setting("OSS_ACCESS_KEY_ID", "")
	accessKeySecret, err2 := setting("OSS_ACCESS_KEY_SECRET", "")
	host, err3 := setting("OSS_HOST", "")
	port, _ := setting("PORT", "3000")
	callbackURL, _ := setting("CALLBACK_URL", "http://127.0.0.1:"+port+"/callback")
	path, _ := setting("UPLOADS", "uploads.jsonl")
	target, err4 := targetOf(callbackURL)
	keyURLs, err5 := parseKeyURLs(os.Getenv("CALLBACK_KEY_URLS"))
	for _, err := range []error{err1, err2, err3, err4, err5} {
		if err != nil {
			return err
		}
	}
	uploads, err := openUploads(path)
	if err != nil {
		return err
	}
	listener, err := net.Listen("tcp", "127.0.0.1:"+port)
	if err != nil {
		return err
	}
	handler := &server{
		policies: newPolicySigner(accessKeyID, accessKeySecret, host, callbackURL),
		target:   target,
		keyURLs:  keyURLs,
		uploads:  uploads,
	}
	server := &http.Server{
		Handler: handler,
		// net/http waits for ever if it is not told otherwise.
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       10 * time.Second,
		WriteTimeout:      20 * time.Second,
		IdleTimeout:       30 * time.Second,
		MaxHeaderBytes:    16 << 10,
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
	defer stop()
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(listener) }()
	fmt.Printf("ready: http://%s/\n", listener.Addr())

	select {
	case err := <-ended:
		return err
	case <-ctx.Done():
		// Callbacks under way get a second to be answered.
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		if server.Shutdown(ctx) != nil {
			return server.Close()
		}
		return nil
	}
}

func setting(name, otherwise string) (string, error) {
	if value := os.Getenv(name); value != "" {
		return value, nil
	}
	if otherwise == "" {
		return "", fmt.Errorf("the environment variable %s is not set", name)
	}
	return otherwise, nil
}

// Path and query of an address, as the storage server sends them.
func targetOf(address string) (string, error) {
	parts := callbackAddress.FindStringSubmatch(address)
	if parts == nil {
		return "", errors.New("CALLBACK_URL is not of the form http(s)://host/path in ASCII, " +
			"without a fragment")
	}
	if target := parts[1]; target != "" && target[0] == '/' {
		return target, nil
	} else {
		return "/" + target, nil
	}
}

var (
	userName        = regexp.MustCompile(`^[a-z0-9_-]{1,32}$`)
	callbackAddress = regexp.MustCompile(`^https?://[!"$-.0->@-~]+([/?][!"$-~]*)?$`)
)

// A callback has some hundred bytes.
const maxCallbackBytes = 1 << 20
