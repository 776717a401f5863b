package fast_test

import (
	"context"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"feedpub/feed"
	"feedpub/feed/serve"
)

// TestFeedOpenedInBrowser checks that Chromium applies the style sheets of RSS and Atom documents instead of showing
// their source text.
func TestFeedOpenedInBrowser(t *testing.T) {
	t.Parallel()
	// Without a style sheet, Chromium would show a page with the source text.
	const style = `<?xml-stylesheet type="text/css" href="/feed.css"?>`
	bodies := map[feed.Format]string{
		feed.RSS:  style + `<rss version="2.0"><channel><title>Harbour</title></channel></rss>`,
		feed.Atom: style + `<feed xmlns="http://www.w3.org/2005/Atom"><title>Harbour</title></feed>`,
	}
	head, blobs := feed.Head{Feed: feed.Main, Token: 1}, map[feed.Hash]feed.Blob{}
	for format, body := range bodies {
		b := feed.Blob{Hash: feed.HashOf([]byte(body)), Gzip: pack([]byte(body)), Size: len(body)}
		blobs[b.Hash] = b
		head.Documents = append(head.Documents, feed.DocumentRef{
			Format: format, Path: feed.Main.Path(format), MediaType: format.MediaType(), MaxAge: time.Minute, Hash: b.Hash,
			Length: b.Size, Modified: noon,
		})
	}
	s, err := serve.NewSnapshot(serve.Options{}, []feed.Head{head},
		func(h feed.Hash) (feed.Blob, bool) { b, ok := blobs[h]; return b, ok })
	if err != nil {
		t.Fatal(err)
	}
	for engine, format := range map[string]feed.Format{"fast": feed.RSS, "standard": feed.Atom} {
		addr := start(t, engine, &serve.Front{Documents: fixed{s}}, testLimits, logTo(t))
		shown := dumpDOM(t, "http://"+addr+feed.Main.Path(format))
		if want := bodies[format][len(style) : len(style)+len("<rss ")]; !strings.HasPrefix(shown, want) {
			t.Errorf("%s engine: Chromium shows %s as %q, want a document that begins with %q", engine, format, shown, want)
		}
	}
}

// dumpDOM opens an address in Chromium and returns the document that it shows.
func dumpDOM(t *testing.T, address string) string {
	t.Helper()
	profile, err := os.MkdirTemp("", "chromium") // T.TempDir would fail if a Chromium process still wrote to it
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = os.RemoveAll(profile) }()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "chromium", "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run",
		"--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage",
		"--user-data-dir="+profile, "--dump-dom", address)
	cmd.WaitDelay = 10 * time.Second
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("running chromium, which \"make test\" installs: %v", err)
	}
	return string(out)
}
