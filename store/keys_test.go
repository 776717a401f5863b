package store

import "testing"

func TestCutPostKey(t *testing.T) {
	for key, want := range map[string]string{
		"feedpub:{main}:post:a":         "main a true",
		"feedpub:{main}:post:":          "main  true",
		"feedpub:{main}:post:{b}:post:": "main {b}:post: true",
		"feedpub:{main}:item:}:post:a":  "  false",
		"feedpub:{main}:posts:a":        "  false",
		"feedpub:main:post:a":           "  false",
		"":                              "  false",
	} {
		site, id, ok := ParsePostKey(key)
		got := string(site) + " " + id + " false"
		if ok {
			got = string(site) + " " + id + " true"
		}
		if got != want {
			t.Errorf("ParsePostKey(%q) = %q; want %q", key, got, want)
		}
	}
}
