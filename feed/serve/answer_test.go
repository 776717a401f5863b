package serve

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"feedpub/feed"
)

func TestAnswer(t *testing.T) {
	retired := []string{"/old/feed.xml", "/tags/old/feed.xml"}
	s := site(t, Options{Retired: retired}, feed.Main, "tags/go", "tags/old", "tags/日本")
	h := hashAt(t, s, "/feed.xml")
	quoted, gz := `"`+h+`"`, `"`+h+`-gz"`
	opened, openedGzip := `"`+h+`-xml"`, `"`+h+`-xml-gz"`
	other := `"` + strings.Repeat("0", 64) + `"`
	for _, test := range []struct {
		name   string
		r      Request
		status int
		fields map[string]string // some of the expected fields; "" means absent
	}{
		{"whole", Request{Path: "/feed.xml"}, 200, map[string]string{
			"Etag": quoted, "Last-Modified": noonHTTP, "Content-Encoding": "",
			"Content-Type": "application/rss+xml; charset=utf-8", "Vary": "Accept-Encoding, Sec-Fetch-Dest",
			"Cache-Control":               "public, max-age=900, stale-while-revalidate=900, stale-if-error=86400",
			"Access-Control-Allow-Origin": "*", "X-Content-Type-Options": "nosniff",
			"Link": `<https://example.com/feed.xml>; rel="self"`,
		}},
		{"whole in gzip", Request{Path: "/feed.xml", AcceptEncoding: "gzip, br"}, 200,
			map[string]string{"Etag": gz, "Content-Encoding": "gzip", "Vary": "Accept-Encoding, Sec-Fetch-Dest"}},
		{"Atom", Request{Path: "/atom.xml"}, 200, map[string]string{"Content-Type": "application/atom+xml; charset=utf-8"}},
		{"JSON Feed", Request{Path: "/feed.json"}, 200,
			map[string]string{"Content-Type": "application/feed+json; charset=utf-8", "Vary": "Accept-Encoding"}},
		{"the feed of a tag", Request{Path: "/tags/go/feed.xml"}, 200, nil},
		{"the feed of a tag that is not ASCII", Request{Path: "/tags/日本/feed.xml"}, 200, nil},
		{"no coding acceptable", Request{Path: "/feed.xml", AcceptEncoding: "*;q=0"}, 406,
			map[string]string{"Vary": "Accept-Encoding"}},

		{"the current tag", Request{Path: "/feed.xml", IfNoneMatch: quoted}, 304, map[string]string{"Etag": quoted}},
		{"the tag of the gzip coding", Request{Path: "/feed.xml", AcceptEncoding: "gzip", IfNoneMatch: gz}, 304,
			map[string]string{"Etag": gz}},
		{"the tag of another coding", Request{Path: "/feed.xml", AcceptEncoding: "gzip", IfNoneMatch: quoted}, 304,
			map[string]string{"Etag": quoted}},
		{"the tags of both codings", Request{Path: "/feed.xml", AcceptEncoding: "gzip", IfNoneMatch: quoted + "," + gz}, 304,
			map[string]string{"Etag": gz}},
		{"a weak tag", Request{Path: "/feed.xml", IfNoneMatch: "W/" + quoted}, 304, nil},
		{"a tag with a proxy's suffix", Request{Path: "/feed.xml", IfNoneMatch: `"` + h + `-gzip"`}, 304,
			map[string]string{"Etag": quoted}},
		{"a list of tags", Request{Path: "/feed.xml", IfNoneMatch: other + " , W/" + quoted}, 304, nil},
		{"any tag", Request{Path: "/feed.xml", AcceptEncoding: "gzip", IfNoneMatch: "*"}, 304, map[string]string{"Etag": gz}},
		{"another tag", Request{Path: "/feed.xml", IfNoneMatch: other}, 200, nil},
		{"another tag and the current date", Request{Path: "/feed.xml", IfNoneMatch: other, IfModifiedSince: noonHTTP}, 200,
			nil},
		{"the current tag and an older date", Request{Path: "/feed.xml", IfNoneMatch: quoted,
			IfModifiedSince: "Fri, 17 May 2023 12:00:00 GMT"}, 304, nil},
		{"the current date", Request{Path: "/feed.xml", IfModifiedSince: noonHTTP}, 304,
			map[string]string{"Last-Modified": noonHTTP}},
		{"an older date", Request{Path: "/feed.xml", IfModifiedSince: "Fri, 17 May 2024 11:59:59 GMT"}, 200, nil},
		{"a malformed date", Request{Path: "/feed.xml", IfModifiedSince: "yesterday"}, 200, nil},

		{"opened in a browser", Request{Path: "/feed.xml", FetchDest: "document"}, 200, map[string]string{
			"Content-Type": "application/xml; charset=utf-8", "Etag": opened, "Vary": "Accept-Encoding, Sec-Fetch-Dest",
			"Last-Modified": noonHTTP}},
		{"opened in a browser, in gzip", Request{Path: "/feed.xml", FetchDest: "document", AcceptEncoding: "gzip"}, 200,
			map[string]string{"Content-Type": "application/xml; charset=utf-8", "Etag": openedGzip, "Content-Encoding": "gzip"}},
		{"Atom opened in a browser", Request{Path: "/atom.xml", FetchDest: "document"}, 200,
			map[string]string{"Content-Type": "application/xml; charset=utf-8"}},
		{"JSON Feed opened in a browser", Request{Path: "/feed.json", FetchDest: "document"}, 200,
			map[string]string{"Content-Type": "application/feed+json; charset=utf-8", "Vary": "Accept-Encoding"}},
		{"requested by a script", Request{Path: "/feed.xml", FetchDest: "empty"}, 200,
			map[string]string{"Content-Type": "application/rss+xml; charset=utf-8", "Etag": quoted}},
		{"opened again", Request{Path: "/feed.xml", FetchDest: "document", AcceptEncoding: "gzip", IfNoneMatch: openedGzip}, 304,
			map[string]string{"Etag": openedGzip, "Vary": "Accept-Encoding, Sec-Fetch-Dest", "Content-Type": ""}},
		{"opened again, with a proxy's suffix", Request{Path: "/feed.xml", FetchDest: "document",
			IfNoneMatch: `"` + h + `-xml-gzip"`}, 304, map[string]string{"Etag": opened}},
		{"opened after a script had requested it", Request{Path: "/feed.xml", FetchDest: "document", IfNoneMatch: quoted}, 200,
			map[string]string{"Content-Type": "application/xml; charset=utf-8", "Etag": opened}},
		{"requested by a script after it had been opened", Request{Path: "/feed.xml", FetchDest: "empty", IfNoneMatch: opened},
			304, nil},

		{"no document", Request{Path: "/nothing"}, 404, map[string]string{"Etag": "", "Link": ""}},
		{"no such feed", Request{Path: "/tags/none/feed.xml"}, 404, nil},
		{"an empty path", Request{Path: ""}, 404, nil},
		{"a path with dot segments", Request{Path: "/../feed.xml"}, 404, nil},
		{"retired", Request{Path: "/old/feed.xml"}, 410, nil},
		{"retired and committed", Request{Path: "/tags/old/feed.xml"}, 410, nil},
		{"another format of a retired feed", Request{Path: "/tags/old/atom.xml"}, 200, nil},
	} {
		for _, method := range []string{"GET", "HEAD"} {
			t.Run(test.name+"/"+method, func(t *testing.T) {
				test.r.Method = method
				got := Answer(s, test.r)
				if got.Status != test.status {
					t.Fatalf("status of %s %s is %d, want %d", method, test.r.Path, got.Status, test.status)
				}
				fields := headers(got)
				for name, want := range test.fields {
					if fields[name] != want {
						t.Errorf("%s is %q, want %q", name, fields[name], want)
					}
				}
				if want := s.document(test.r.Path); want != nil && got.Status < 400 && fields["Link"] != want.ref.Link {
					t.Errorf("Link is %q, want the document's, %q", fields["Link"], want.ref.Link)
				}
				if method == "HEAD" || got.Status == 304 {
					if len(got.Body) > 0 {
						t.Errorf("body has %d bytes, want none", len(got.Body))
					}
				} else if want := len(got.Body); fields["Content-Length"] != itoa(want) {
					t.Errorf("Content-Length is %s, want %d, the length of the body", fields["Content-Length"], want)
				}
			})
		}
	}
}

