package admin

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"iter"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"feedpub/feed"
	"feedpub/feed/intake"
)

// fakePosts is an in-memory [Posts].
type fakePosts struct {
	raw         map[string]string
	unconfirmed bool
	err         error // error that writes return after the first failAfter of them
	failAfter   int
	meanwhile   func() // called by Update before it reads the post
}

func newFakePosts() *fakePosts { return &fakePosts{raw: map[string]string{}} }

func (f *fakePosts) Update(_ context.Context, id string, next func([]byte) ([]byte, error)) (bool, error) {
	if f.err != nil {
		return false, f.err
	}
	if f.meanwhile != nil {
		f.meanwhile()
	}
	var current []byte
	if raw, ok := f.raw[id]; ok {
		current = []byte(raw)
	}
	raw, err := next(current)
	switch {
	case err != nil:
		return false, err
	case raw == nil:
		delete(f.raw, id)
	default:
		f.raw[id] = string(raw)
	}
	return !f.unconfirmed, nil
}

func (f *fakePosts) PutConfirmed(_ context.Context, posts ...feed.RawPost) ([]bool, bool, error) {
	if f.err != nil && f.failAfter <= 0 {
		return nil, false, f.err
	}
	f.failAfter--
	var created []bool
	for _, p := range posts {
		_, existed := f.raw[p.ID]
		created = append(created, !existed)
		f.raw[p.ID] = string(p.Raw)
	}
	return created, !f.unconfirmed, nil
}

func (f *fakePosts) Load(_ context.Context, ids []string) ([]feed.StoredPost, error) {
	var list []feed.StoredPost
	for _, id := range ids {
		s := feed.StoredPost{ID: id}
		if raw, ok := f.raw[id]; ok {
			s.Raw = []byte(raw)
		}
		if id == "missing" {
			s.Item = &feed.Item{ID: id}
		}
		list = append(list, s)
	}
	return list, nil
}

func (f *fakePosts) PostIDs(context.Context) iter.Seq2[[]string, error] {
	return func(yield func([]string, error) bool) {
		for id := range maps.Keys(f.raw) {
			if !yield([]string{id, id}, nil) {
				return
			}
		}
	}
}

func decodes(id string, raw []byte) error {
	_, err := intake.Decode(id, raw)
	return err
}

// writers returns a configuration whose site has the given posts, by id.
func writers(t *testing.T, posts map[string]string) (Config, *fakePosts) {
	t.Helper()
	f := newFakePosts()
	maps.Copy(f.raw, posts)
	c := config(t, &fake{})
	only(t, c).Posts = f
	return c, f
}

const (
	hello    = `{"id": "hello", "content_text": "Hello."}`
	again    = `{"id": "hello", "content_text": "Hello again."}`
	asJSON   = "Content-Type: application/json"
	asLines  = "Content-Type: application/x-ndjson"
	helloURL = "/sites/main/posts/hello"
)

