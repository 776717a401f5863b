package transfer

import (
	"strings"
	"testing"
	"time"

	"feedpub/feed/intake"
)

// TestQuotedDate checks that stray quotation marks around a date are ignored with a note, even if they make the YAML
// invalid.
func TestQuotedDate(t *testing.T) {
	for _, tt := range []struct{ front, want, note string }{
		{`date: 2013-05-01"`, "2013-05-01T00:00:00Z", "line 2"},
		{"title: A\n" + `date: 2013-05-01 10:00"`, "2013-05-01T10:00:00Z", "line 3"},
		{`date: "2013-05-01 10:00:00 -0500""`, "2013-05-01T10:00:00-05:00", "line 2"},
		{`date: "2013-05-01` + "\n" + `title: "A"`, "2013-05-01T00:00:00Z", "line 2"},
		{`date: '2013-05-01"`, "2013-05-01T00:00:00Z", "line 2"},
		{"date: “2013-05-01”", "2013-05-01T00:00:00Z", "line 2"},
		{"date: ''2013-05-01''\r", "2013-05-01T00:00:00Z", "line 2"},
		{`date: "2013-05-01"`, "2013-05-01T00:00:00Z", ""},
	} {
		raw, notes, err := convertFront(tt.front)
		if err != nil {
			t.Errorf("front matter %q is rejected: %v", tt.front, err)
			continue
		}
		p, err := intake.Decode("a.md", raw)
		if err != nil {
			t.Errorf("front matter %q produces an invalid post: %v", tt.front, err)
			continue
		}
		if got := p.DatePublished.Format(time.RFC3339); got != tt.want {
			t.Errorf("front matter %q: the date is %s, want %s", tt.front, got, tt.want)
		}
		if got := strings.Join(notes, " "); !strings.Contains(got, tt.note) || (got == "") != (tt.note == "") {
			t.Errorf("front matter %q: got the notes %q, want one for %q", tt.front, got, tt.note)
		}
	}
	// Quotation marks elsewhere may hide a key that keeps the post private.
	if _, _, err := convertFront("title: \"A\ndraft: true\ndate: \"2013-05-01\"\n"); err == nil {
		t.Error("front matter with an unclosed title is accepted, want an error")
	}
}

func convertFront(front string) (raw []byte, notes []string, err error) {
	c, err := postFile{name: "a.md"}.convert([]byte("---\n" + front + "\n---\nWords.\n"))
	return c.post.Raw, c.notes, err
}