func TestHeadHasHeaderOfGet(t *testing.T) {
	s := site(t, Options{}, feed.Main)
	for _, r := range []Request{
		{Path: "/feed.xml"}, {Path: "/feed.xml", AcceptEncoding: "gzip"}, {Path: "/"}, {Path: "/none"},
		{Path: "/feed.xml", FetchDest: "document"},
		{Path: "/feed.xml", AcceptEncoding: "*;q=0"}, {Path: "/feed.xml", IfNoneMatch: "*"},
	} {
		r.Method = "GET"
		get := Answer(s, r)
		r.Method = "HEAD"
		head := Answer(s, r)
		if diff := cmp.Diff(headers(get), headers(head)); diff != "" || get.Status != head.Status {
			t.Errorf("status of HEAD %+v is %d, want %d as for GET; header (-GET +HEAD):\n%s", r, head.Status, get.Status, diff)
		}
	}
}

// TestNotModifiedFields checks that a 304 has the fields that a cache needs to update its stored response (RFC 9110
// section 15.4.5).
func TestNotModifiedFields(t *testing.T) {
	s := site(t, Options{}, feed.Main)
	for _, r := range []Request{
		{}, {AcceptEncoding: "gzip"}, {FetchDest: "document"}, {FetchDest: "document", AcceptEncoding: "gzip"},
	} {
		r.Method, r.Path = "GET", "/feed.xml"
		want := headers(Answer(s, r))
		for _, representation := range []string{"Content-Type", "Content-Length", "Content-Encoding"} {
			delete(want, representation)
		}
		r.IfNoneMatch = want["Etag"]
		if diff := cmp.Diff(want, headers(Answer(s, r))); diff != "" {
			t.Errorf("304 to %+v (-200 +304):\n%s", r, diff)
		}
	}
}