func TestPutStoresAPost(t *testing.T) {
	for _, test := range []struct {
		name, id, body string
		want           string // stored post
	}{
		{"plain", "hello", hello, hello},
		{"white space around it", "hello", "\ufeff \n" + hello + "\n", hello},
		{"without an id", "hello", `{ "content_text": "x"}`, `{"id": "hello", "content_text": "x"}`},
		{"a URL", "https://example/1", `{"id": "https://example/1", "content_text": "x"}`, ""},
		{"a URL with everything", "https://example.org/a/../b//c?d=%20&e#f", `{"content_text": "x"}`,
			`{"id": "https://example.org/a/../b//c?d=%20\u0026e#f", "content_text": "x"}`},
		{"a dot", ".", `{"id": ".", "content_text": "x"}`, ""},
		{"two dots", "..", `{"id": "..", "content_text": "x"}`, ""},
		{"dots among slashes", "/../.", `{"id": "/../.", "content_text": "x"}`, ""},
		{"space", "a b", `{"id": "a b", "content_text": "x"}`, ""},
		{"plus", "a+b", `{"id": "a+b", "content_text": "x"}`, ""},
		{"unicode", "ünïcödé 🎉", `{"id": "ünïcödé 🎉", "content_text": "x"}`, ""},
		{"percent", "100%", `{"id": "100%", "content_text": "x"}`, ""},
		{"escaped twice", "a%2Fb", `{"id": "a%2Fb", "content_text": "x"}`, ""},
		{"backslash and semicolon", `a\b;c`, `{"id": "a\\b;c", "content_text": "x"}`, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			if test.want == "" {
				test.want = test.body
			}
			c, f := writers(t, nil)
			path := postPath("main", test.id)
			res := ask(t, c, "PUT", path, test.body, bearer, asJSON)
			if res.StatusCode != 201 || res.Header.Get("Location") != path ||
				res.Header.Get("ETag") != entityTag([]byte(test.want)) {
				t.Errorf("PUT %s: %d, Location %q, ETag %q: %s", path, res.StatusCode, res.Header.Get("Location"),
					res.Header.Get("ETag"), text(t, res))
			}
			if diff := cmp.Diff(map[string]string{test.id: test.want}, f.raw); diff != "" {
				t.Errorf("PUT %s stored (-want +got):\n%s", path, diff)
			}
			res = ask(t, c, "PUT", path, test.body, bearer)
			if res.StatusCode != 200 {
				t.Errorf("second PUT: %d, want 200", res.StatusCode)
			}
			res = ask(t, c, "GET", path, "", bearer)
			if got := text(t, res); res.StatusCode != 200 || got != test.want ||
				res.Header.Get("ETag") != entityTag([]byte(test.want)) {
				t.Errorf("GET %s: %d %s", path, res.StatusCode, got)
			}
			res = ask(t, c, "DELETE", path, "", bearer)
			if res.StatusCode != 204 || len(f.raw) > 0 {
				t.Errorf("DELETE %s: %d, and %q is stored", path, res.StatusCode, f.raw)
			}
		})
	}
}

func TestIDIsOneSegment(t *testing.T) {
	for _, path := range []string{
		"/sites/main/posts/https://example/1", "/sites/main/posts/a/b", "/sites/main/posts/a/", "/sites/main/posts/",
		"/sites/main/posts//a", "/sites/main//posts/a", "/sites/main/posts/../posts/a", "/sites/other/posts/hello",
		"/sites//posts/hello", "/sites/main%2Fposts/hello", "/sites/main", "/sites/",
	} {
		c, _ := writers(t, map[string]string{"hello": hello, "a": hello, "b": hello})
		if res := ask(t, c, "GET", path, "", bearer); res.StatusCode != 404 {
			t.Errorf("GET %s: %d, Location %q; want 404", path, res.StatusCode, res.Header.Get("Location"))
		}
	}
}

