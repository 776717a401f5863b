package transfer

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"feedpub/feed"
	"feedpub/feed/intake"
)

// TestEmptyListEntries checks that an empty entry of a list does not hide the keys after the list.
func TestEmptyListEntries(t *testing.T) {
	for source, want := range map[string]map[string]any{
		"tags:\n- a\n- \ntitle: T\n":             {"tags": []any{"a", nil}, "title": "T"},
		"tags:\n- a\n-\n\ntitle: T\n":            {"tags": []any{"a", nil}, "title": "T"},
		"tags:\n  - a\n  - \r\ntitle: T\n":       {"tags": []any{"a", nil}, "title": "T"},
		"tags:\n-\n- a\ntitle: T\n":              {"tags": []any{nil, "a"}, "title": "T"},
		"tags:\n-\n  name: a\ntitle: T\n":        {"tags": []any{map[string]any{"name": "a"}}, "title": "T"},
		"tags:\n- a\n-\n":                        {"tags": []any{"a", nil}},
		"text: |\n  -\n  key: words\ntitle: T\n": {"text": "-\nkey: words\n", "title": "T"},
	} {
		got := map[string]any{}
		if _, err := readYAML(source, &got); err != nil {
			t.Errorf("readYAML(%q): %v", source, err)
			continue
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("readYAML(%q) (-want +got):\n%s", source, diff)
		}
	}
	posts, err := Options{}.Decode("a.md", []byte("---\ntags:\n- a\n- \ndraft: true\n---\nWords."))
	if err != nil || intake.StatusOf(posts[0].Raw) != feed.Draft {
		t.Errorf("the post is %s (error %v), want a draft", posts, err)
	}
}
