package transfer

import (
	"errors"
	"strings"
	"testing"

	"feedpub/feed"
)

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