func TestInvalidPostIsRejected(t *testing.T) {
	for _, test := range []struct {
		name, method, path, body string
		header                   string
		status                   int
		place, reason            string
	}{
		{"not JSON", "PUT", helloURL, "{\n\"title\": \"x", asJSON, 422, "line 2, column 11", "unexpected end of JSON input"},
		{"wrong type", "PUT", helloURL, `{"id": "hello", "title": 7}`, asJSON, 422, "title", "want a string, got a number"},
		{"deep", "PUT", helloURL, `{"authors": [{"name": "Ada"}, {}]}`, asJSON, 422, "authors[1]",
			"want a name, url or avatar"},
		{"another id", "PUT", helloURL, `{"id": "other"}`, asJSON, 422, "id",
			`want "hello", the id under which the post is stored, got "other"`},
		{"an array", "PUT", helloURL, `[]`, asJSON, 422, "", "want an object, got an array"},
		{"nothing", "PUT", helloURL, ``, asJSON, 422, "line 1, column 1", "unexpected end of JSON input"},
		{"an id with a control character", "PUT", "/sites/main/posts/a%0Ab", `{}`, asJSON, 422, "id",
			`want no control characters, got "a\nb"`},
		{"an id that is too long", "PUT", "/sites/main/posts/" + strings.Repeat("x", 513), `{}`, asJSON, 422, "id",
			"want 1 to 512 bytes, got 513"},
		{"too long", "PUT", helloURL, strings.Repeat(" ", intake.MaxSize) + "{}", asJSON, 413, "", ""},
		{"a content type other than JSON", "PUT", helloURL, hello, "Content-Type: text/plain", 415, "", ""},
		{"lines", "PUT", helloURL, hello, asLines, 415, "", ""},
		{"without an id", "POST", "/sites/main/posts", `{"title": "x"}`, asJSON, 422, "id",
			"is missing; give the post an id that never changes"},
		{"not JSON", "POST", "/sites/main/posts", `{"title": "x`, asJSON, 422, "line 1, column 12",
			"unexpected end of JSON input"},
		{"with an invalid type", "POST", "/sites/main/posts", hello, "Content-Type: ;", 415, "", ""},
		{"bad condition", "PUT", helloURL, hello, "If-Match: hello", 400, "", ""},
	} {
		t.Run(test.method+" "+test.name, func(t *testing.T) {
			c, f := writers(t, nil)
			res := ask(t, c, test.method, test.path, test.body, bearer, test.header)
			var got problem
			if err := json.Unmarshal([]byte(text(t, res)), &got); err != nil {
				t.Fatal(err)
			}
			if res.StatusCode != test.status || got.Status != test.status || got.Place != test.place ||
				got.Reason != test.reason {
				t.Errorf("%d %+v; want %d %q %q", res.StatusCode, got, test.status, test.place, test.reason)
			}
			if got := res.Header.Get("Content-Type"); got != "application/problem+json" {
				t.Errorf("Content-Type is %q", got)
			}
			if len(f.raw) > 0 {
				t.Errorf("%q was stored", f.raw)
			}
		})
	}
}

func TestConditionalWrites(t *testing.T) {
	current := entityTag([]byte(hello))
	const other = `"0123"`
	for _, test := range []struct {
		name, header string
		stored       bool
		want         int // status of PUT; a successful DELETE has 204
	}{
		{"the version", "If-Match: " + current, true, 200},
		{"this version among others", "If-Match: " + other + ", " + current, true, 200},
		{"another version", "If-Match: " + other, true, 412},
		{"the version, weak", "If-Match: W/" + current, true, 412},
		{"any version", "If-Match: *", true, 200},
		{"any version, without a post", "If-Match: *", false, 412},
		{"a version, without a post", "If-Match: " + current, false, 412},
		{"no version, with a post", "If-None-Match: *", true, 412},
		{"no version, without a post", "If-None-Match: *", false, 201},
		{"not this version", "If-None-Match: " + current, true, 412},
		{"not a different version", "If-None-Match: " + other, true, 200},
	} {
		t.Run(test.name, func(t *testing.T) {
			posts := map[string]string{}
			if test.stored {
				posts["hello"] = hello
			}
			c, f := writers(t, posts)
			res := ask(t, c, "PUT", helloURL, again, bearer, test.header)
			if res.StatusCode != test.want {
				t.Errorf("PUT: %d, want %d: %s", res.StatusCode, test.want, text(t, res))
			}
			if changed := f.raw["hello"] == again; changed != (test.want < 300) {
				t.Errorf("PUT: %d, and the post has changed: %t", res.StatusCode, changed)
			}
			if !test.stored {
				return
			}
			c, f = writers(t, posts)
			want := strings.Replace(fmt.Sprint(test.want), "200", "204", 1)
			res = ask(t, c, "DELETE", helloURL, "", bearer, test.header)
			if _, there := f.raw["hello"]; fmt.Sprint(res.StatusCode) != want || there != (want != "204") {
				t.Errorf("DELETE: %d, want %s; the post is stored: %t", res.StatusCode, want, there)
			}
		})
	}

	// Preconditions are checked against the version that the write replaces.
	c, f := writers(t, map[string]string{"hello": hello})
	f.meanwhile = func() { f.raw["hello"] = again }
	if res := ask(t, c, "PUT", helloURL, hello, bearer, "If-Match: "+current); res.StatusCode != 412 ||
		f.raw["hello"] != again {
		t.Errorf("PUT of a post that has just changed: %d, want 412; stored is %s", res.StatusCode, f.raw["hello"])
	}

	c, _ = writers(t, map[string]string{"hello": hello})
	if res := ask(t, c, "GET", helloURL, "", bearer, "If-None-Match: "+current); res.StatusCode != 304 ||
		text(t, res) != "" {
		t.Errorf("GET with the current entity tag: %d, want 304", res.StatusCode)
	}
}