func TestCodingsHaveSameContent(t *testing.T) {
	s := site(t, Options{}, feed.Main)
	plain := Answer(s, Request{Method: "GET", Path: "/feed.json"})
	packed := Answer(s, Request{Method: "GET", Path: "/feed.json", AcceptEncoding: "gzip"})
	if diff := cmp.Diff(body(t, plain), body(t, packed)); diff != "" {
		t.Errorf("gzip coding differs from identity (-identity +gzip):\n%s", diff)
	}
	if plain.Get("Etag") == packed.Get("Etag") {
		t.Errorf("both codings have the entity tag %s", plain.Get("Etag"))
	}
}

func TestMethods(t *testing.T) {
	s := site(t, Options{}, feed.Main)
	for _, method := range []string{"POST", "PUT", "DELETE", "PATCH", "TRACE", "CONNECT", "get", ""} {
		got := Answer(s, Request{Method: method, Path: "/feed.xml"})
		if got.Status != 405 || got.Get("Allow") != "GET, HEAD, OPTIONS" {
			t.Errorf("method %q: status %d with Allow %q, want 405 with %q", method, got.Status, got.Get("Allow"), allowed)
		}
	}
}

// TestCORSConditionalRequests checks that scripts in browsers can send If-None-Match, which needs a preflight, and read
// the entity tag, which has to be exposed.
func TestCORSConditionalRequests(t *testing.T) {
	s := site(t, Options{}, feed.Main)
	got := Answer(s, Request{Method: "OPTIONS", Path: "/feed.xml"})
	if got.Status != 204 || len(got.Body) > 0 {
		t.Errorf("preflight: status %d with %d bytes, want 204 with none", got.Status, len(got.Body))
	}
	want := map[string]string{
		"Access-Control-Allow-Origin": "*", "Access-Control-Allow-Methods": "GET, HEAD, OPTIONS",
		"Access-Control-Allow-Headers": "A-IM, If-Modified-Since, If-None-Match", "Access-Control-Max-Age": "86400",
		"Allow": "GET, HEAD, OPTIONS", "X-Content-Type-Options": "nosniff",
	}
	if diff := cmp.Diff(want, headers(got)); diff != "" {
		t.Errorf("header of the preflight (-want +got):\n%s", diff)
	}
	if got := Answer(s,
		Request{Method: "GET", Path: "/feed.xml"}).Get("Access-Control-Expose-Headers"); got != "ETag, Link" {
		t.Errorf("Access-Control-Expose-Headers is %q, want ETag and Link", got)
	}
}

