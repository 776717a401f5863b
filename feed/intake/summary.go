package intake

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"feedpub/feed"
)

// excerptLength is the maximum length in characters of a summary that is made from the content.
const excerptLength = 300

// summary returns the given summary, or the beginning of the item's text if given is empty. It appends a line for each
// source that the text does not name, because mail programs and link previews show only the summary.
func summary(given string, item *feed.Item, english bool) string {
	text := line(given)
	if text == "" {
		text = excerpt(item.Text)
	}
	var b strings.Builder
	b.WriteString(text)
	seen := make(map[string]bool)
	for _, q := range item.Quotes {
		source := SourceLine(q.Source, english)
		if source == "" || seen[source] || names(text, q.Source) {
			continue
		}
		seen[source] = true
		if b.Len() > 0 {
			b.WriteByte('\n')
		}
		b.WriteString("— " + source)
	}
	return b.String()
}

// names reports whether a text contains the source's authors, title and publisher. It reports false if only one of them
// is known, because a text may contain a single name by chance. The date is ignored, because its format varies.
func names(text string, source feed.Source) bool {
	parts := append(authorNames(source), present(title(source), publisher(source))...)
	if len(parts) < 2 {
		return false
	}
	text = strings.ToLower(text)
	return !slices.ContainsFunc(parts, func(part string) bool { return !strings.Contains(text, strings.ToLower(part)) })
}

// excerpt returns the beginning of a text on one line, up to the end of a word.
func excerpt(text string) string {
	text = firstWords(text, excerptLength+1)
	cut, n := len(text), 0
	for i := range text {
		if n == excerptLength {
			cut = i
			break
		}
		n++
	}
	if cut == len(text) {
		return text
	}
	if text[cut] != ' ' {
		if space := strings.LastIndexByte(text[:cut], ' '); space > 0 {
			cut = space
		} else { // no spaces between words: cut anywhere but before a combining character
			for cut > 0 && combines(text[cut:]) {
				_, size := utf8.DecodeLastRuneInString(text[:cut])
				cut -= size
			}
		}
	}
	return strings.TrimRight(text[:cut], " ,;:–—-") + "…"
}

// firstWords returns the first words of a text, separated by single spaces: enough words for at least n characters, if
// the text has that many.
func firstWords(text string, n int) string {
	var b strings.Builder
	for word := range strings.FieldsSeq(text) {
		if b.Len() > 0 {
			b.WriteByte(' ')
			n--
		}
		if n <= 0 {
			break
		}
		b.WriteString(word)
		n -= utf8.RuneCountInString(word)
	}
	return b.String()
}

// combines reports whether the first character of s combines with the previous character.
func combines(s string) bool {
	r, _ := utf8.DecodeRuneInString(s)
	return unicode.IsMark(r) || r == zeroWidthJoiner
}

const zeroWidthJoiner = '\u200d'