func TestWriteRight(t *testing.T) {
	for _, request := range [][2]string{
		{"GET", "/sites/main/posts"}, {"POST", "/sites/main/posts"}, {"GET", helloURL}, {"PUT", helloURL},
		{"DELETE", helloURL},
	} {
		for header, want := range map[string]int{
			"X: y": 401, "Authorization: Bearer wrong": 401, "Authorization: Bearer another-token": 403,
			"Authorization: Bearer writer-token": 0,
		} {
			c, f := writers(t, map[string]string{"hello": hello})
			res := ask(t, c, request[0], request[1], again, header)
			if want != 0 && (res.StatusCode != want || f.raw["hello"] != hello) {
				t.Errorf("%s %s with %q: %d, want %d; stored is %q", request[0], request[1], header, res.StatusCode, want, f.raw)
			}
			if want == 0 && res.StatusCode >= 300 {
				t.Errorf("%s %s with %q: %d", request[0], request[1], header, res.StatusCode)
			}
		}
	}
}

// TestUnconfirmedWritesAre202 checks that 200, 201 and 204 are sent only for confirmed writes.
func TestUnconfirmedWritesAre202(t *testing.T) {
	c, f := writers(t, map[string]string{"old": `{"id": "old"}`})
	f.unconfirmed = true
	for _, request := range [][2]string{
		{"PUT", helloURL}, {"POST", "/sites/main/posts"}, {"DELETE", "/sites/main/posts/old"},
	} {
		res := ask(t, c, request[0], request[1], hello, bearer)
		var got problem
		if err := json.Unmarshal([]byte(text(t, res)), &got); err != nil || res.StatusCode != 202 ||
			got.Detail != notConfirmed.Detail {
			t.Errorf("%s %s: %d %+v, %v", request[0], request[1], res.StatusCode, got, err)
		}
	}
	lines := text(t, ask(t, c, "POST", "/sites/main/posts", hello, bearer, asLines))
	if !strings.Contains(lines, `"status":202`) {
		t.Errorf("POST of lines: %s", lines)
	}

	f.err = fmt.Errorf("at 10.0.0.7: %w", feed.ErrUnavailable)
	for _, request := range [][2]string{{"PUT", helloURL}, {"POST", "/sites/main/posts"}, {"DELETE", helloURL}} {
		if res := ask(t, c, request[0], request[1], hello, bearer); res.StatusCode != 503 ||
			res.Header.Get("Retry-After") == "" {
			t.Errorf("%s %s without a store: %d", request[0], request[1], res.StatusCode)
		}
	}
	if res := ask(t, c, "POST", "/sites/main/posts", hello, bearer, asLines); res.StatusCode != 503 {
		t.Errorf("POST of lines without a store: %d", res.StatusCode)
	}
}

func TestDeleteMissingPost(t *testing.T) {
	c, _ := writers(t, nil)
	if res := ask(t, c, "DELETE", "/sites/main/posts/missing", "", bearer); res.StatusCode != 204 {
		t.Errorf("DELETE of a missing post that is still published: %d, want 204", res.StatusCode)
	}
	if res := ask(t, c, "DELETE", "/sites/main/posts/never", "", bearer); res.StatusCode != 404 {
		t.Errorf("DELETE of an unknown post: %d, want 404", res.StatusCode)
	}
}