func TestUnavailableBeforeFirstCommit(t *testing.T) {
	onlyTag := site(t, Options{}, "tags/go")
	withMain := site(t, Options{}, feed.Main)
	incomplete := site(t, Options{}, feed.Main)
	incomplete.complete = false
	head, _ := commit("tags/new", 1, noon, "new")
	unavailable := withMain.with(nil, []feed.Head{head})
	for _, test := range []struct {
		name, path string
		s          *Snapshot
		want       int
	}{
		{"no snapshot", "/feed.xml", nil, 503},
		{"no snapshot, index", "/", nil, 503},
		{"no snapshot, path of no feed", "/robots.txt", nil, 404},
		{"nothing committed", "/atom.xml", emptySnapshot(nil), 503},
		{"nothing committed, index", "/", emptySnapshot(nil), 503},
		{"main not committed", "/feed.json", onlyTag, 503},
		{"main not committed, another feed", "/tags/none/feed.json", onlyTag, 503},
		{"main not committed, a committed feed", "/tags/go/feed.json", onlyTag, 200},
		{"main committed", "/tags/none/feed.json", withMain, 404},
		{"store not read yet", "/tags/none/feed.json", incomplete, 503},
		{"store not read yet, path of no feed", "/none", incomplete, 404},
		{"committed, documents not fetched", "/tags/new/feed.json", unavailable, 503},
	} {
		t.Run(test.name, func(t *testing.T) {
			got := Answer(test.s, Request{Method: "GET", Path: test.path})
			if got.Status != test.want {
				t.Errorf("status of %s is %d, want %d", test.path, got.Status, test.want)
			}
			if got.Status == 503 && got.Get("Retry-After") == "" {
				t.Errorf("the 503 has no Retry-After")
			}
		})
	}
}

func TestErrorsAreNotCacheable(t *testing.T) {
	s := site(t, Options{Retired: []string{"/retired"}}, feed.Main)
	const mark = "evil<script>\r\nSet-Cookie: a=b"
	for _, r := range []Request{
		{Method: "GET", Path: "/" + mark},
		{Method: "GET", Path: "/" + mark + "/feed.xml"},
		{Method: mark, Path: "/feed.xml"},
		{Method: "GET", Path: "/retired", AcceptEncoding: mark, IfNoneMatch: mark, IfModifiedSince: mark, AIM: mark},
		{Method: "GET", Path: "/feed.xml", AcceptEncoding: "identity;q=0," + mark, IfNoneMatch: mark},
	} {
		got := Answer(s, r)
		if got.Status < 400 {
			t.Errorf("status of %+v is %d, want an error", r, got.Status)
		}
		if cc := got.Get("Cache-Control"); cc != "no-store" {
			t.Errorf("the %d has Cache-Control %q, want no-store", got.Status, cc)
		}
		if len(got.Body) > 100 || strings.Contains(string(got.Body), "evil") {
			t.Errorf("the %d has the body %q, want a short text without parts of the request", got.Status, got.Body)
		}
		for name, value := range headers(got) {
			if strings.Contains(value, "evil") {
				t.Errorf("the %d response contains a part of the request in %s: %q", got.Status, name, value)
			}
		}
	}
}

// TestLastModifiedNotAfterDate checks that Last-Modified is the same on replicas whose clocks differ, and never later
// than Date, even if a clock was set back.
func TestLastModifiedNotAfterDate(t *testing.T) {
	s := site(t, Options{}, feed.Main)
	for name, clock := range map[string]time.Time{
		"a second earlier": noon.Add(-time.Second), "at the same time": noon, "later": noon.Add(time.Hour),
		"within the same second": noon.Add(999 * time.Millisecond), "30 days earlier": noon.AddDate(0, 0, -30),
	} {
		t.Run(name, func(t *testing.T) {
			var dates Dates
			dates.Of(&Response{}, noon.Add(time.Minute)) // the clock is set back after this
			for _, r := range []Request{
				{Method: "GET", Path: "/feed.xml"}, {Method: "HEAD", Path: "/feed.xml"},
				{Method: "GET", Path: "/feed.xml", IfNoneMatch: "*"},
				{Method: "GET", Path: "/feed.xml", IfModifiedSince: noonHTTP},
			} {
				res := Answer(s, r)
				date, err := http.ParseTime(dates.Of(&res, clock).Values[0])
				if lm := res.Get("Last-Modified"); err != nil || lm != noonHTTP || date.Before(noon) {
					t.Errorf("%d to %+v at %v: Last-Modified %q, Date %v, %v; want %q and a Date that is not earlier", res.Status, r,
						clock, lm, date, err, noonHTTP)
				}
				if want := clock.Truncate(time.Second); !want.Before(noon) && !date.Equal(want) {
					t.Errorf("Date is %v at %v", date, clock)
				}
			}
			if got, want := dates.Of(&notFound, clock).Values[0], clock.Format(http.TimeFormat); got != want {
				t.Errorf("Date of a response without Last-Modified is %q, want %q", got, want)
			}
		})
	}
}

