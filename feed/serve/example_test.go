package serve_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"

	"feedpub/feed"
	"feedpub/feed/serve"
)

// current implements serve.Documents.
type current struct{ snapshot *serve.Snapshot }

func (c *current) Snapshot() *serve.Snapshot { return c.snapshot }

// A program can mount feeds in its own server, here below /feeds.
func ExampleNewHandler() {
	documents := &current{}
	var err error
	documents.snapshot, err = serve.NewSnapshot(serve.Options{}, nil,
		func(feed.Hash) (feed.Blob, bool) { return feed.Blob{}, false })
	if err != nil {
		fmt.Println(err)
		return
	}
	mux := http.NewServeMux()
	mux.Handle("/feeds/", http.StripPrefix("/feeds", serve.NewHandler(&serve.Front{Documents: documents})))

	w := httptest.NewRecorder()
	mux.ServeHTTP(w, httptest.NewRequest("GET", "/feeds/atom.xml", nil))
	fmt.Println(w.Code, w.Header().Get("Retry-After"))
	// Output: 503 30
}