func TestBulk(t *testing.T) {
	long := `{"id": "long", "title": "` + strings.Repeat("x", intake.MaxSize) + `"}`
	c, f := writers(t, nil)
	body := strings.Join([]string{
		`{"id": "a", "content_text": "A."}`, "", `{"id": "b", "title": 7}`, `{"title": "no id"}`, "no JSON", long,
		`{"id": "a", "content_text": "A again."}` + "\r", `{"id": "https://example/1", "content_text": "C."}`,
	}, "\n")
	res := ask(t, c, "POST", "/sites/main/posts", body, bearer, asLines)
	if res.StatusCode != 200 || res.Header.Get("Content-Type") != typeLines {
		t.Fatalf("%d %s: %s", res.StatusCode, res.Header.Get("Content-Type"), text(t, res))
	}
	var got []string
	for line := range strings.Lines(text(t, res)) {
		var a lineResult
		if err := json.Unmarshal([]byte(line), &a); err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		got = append(got, strings.TrimSpace(fmt.Sprint(a.Line, ": ", a.Status, " ", a.ID, " ", a.Place)))
	}
	want := []string{
		"1: 201 a", "3: 422 b title", "4: 422  id", "5: 422  line 1, column 2", "6: 413", "7: 200 a",
		"8: 201 https://example/1",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("answers (-want +got):\n%s", diff)
	}
	stored := map[string]string{"a": `{"id": "a", "content_text": "A again."}`,
		"https://example/1": `{"id": "https://example/1", "content_text": "C."}`}
	if diff := cmp.Diff(stored, f.raw); diff != "" {
		t.Errorf("stored (-want +got):\n%s", diff)
	}

	if res := ask(t, c, "POST", "/sites/main/posts", body, bearer, asLines, "If-Match: *"); res.StatusCode != 400 {
		t.Errorf("POST of lines with a precondition: %d, want 400", res.StatusCode)
	}
}

func TestBulkWhenTheStoreFails(t *testing.T) {
	c, f := writers(t, nil)
	f.err, f.failAfter = feed.ErrUnavailable, 1
	var body strings.Builder
	for i := range 3 * batchPosts {
		fmt.Fprintf(&body, "{\"id\": \"%d\"}\n", i)
	}
	res := ask(t, c, "POST", "/sites/main/posts", body.String(), bearer, asLines)
	count := map[int]int{}
	for line := range strings.Lines(text(t, res)) {
		var a lineResult
		if err := json.Unmarshal([]byte(line), &a); err != nil {
			t.Fatal(err)
		}
		count[a.Status]++
	}
	if diff := cmp.Diff(map[int]int{201: batchPosts, 503: batchPosts}, count); diff != "" {
		t.Errorf("responses by status (-want +got):\n%s", diff)
	}
	if len(f.raw) != batchPosts {
		t.Errorf("%d posts are stored, want %d", len(f.raw), batchPosts)
	}
}

// slowLines is a connection whose client sends a line every 20 seconds, forever.
type slowLines struct {
	*httptest.ResponseRecorder
	line     string
	deadline time.Time
}

func (s *slowLines) SetReadDeadline(t time.Time) error  { s.deadline = t; return nil }
func (s *slowLines) SetWriteDeadline(_ time.Time) error { return nil }

func (s *slowLines) Read(b []byte) (int, error) {
	<-time.After(min(20*time.Second, time.Until(s.deadline)))
	if !time.Now().Before(s.deadline) {
		return 0, os.ErrDeadlineExceeded
	}
	return copy(b, s.line), nil
}