func TestAnswerDoesNotAllocate(t *testing.T) {
	s := site(t, Options{}, feed.Main, "tags/go")
	h := hashAt(t, s, "/tags/go/atom.xml")
	for _, test := range []struct {
		name   string
		r      Request
		status int
	}{
		{"304 by tag", Request{IfNoneMatch: `W/"` + strings.Repeat("0", 64) + `", "` + h + `-gz"`}, 304},
		{"304 by date", Request{IfModifiedSince: noonHTTP}, 304},
		{"304 by a later date", Request{IfModifiedSince: "Sat, 18 May 2024 12:00:00 GMT"}, 304},
		{"200 in gzip", Request{IfNoneMatch: `"0"`}, 200},
	} {
		t.Run(test.name, func(t *testing.T) {
			test.r.Method, test.r.Path, test.r.AcceptEncoding = "GET", "/tags/go/atom.xml", "br;q=0.9, gzip;q=1.0, *;q=0"
			var got Response
			if n := testing.AllocsPerRun(100, func() { got = Answer(s, test.r) }); n != 0 {
				t.Errorf("Answer makes %v allocations, want none", n)
			}
			if got.Status != test.status {
				t.Errorf("status is %d, want %d", got.Status, test.status)
			}
		})
	}
}

func TestAppendToHeaderCopies(t *testing.T) {
	s := site(t, Options{}, feed.Main)
	r := Request{Method: "GET", Path: "/feed.xml", IfNoneMatch: "*"}
	_ = append(Answer(s, r).Header, field("Content-Type", "broken"))
	r.IfNoneMatch = ""
	if got := Answer(s, r).Get("Content-Type"); got != feed.RSS.MediaType() {
		t.Errorf("Content-Type is %q after an append to the fields of a 304, want %q", got, feed.RSS.MediaType())
	}
}

// FuzzAnswer compares Answer with a second, simple implementation.
func FuzzAnswer(f *testing.F) {
	s := site(f, Options{Retired: []string{"/gone"}}, feed.Main, "tags/go")
	h := hashAt(f, s, "/feed.xml")
	f.Add("GET", "/feed.xml", "gzip", `"`+h+`"`, noonHTTP)
	f.Add("HEAD", "/tags/go/atom.xml", "gzip;q=0", `W/"x", "`+h+`-gz"`, "Friday, 17-May-24 12:00:00 GMT")
	f.Add("GET", "/feed.xml", "*;q=0", "", "Fri May 17 12:00:00 2024")
	f.Add("OPTIONS", "/", "", "*", "")
	f.Add("GET", "/gone", "", "", "")
	f.Add("POST", "/none", "", "", "")
	f.Fuzz(func(t *testing.T, method, path, accept, inm, ims string) {
		r := Request{Method: method, Path: path, AcceptEncoding: accept, IfNoneMatch: inm, IfModifiedSince: ims}
		got := Answer(s, r)
		want, certain := oracleStatus(s, r)
		if certain && got.Status != want {
			t.Errorf("status of %+v is %d, want %d", r, got.Status, want)
		}
		if got.Status == 200 && method == "GET" {
			d := s.document(path)
			if sum := feed.HashOf([]byte(body(t, got))); sum != d.ref.Hash {
				t.Errorf("body for %+v has hash %s, want %s", r, sum, d.ref.Hash)
			}
		}
		for name, value := range headers(got) {
			if http.CanonicalHeaderKey(name) != name || !headerValue(value) {
				t.Errorf("header for %+v has the field %q: %q", r, name, value)
			}
		}
	})
}

// oracleStatus returns the status for a request, and false if the status is unspecified because the request is
// malformed.
func oracleStatus(s *Snapshot, r Request) (int, bool) {
	switch r.Method {
	case "OPTIONS":
		return 204, true
	case "GET", "HEAD":
	default:
		return 405, true
	}
	d := s.document(r.Path)
	if d == nil {
		if r.Path == "/gone" {
			return 410, true
		}
		return 404, true
	}
	_, ok, certain := oracleNegotiate(r.AcceptEncoding)
	if !certain {
		return 0, false
	}
	if !ok {
		return 406, true
	}
	if r.IfNoneMatch != "" {
		match, certain := oracleMatch(r.IfNoneMatch, string(d.ref.Hash))
		if match {
			return 304, certain
		}
		return 200, certain
	}
	if d.ref.Modified.IsZero() {
		return 200, true
	}
	for _, layout := range []string{http.TimeFormat, "Monday, 02-Jan-06 15:04:05 MST", time.ANSIC} {
		if since, err := time.Parse(layout, r.IfModifiedSince); err == nil && !d.ref.Modified.After(since) {
			return 304, true
		}
	}
	return 200, true
}
