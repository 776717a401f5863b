package transfer

import (
	"errors"
	"strings"
	"testing"
	"time"

	"feedpub/feed"
	"feedpub/feed/attribution"
	"feedpub/feed/intake"
)

// TestTextHeader checks that imports and served folders read front matter and headers in plain text files as in
// Markdown, and that a text that begins with a line of hyphens stays text.
func TestTextHeader(t *testing.T) {
	reader, err := attribution.New(attribution.Options{})
	if err != nil {
		t.Fatal(err)
	}
	o := Options{Reader: reader, Now: time.Date(2026, 5, 1, 0, 0, 0, 0, time.UTC)}
	for _, tt := range []struct {
		name, content string
		want          string // "STATUS TITLE | DATE | TEXT", or a part of the error
	}{
		{"front matter", "---\ntitle: Winter\ndate: 2020-01-02\n---\nSnow fell.\n\nAll day.\n", "published Winter | 2020-01-02 | Snow fell.\n\nAll day."},
		{"draft", "---\ntitle: Winter\ndraft: true\n---\nSnow fell.\n", "draft Winter |  | Snow fell."},
		{"only a draft", "---\ndraft: true\n---\nWinter\n\nSnow fell all day.\n", "draft Winter |  | Snow fell all day."},
		{"private in TOML", "+++\ntitle = \"Winter\"\nprivate = true\n+++\nSnow.\n", "private Winter |  | Snow."},
		{"byte order mark and empty line", "\ufeff\n---\ntitle: Winter\nstatus: draft\n---\nSnow.\n", "draft Winter |  | Snow."},
		{"header", "Title: Winter\nStatus: draft\n\nSnow.\n", "draft Winter |  | Snow."},
		{"header of one line", "Status: private\n\nWinter\n\nSnow fell all day.\n", "private Winter |  | Snow fell all day."},
		{"empty front matter", "---\n---\nStatus: draft\n\nThis is a text.\n", "published Status: draft |  | This is a text."},
		{"no content", "---\ntitle: Winter\ndraft: true\n---\n", "draft Winter |  | "},
		{"Markdown stays text", "---\ntitle: Winter\n---\n# *Snow*\n", "published Winter |  | # *Snow*"},

		{"broken draft", "---\ntitle: a: b\ndraft: true\n---\nSnow.\n", "front matter"},
		{"unclosed draft", "---\ntitle: Winter\ndraft: true\n\nSnow.\n", "front matter has no end"},
		{"broken draft in TOML", "+++\ntitle = Winter\ndraft=true\n+++\nSnow.\n", "front matter"},
		{"misspelled", "---\ndraf: true\n---\nSnow.\n", "did you mean draft"},
		{"unknown status", "---\ntitle: Winter\nstatus: soon\n---\nSnow.\n", `got "soon"`},

		{"lines of hyphens", "---\nWinter came\n---\nSnow fell all day, and nobody minded.\n",
			"published Winter came |  | Snow fell all day, and nobody minded."},
		{"one line of hyphens", "---\n\nWinter came\n\nSnow fell all day.\n", "published Winter came |  | Snow fell all day."},
		{"unknown key between lines", "---\nNote: it snows\n---\nSnow fell all day.\n", "published Note: it snows |  | Snow fell all day."},
		{"book", "Title: Winter\nAuthor: Ann Ross\n\nA book about snow.\n", "published Title: Winter |  | Author: Ann Ross\n\nA book about snow."},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var imported string
			for e, err := range o.Read(strings.NewReader(tt.content), "notes/winter.txt") {
				imported = describeText(e.Post, err)
			}
			posts, err := o.Decode("notes/winter.txt", []byte(tt.content))
			var p *feed.RawPost
			if len(posts) == 1 {
				p = &posts[0]
			}
			served := describeText(p, err)
			if p != nil && p.ID != "notes/winter.txt" {
				t.Errorf("the id of the post in a served folder is %q, want the path", p.ID)
			}
			wantError := !strings.Contains(tt.want, " | ")
			if imported != tt.want && (!wantError || !strings.Contains(imported, tt.want)) || wantError && p != nil {
				t.Errorf("imported:\n%s\nwant:\n%s", imported, tt.want)
			}
			if served != tt.want && (!wantError || !strings.Contains(served, tt.want)) {
				t.Errorf("in a served folder:\n%s\nwant:\n%s", served, tt.want)
			}
		})
	}
}

// describeText returns the status, title, date and text of a post, or the error.
func describeText(p *feed.RawPost, err error) string {
	if err != nil && !errors.Is(err, feed.ErrInvalid) {
		return "error of the wrong kind: " + err.Error()
	}
	if err != nil {
		return "error: " + err.Error()
	}
	post, err := intake.Decode(p.ID, p.Raw)
	if err != nil {
		return "error: " + err.Error()
	}
	day := ""
	if !post.DatePublished.IsZero() {
		day = post.DatePublished.Format(time.DateOnly)
	}
	status := string(post.Status)
	if status == "" {
		status = "published"
	}
	return status + " " + post.Title + " | " + day + " | " + post.ContentText
}

// TestTextHeaderID checks that the id of an imported text with front matter is that of the front matter, or the path.
func TestTextHeaderID(t *testing.T) {
	reader, err := attribution.New(attribution.Options{})
	if err != nil {
		t.Fatal(err)
	}
	for content, want := range map[string]string{
		"---\ntitle: Winter\ndate: 2020-01-02\ndraft: true\n---\nSnow fell all day.\n": "a.txt",
		"---\ntitle: Winter\nid: snow\n---\nSnow fell all day.\n":                      "snow",
	} {
		for e, err := range (Options{Reader: reader}).Read(strings.NewReader(content), "a.txt") {
			if err != nil || e.Post.ID != want {
				t.Errorf("%q: %+v, %v; want the id %s", content, e.Post, err, want)
			}
		}
	}
}
