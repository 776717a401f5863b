package intake

import (
	"strings"
	"testing"
	"unicode/utf8"
)

func FuzzFirstWords(f *testing.F) {
	for _, s := range []string{"", "one", " two  words\n", strings.Repeat("many words ", 50), "日本語の文章です", "a\u00a0b"} {
		f.Add(s, 5)
		f.Add(s, 301)
	}
	f.Fuzz(func(t *testing.T, s string, n int) {
		all := strings.Join(strings.Fields(s), " ")
		got := firstWords(s, n)
		switch {
		case !strings.HasPrefix(all, got):
			t.Errorf("the first words of %q are %q, want a prefix of the text", s, got)
		case got != all && utf8.RuneCountInString(got) < n:
			t.Errorf("the first words of %q are %q, want at least %d characters", s, got, n)
		}
	})
}