func TestBulkTimeout(t *testing.T) {
	for name, line := range map[string]string{"empty": "\n", "wrong": "no JSON\n", "good": hello + "\n"} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c, f := writers(t, nil)
				s := &slowLines{ResponseRecorder: httptest.NewRecorder(), line: line}
				r := fromThisMachine(httptest.NewRequest("POST", "/sites/main/posts", s))
				r.Header.Set("Authorization", strings.TrimPrefix(bearer, "Authorization: "))
				r.Header.Set("Content-Type", typeLines)
				start := time.Now()
				NewHandler(c).ServeHTTP(s, r)
				if took := time.Since(start); took > bulkTimeout {
					t.Errorf("the request was read for %v, want at most %v", took, bulkTimeout)
				}
				if got := s.Body.String(); s.Code != 200 || !strings.Contains(got, "The body ends within this line.") {
					t.Errorf("%d %.200s; want a result for the incomplete line", s.Code, got)
				}
				if stored := len(f.raw) == 1; stored != (name == "good") {
					t.Errorf("stored is %q", f.raw)
				}
			})
		})
	}
}

func TestBulkMaxLines(t *testing.T) {
	c, f := writers(t, nil)
	body := strings.Repeat("\n", maxLines) + hello
	res := ask(t, c, "POST", "/sites/main/posts", body, bearer, asLines)
	want := fmt.Sprintf(`{"line":%d,"status":413`, maxLines+1)
	if got := text(t, res); res.StatusCode != 200 || !strings.Contains(got, want) || len(f.raw) > 0 {
		t.Errorf("%d %s; stored is %q", res.StatusCode, got, f.raw)
	}
}

// TestBulkStoresInBatches checks that posts are stored in bounded batches while the client is still sending, so that
// memory does not grow with the body. The client sends a batch only after the previous one has been stored.
func TestBulkStoresInBatches(t *testing.T) {
	c, f := writers(t, nil)
	const batches = 5
	stored := make(chan []feed.RawPost, 1)
	only(t, c).Posts = watchedPosts{f, stored}
	body, sent := io.Pipe()
	var sizes []int // batch sizes in bytes
	done := make(chan struct{})
	go func() {
		defer close(done)
		text := strings.Repeat("word ", 600)
		for batch := range batches {
			for i := range batchPosts {
				// Writing to a pipe blocks until the handler reads the line.
				fmt.Fprintf(sent, "{\"id\": \"%d\", \"content_text\": %q}\n", batch*batchPosts+i, text)
			}
			size := 0
			for _, p := range <-stored {
				size += len(p.Raw)
			}
			sizes = append(sizes, size)
		}
		_ = sent.Close() // never fails
	}()
	r := fromThisMachine(httptest.NewRequest("POST", "/sites/main/posts", body))
	for _, h := range []string{bearer, asLines} {
		name, value, _ := strings.Cut(h, ": ")
		r.Header.Set(name, value)
	}
	w := httptest.NewRecorder()
	NewHandler(c).ServeHTTP(w, r)
	<-done
	if w.Code != 200 || len(sizes) != batches {
		t.Fatalf("status is %d after %d batches, want 200 after %d: %s", w.Code, len(sizes), batches, w.Body)
	}
	for i, size := range sizes {
		if size > batchBytes+intake.MaxSize {
			t.Errorf("batch %d has %d bytes, want at most %d more than the size of one post", i, size, batchBytes)
		}
	}
}

// watchedPosts reports every stored batch on a channel.
type watchedPosts struct {
	*fakePosts
	stored chan<- []feed.RawPost
}

func (w watchedPosts) PutConfirmed(ctx context.Context, posts ...feed.RawPost) ([]bool, bool, error) {
	created, confirmed, err := w.fakePosts.PutConfirmed(ctx, posts...)
	w.stored <- posts
	return created, confirmed, err
}

