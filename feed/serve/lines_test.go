package serve

import (
	"bufio"
	"fmt"
	"net/textproto"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"feedpub/feed"
)

// TestLines checks that the lines of a response are its header, except for the length of a body.
func TestLines(t *testing.T) {
	s := site(t, Options{}, feed.Main)
	for _, r := range []Request{
		{Method: "GET"}, {Method: "HEAD"}, {Method: "GET", IfNoneMatch: "*"}, {Method: "HEAD", IfNoneMatch: "*"},
		{Method: "GET", IfModifiedSince: noonHTTP}, {Method: "GET", FetchDest: "document"},
	} {
		for r.AcceptEncoding = range map[string]bool{"gzip": true, "identity": true} {
			r.Path = "/feed.xml"
			t.Run(fmt.Sprintf("%+v", r), func(t *testing.T) {
				res := Answer(s, r)
				if r.FetchDest != "" {
					if res.Lines != "" {
						t.Errorf("lines of a response that is not created in advance: %q", res.Lines)
					}
					return
				}
				lines, err := textproto.NewReader(bufio.NewReader(strings.NewReader(res.Lines))).ReadMIMEHeader()
				if err != nil {
					t.Fatalf("lines %q: %v", res.Lines, err)
				}
				want := headers(res)
				if len(res.Body) > 0 {
					delete(want, "Content-Length")
				}
				got := map[string]string{}
				for name, values := range lines {
					got[name] = strings.Join(values, "|")
				}
				if diff := cmp.Diff(want, got); diff != "" {
					t.Errorf("fields in the lines (-header +lines):\n%s", diff)
				}
			})
		}
	}
}
