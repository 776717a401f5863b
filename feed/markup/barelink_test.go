package markup

import (
	"testing"
)

func TestIsQuick(t *testing.T) {
	for body, want := range map[string]bool{
		"":                                   true,
		"[a](https://b.example/c)":           true,
		"[a](https://www.b.example)":         true,
		"<a href=\"http://b.example\">a</a>": true,
		"https://b.example":                  false,
		"See www.b.example.":                 false,
		"(https://b.example":                 true,
		"[a](b) ftp://c.example":             false,
		"[a]: https://b.example":             false,
		"Ann <ann@b.example>":                false,
		"a \nb":                              true,
		"a  \nb":                             false,
	} {
		if got := isQuick(body); got != want {
			t.Errorf("isQuick(%q) = %v, want %v", body, got, want)
		}
	}
}