func TestPages(t *testing.T) {
	posts := map[string]string{"broken": "no JSON"}
	for i := range 25 {
		posts[fmt.Sprintf("https://example/%02d?a&b", i)] = fmt.Sprintf(`{"title": "%d"}`, i)
	}
	c, _ := writers(t, posts)
	var ids []string
	next, pages := "/sites/main/posts?limit=10", 0
	for next != "" {
		res := ask(t, c, "GET", next, "", bearer)
		var page struct {
			Posts []listedPost
			Next  string
		}
		if err := json.Unmarshal([]byte(text(t, res)), &page); err != nil {
			t.Fatal(err)
		}
		for _, p := range page.Posts {
			ids = append(ids, p.ID)
			if p.ETag != entityTag([]byte(posts[p.ID])) || (p.Post == nil) != (p.ID == "broken") {
				t.Errorf("got list entry %+v for the post %s", p, posts[p.ID])
			}
		}
		link := strings.TrimSuffix(strings.TrimPrefix(res.Header.Get("Link"), "<"), `>; rel="next"`)
		if link != page.Next {
			t.Errorf("Link is %q, next %q", res.Header.Get("Link"), page.Next)
		}
		next = page.Next
		if pages++; pages > 3 {
			t.Fatalf("got more than 3 pages; the next is %s", next)
		}
	}
	if diff := cmp.Diff(slices.Sorted(maps.Keys(posts)), ids); diff != "" {
		t.Errorf("listed (-want +got):\n%s", diff)
	}
	for _, limit := range []string{"0", "-1", "501", "x"} {
		if res := ask(t, c, "GET", "/sites/main/posts?limit="+limit, "", bearer); res.StatusCode != 400 {
			t.Errorf("limit %s: %d, want 400", limit, res.StatusCode)
		}
	}
	c, _ = writers(t, nil)
	if got := text(t, ask(t, c, "GET", "/sites/main/posts", "", bearer)); got != "{\n  \"posts\": []\n}\n" {
		t.Errorf("an empty list is %q", got)
	}
}

func TestPagesOfLargePostsAreShorter(t *testing.T) {
	posts := map[string]string{}
	for i := range 20 {
		posts[fmt.Sprintf("%02d", i)] = `{"title": "` + strings.Repeat("x", intake.MaxSize) + `"}`
	}
	c, _ := writers(t, posts)
	total, next := 0, "/sites/main/posts"
	for pages := 0; next != ""; pages++ {
		var page struct {
			Posts []listedPost
			Next  string
		}
		if err := json.Unmarshal([]byte(text(t, ask(t, c, "GET", next, "", bearer))), &page); err != nil {
			t.Fatal(err)
		}
		if len(page.Posts) > 8 || pages > 3 {
			t.Fatalf("page %d has %d posts of 1 MiB; want at most 8 on each of 3 pages", pages, len(page.Posts))
		}
		total, next = total+len(page.Posts), page.Next
	}
	if total != len(posts) {
		t.Errorf("got %d posts, want %d", total, len(posts))
	}
}

func TestSamplePostsCannotBeChanged(t *testing.T) {
	c, _ := writers(t, nil)
	only(t, c).Posts = nil
	if res := ask(t, c, "PUT", helloURL, hello, bearer); res.StatusCode != 403 {
		t.Errorf("PUT: status %d, want 403", res.StatusCode)
	}
}

func FuzzPostPath(f *testing.F) {
	for _, id := range []string{"hello", "https://example/1", "..", ".", "a b+c%", "ü", "\x00", "//", `\`} {
		f.Add(id)
	}
	post := route{path: "/sites/{site}/posts/{id}"}
	f.Fuzz(func(t *testing.T, id string) {
		if id == "" {
			return
		}
		path := postPath("main", id)
		u, err := url.Parse("http://localhost" + path)
		if err != nil {
			t.Fatalf("%q: %v", path, err)
		}
		values, ok := post.match(u.EscapedPath())
		if !ok || values["id"] != id || values["site"] != "main" {
			t.Errorf("the path of %q is %s, which has the variables %q", id, path, values)
		}
	})
}

func FuzzConditions(f *testing.F) {
	for _, s := range []string{"*", `"a"`, `W/"a", "b"`, `"a`, `a`, `,,"a",`, `"a" "b"`, "W/"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		c, err := readConditions(http.Header{"If-Match": {s}})
		if err != nil {
			return
		}
		// An If-Match that is present must not hold for a post that does not exist.
		if c.match.given && c.check(nil) == nil {
			t.Errorf("If-Match %q holds for a post that does not exist", s)
		}
		if !c.match.given && strings.Trim(s, " \t,") != "" {
			t.Errorf("If-Match %q is ignored", s)
		}
	})
}
