package transfer

import (
	"errors"
	"strings"
	"testing"
	"time"

	"feedpub/feed"
	"feedpub/feed/intake"
)

// TestMisspelledKeyIsNoted checks that a misspelled key that does not determine whether a post is public is noted, and
// that the post is published.
func TestMisspelledKeyIsNoted(t *testing.T) {
	for front, want := range map[string]string{
		"titel: A":                     `unknown front matter key "titel"; did you mean title?`,
		"Summry: A":                    `unknown front matter key "Summry"; did you mean summary?`,
		"dat: 2020-01-01":              `unknown front matter key "dat"; did you mean date?`,
		"catgories: [a]":               `unknown front matter key "catgories"; did you mean categories?`,
		"tag: a":                       `unknown front matter key "tag"; did you mean tags?`,
		"data: a\ndate: 2020-01-01":    "",
		"layout: post\ncomments: true": "",
		"links: [a]":                   "",
		"date: 2020-01-01\"":           "line 2: stray quotation marks in date are ignored",
	} {
		posts, err := Options{}.Decode("a.md", []byte("---\n"+front+"\n---\nWords."))
		if err != nil {
			t.Errorf("front matter %q: %v", front, err)
			continue
		}
		result, err := intake.New(feed.Site{}, nil).Item("a.md", posts[0].Raw, feed.Record{FirstSeen: time.Unix(0, 0)})
		if err != nil {
			t.Errorf("front matter %q: %v", front, err)
			continue
		}
		if got := strings.Join(result.Notes, "; "); got != want {
			t.Errorf("front matter %q: got the notes %q, want %q", front, got, want)
		}
	}
}

func TestMisspelledKeyIsNotPublished(t *testing.T) {
	for key, want := range map[string]string{
		"draf": "draft", "Drafts": "draft", "darft": "draft", "privat": "private", "pasword": "password",
		"visibilty": "visibility", "pubished": "published", "statsu": "status", "hiden": "hidden",
	} {
		_, err := Options{}.Decode("a.md", []byte("---\n"+key+": true\n---\nWords."))
		if !errors.Is(err, feed.ErrInvalid) || !strings.Contains(err.Error(), "did you mean "+want+"?") {
			t.Errorf("key %q: got error %v, want one that suggests %s", key, err, want)
		}
	}
	for _, key := range []string{
		"title", "tags", "publisher", "craftsman", "date", "layout", "images", "build", "draft", "status", "slug", "stats",
	} {
		value := "false"
		if key == "title" || key == "tags" || key == "date" || key == "status" {
			value = ""
		}
		if _, err := (Options{}).Decode("a.md", []byte("---\n"+key+": "+value+"\n---\nWords.")); err != nil {
			t.Errorf("key %q: got error %v, want none", key, err)
		}
	}
}
