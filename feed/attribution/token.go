package attribution

import (
	"math/bits"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// tokenKind is the kind of a token: a word or a kind of punctuation.
type tokenKind uint8

const (
	tokWord  tokenKind = iota
	tokPunct           // any other character: , ; : . ! ? ( ) [ ] | / * • · ★
	tokDash            // –, —, ―, ~, --, or a hyphen outside a word
	tokDots            // …, or two or more periods
	tokOpen            // an opening quotation mark, or a straight one after white space or an opening bracket
	tokClose           // a closing quotation mark, or any other straight one
	tokPoss            // the possessive 's, without the name before it
)

// token is a word or a punctuation mark of a block's text. Words include inner apostrophes, hyphens, periods and
// slashes: "Frere-Jones", "U.S.", "Townhall.com" and "9/15/11" are one token each.
type token struct {
	start, end int   // byte offsets in the text
	ch         rune  // the character of a tokPunct; the mark of tokOpen and tokClose
	id         int32 // number of the word in the lexicon, or 0
	kind       tokenKind
	upper      bool // the word begins with a capital letter
	digit      bool // the word begins with a digit
	inner      bool // the word contains a capital letter or a period after its first byte: "iMore", "nola.com"
	space      bool // white space precedes the token, or it is the first token
}

// isPunct reports whether the token is one of the given punctuation marks.
func (t *token) isPunct(marks string) bool {
	if t.kind == tokPunct {
		for _, m := range marks {
			if t.ch == m {
				return true
			}
		}
	}
	return false
}

// nameTokens is the capacity of buffers for the tokens of a name. Tokenizing a longer name allocates memory.
const nameTokens = 16

// tokenize appends the tokens of text to buf, in linear time.
func (lx *lexicon) tokenize(text string, buf []token) []token {
	toks := buf
	space := true
	for i := 0; i < len(text); {
		c := text[i]
		if c == ' ' {
			space = true
			i++
			continue
		}
		if wordByte[c] {
			if end, id, inner := lx.simpleWord(text, i); end > 0 {
				toks = append(toks, token{start: i, end: end, kind: tokWord, ch: rune(c), id: id, upper: c-'A' < 26,
					digit: isDigit(c), inner: inner, space: space})
				space = false
				i = end
				continue
			}
		}
		r, size := decodeRune(text, i)
		t := token{start: i, end: i + size, ch: r, space: space}
		space = false
		if isWordRune(r) || r == '@' && nextIsWord(text, t.end) {
			toks = lx.appendWord(toks, text, t)
		} else {
			finishMark(text, &t)
			toks = append(toks, t)
		}
		i = toks[len(toks)-1].end
	}
	return toks
}

// appendWord appends the word that begins with t. A possessive ending is a token of its own, except in words of the
// lexicon such as "here's" and "let's".
func (lx *lexicon) appendWord(toks []token, text string, t token) []token {
	t.kind, t.end = tokWord, wordEnd(text, t.start)
	word := text[t.start:t.end]
	p := possessive(word)
	if p == 0 {
		return append(toks, lx.finishWord(text, t))
	}
	if t.id = lx.lookup(word); t.id != 0 {
		t.setShape(text)
		return append(toks, t)
	}
	ending := token{start: t.start + p, end: t.end, kind: tokPoss}
	t.end = ending.start
	return append(toks, lx.finishWord(text, t), ending)
}

// finishMark sets the kind and the end of the punctuation mark that begins at token t.
func finishMark(text string, t *token) {
	t.kind = tokPunct
	switch t.ch {
	case '…':
		t.kind, t.end = tokDots, dotsEnd(text, t.end)
	case '.':
		if strings.HasPrefix(text[t.end:], ".") {
			t.kind, t.end = tokDots, dotsEnd(text, t.end)
		}
	case '–', '—', '―', '-', '~':
		t.kind = tokDash
		for t.end < len(text) && text[t.end] == '-' {
			t.end++
		}
	case '„', '‚':
		t.kind = tokOpen
	case '”':
		t.kind = tokClose
	case '“', '«', '»', '‹', '›':
		t.kind = pairedKind(text, t)
	case '"', '\'', '‘', '’':
		t.kind = tokClose
		if t.space || t.ch == '‘' || afterBracket(text, t.start) {
			t.kind = tokOpen
		}
	}
}

// dotsEnd returns the end of the dots that continue at byte i.
func dotsEnd(text string, i int) int {
	for {
		switch rest := text[i:]; {
		case strings.HasPrefix(rest, "."):
			i++
		case strings.HasPrefix(rest, "…"):
			i += len("…")
		default:
			return i
		}
	}
}

// pairedKind returns tokOpen if the mark t opens a quotation, and otherwise tokClose. The opening mark of a pair
// depends on the language: „…“, »…« and «…» are all in use. French puts spaces on both sides of a guillemet, so in
// French the mark itself determines whether it opens or closes a quotation.
func pairedKind(text string, t *token) tokenKind {
	if t.end == len(text) || strings.IndexByte(" ,.;", text[t.end]) >= 0 {
		if t.space && (t.ch == '«' || t.ch == '‹') {
			return tokOpen
		}
		return tokClose
	}
	if t.space || afterBracket(text, t.start) || t.ch == '“' && nextIsWord(text, t.end) {
		return tokOpen
	}
	return tokClose
}

// afterBracket reports whether an opening bracket precedes byte i.
func afterBracket(text string, i int) bool { return i > 0 && (text[i-1] == '(' || text[i-1] == '[') }

// simpleWord reads the word at byte i if it consists of ASCII letters and digits and a character that cannot be part of
// it follows. It returns the end and the lexicon number of the word, and whether the word contains a capital letter
// after its first byte and before its last. The end is 0 if the word is not simple. Most words are simple, and are read
// eight bytes at a time.
func (lx *lexicon) simpleWord(text string, i int) (end int, id int32, inner bool) {
	word := eightBytes(text, i)
	n := wordBytes(word)
	end = i + n
	if n == maxShort {
		for end < len(text) && wordByte[text[end]] {
			end++
		}
		n = end - i
	}
	switch {
	case end < len(text) && !endsSimpleWord(text, end, n):
		return 0, 0, false
	case n > maxShort || lx.table == nil:
		return end, lx.lookup(text[i:end]), hasCapital(text[i+1 : max(i+1, end-1)])
	}
	// The bit lowerBit distinguishes small letters from capitals, and all digits have it.
	const lowerBit = 0x2020202020202020
	mask := ^uint64(0) >> ((64 - 8*n) & 63)
	word &= mask
	return end, lx.table.shortNumber(word | lowerBit&mask), ^word&lowerBit&(mask>>8)>>8 != 0
}

// wordBytes returns the number of bytes at the beginning of the word, its lowest bytes, that are ASCII letters or
// digits.
func wordBytes(word uint64) int {
	// Adding up to 0x7f to each byte does not carry into the next byte once the upper bits are cleared. The sum has its
	// upper bit set if the byte is at least the first, or greater than the last, letter or digit.
	const ones, upper = 0x0101010101010101, 0x8080808080808080
	low := word &^ upper
	letter := low | 0x20*ones
	isLetter := (letter + (0x80-'a')*ones) &^ (letter + (0x7f-'z')*ones)
	isDigit := (low + (0x80-'0')*ones) &^ (low + (0x7f-'9')*ones)
	return bits.TrailingZeros64(^(isLetter|isDigit)&upper|word&upper) / 8
}

// eightBytes returns the eight bytes of s from byte i on, as a number, with zeros for the bytes after the end of s.
func eightBytes(s string, i int) (n uint64) {
	if len(s)-i >= 8 {
		s = s[i : i+8]
		return uint64(s[0]) | uint64(s[1])<<8 | uint64(s[2])<<16 | uint64(s[3])<<24 |
			uint64(s[4])<<32 | uint64(s[5])<<40 | uint64(s[6])<<48 | uint64(s[7])<<56
	}
	for k := len(s) - 1; k >= i; k-- {
		n = n<<8 | uint64(s[k])
	}
	return n
}

// endsSimpleWord reports whether the character at byte end cannot be part of the word of n letters before it. A mark
// such as a hyphen may join two words, and a period may be part of an initial.
func endsSimpleWord(text string, end, n int) bool {
	switch c := text[end]; {
	case endsWord[c]:
		return true
	case c == '.':
		return n > 1 && !nextIsWord(text, end+1)
	default:
		return c < utf8.RuneSelf && !nextIsWord(text, end+1)
	}
}

// endsWord reports for each byte whether it is an ASCII character that ends a word, whatever follows.
var endsWord = func() (table [256]bool) {
	for c := range utf8.RuneSelf {
		table[c] = !wordByte[c] && !strings.ContainsRune("'-&./_@+:", rune(c))
	}
	return table
}()

// hasCapital reports whether s contains an ASCII capital letter.
func hasCapital(s string) bool {
	for i := range len(s) {
		if s[i]-'A' < 26 {
			return true
		}
	}
	return false
}

// setShape sets the properties of the word token t that depend on its letters.
func (t *token) setShape(text string) {
	r, _ := decodeRune(text, t.start)
	t.upper = unicode.IsUpper(r)
	t.digit = r >= '0' && r <= '9'
	for i := t.start + 1; i < t.end-1; i++ {
		if c := text[i]; c == '.' || c >= 'A' && c <= 'Z' {
			t.inner = true
			break
		}
	}
}

// finishWord sets the properties and the lexicon number of the word token t and returns it.
func (lx *lexicon) finishWord(text string, t token) token {
	t.setShape(text)
	t.id = lx.lookup(text[t.start:t.end])
	if t.id == 0 {
		// French elides short words before a vowel: "l'écrit" has the number of "écrit".
		for i := 1; i <= 2 && t.start+i < t.end; i++ {
			if c := text[t.start+i]; c != '\'' && c != "’"[0] {
				continue
			}
			if r, size := decodeRune(text, t.start+i); r == '\'' || r == '’' {
				t.id = lx.lookup(text[t.start+i+size : t.end])
				break
			}
		}
	}
	return t
}

// decodeRune is like utf8.DecodeRuneInString, but starts at an offset and has a fast path for ASCII.
func decodeRune(s string, i int) (rune, int) {
	if c := s[i]; c < utf8.RuneSelf {
		return rune(c), 1
	}
	return utf8.DecodeRuneInString(s[i:])
}

// isWordRune reports whether r is a letter, a digit or a combining mark.
func isWordRune(r rune) bool {
	if uint32(r) < utf8.RuneSelf {
		return wordByte[r]
	}
	return unicode.IsLetter(r) || unicode.IsDigit(r) || unicode.IsMark(r)
}

// wordByte reports for each byte whether it is an ASCII letter or digit.
var wordByte = func() (table [256]bool) {
	for c := range table {
		table[c] = foldedByte[c] > foldNothing
	}
	return table
}()

// nextIsWord reports whether a word rune begins at byte i.
func nextIsWord(text string, i int) bool {
	if i >= len(text) {
		return false
	}
	r, _ := decodeRune(text, i)
	return isWordRune(r)
}

// wordEnd returns the end of the word that begins at byte i.
func wordEnd(text string, i int) int {
	start := i
	letters, points := 0, 0
	for i < len(text) {
		if wordByte[text[i]] {
			letters++
			i++
			continue
		}
		r, size := decodeRune(text, i)
		switch {
		case isWordRune(r) || i == start:
			letters++
		case !joinsWord(text, i, r) || !nextIsWord(text, i+size):
			return abbreviationEnd(text, start, i, letters, points)
		case r == '.':
			points++
		}
		i += size
	}
	return i
}

// joinsWord reports whether r, the character at byte i, may be inside a word. A colon may be inside a time of day.
func joinsWord(text string, i int, r rune) bool {
	switch r {
	case '\'', '’', '-', '&', '.', '/', '_', '@', '+':
		return true
	case ':':
		return isDigit(text[i-1]) && i+1 < len(text) && isDigit(text[i+1])
	default:
		return false
	}
}

func isDigit(c byte) bool { return c-'0' < 10 }

// abbreviationEnd returns the end of the word in the bytes [start, end), including the final period of an initial or an
// abbreviation: "J.", "U.S.".
func abbreviationEnd(text string, start, end, letters, points int) int {
	if text[end] != '.' {
		return end
	}
	first := text[start]
	if letters == 1 && first-'A' < 26 || points > 0 && letters == points+1 && !isDigit(first) {
		return end + 1
	}
	return end
}

// possessive returns the offset of the possessive ending of word, or 0.
func possessive(word string) int {
	for _, s := range [...]string{"'s", "’s", "'S", "’S"} {
		if strings.HasSuffix(word, s) && len(word) > len(s) {
			return len(word) - len(s)
		}
	}
	return 0
}

// fold returns the key by which names are compared: letters and digits in lower case, words separated by one space,
// without apostrophes.
func fold(s string) string { return string(appendFold(make([]byte, 0, len(s)), s)) }

// appendFold appends the folded text to buf.
func appendFold(buf []byte, s string) []byte {
	start := len(buf)
	gap := false
	for i := 0; i < len(s); {
		c := s[i]
		if c < utf8.RuneSelf {
			i++
			switch c = foldedByte[c]; c {
			case foldGap:
				gap = true
				continue
			case foldNothing:
				continue
			}
			if gap && len(buf) > start {
				buf = append(buf, ' ')
			}
			gap = false
			buf = append(buf, c)
			continue
		}
		r, size := utf8.DecodeRuneInString(s[i:])
		i += size
		switch {
		case isApostrophe(r):
		case isWordRune(r):
			if gap && len(buf) > start {
				buf = append(buf, ' ')
			}
			gap = false
			buf = utf8.AppendRune(buf, unicode.ToLower(r))
		default:
			gap = true
		}
	}
	return buf
}

// isApostrophe reports whether r is an apostrophe, which folding removes.
func isApostrophe(r rune) bool { return r == '\'' || r == '’' || r == '‘' || r == '`' || r == '´' }

// The values of foldedByte for bytes that are not part of a folded text.
const (
	foldGap     = 0 // separates words
	foldNothing = 1 // an apostrophe
)

// foldedByte maps each ASCII character to its folded form, and all other bytes to foldGap.
var foldedByte = func() (table [256]byte) {
	for c := range table {
		switch b := byte(c); {
		case b >= 'a' && b <= 'z', b >= '0' && b <= '9':
			table[c] = b
		case b >= 'A' && b <= 'Z':
			table[c] = b + 'a' - 'A'
		case b == '\'', b == '`':
			table[c] = foldNothing
		}
	}
	return table
}()

// isFolded reports whether the folded text of s is key.
func isFolded(s, key string) bool { return foldsTo(s, key, false) }

// foldsTo reports whether the folded text of s is key, or if more is set, whether it begins with key and a space. It
// folds no more of s than it has to.
func foldsTo(s, key string, more bool) bool {
	var buf [utf8.UTFMax]byte
	n, gap := 0, false
	for i := 0; i < len(s); {
		r, size := decodeRune(s, i)
		i += size
		switch {
		case isApostrophe(r):
			continue
		case !isWordRune(r):
			gap = true
			continue
		}
		if gap && n > 0 {
			if n == len(key) {
				return more
			}
			if key[n] != ' ' {
				return false
			}
			n++
		}
		gap = false
		word := buf[:utf8.EncodeRune(buf[:], unicode.ToLower(r))]
		if len(key)-n < len(word) || key[n:n+len(word)] != string(word) {
			return false
		}
		n += len(word)
	}
	return !more && n == len(key)
}

// collapseSpace returns s with its words separated by single spaces.
func collapseSpace(s string) string {
	if isCollapsed(s) {
		return s
	}
	return strings.Join(strings.Fields(s), " ")
}

// isCollapsed reports whether s is ASCII text whose words are separated by single spaces.
func isCollapsed(s string) bool {
	space := true
	for i := range len(s) {
		switch c := s[i]; {
		case c == ' ' && !space:
			space = true
		case c <= ' ' || c >= utf8.RuneSelf:
			return false
		default:
			space = false
		}
	}
	return !space || s == ""
}

// splitGlued splits an agency and a weekday that a lost line break has joined: "By Ann Reed, APSunday, August 22".
func (r *Reader) splitGlued(text string, toks []token) []token {
	for k, t := range toks[:min(len(toks), 14)] {
		if t.kind != tokWord || !t.inner || !t.upper {
			continue
		}
		for cut := t.start + 2; cut < t.end-2; cut++ {
			if c := text[cut]; c < 'A' || c > 'Z' {
				continue
			}
			day := r.lx.lookup(text[cut:t.end])
			if day == 0 || !r.lx.langs[fallback].weekday.has(day) {
				continue
			}
			if e := r.pubs.lookup(text[t.start:cut]); e == nil || !e.Agency {
				continue
			}
			left, right := t, t
			left.end, right.start = cut, cut
			right.space = false
			return slices.Concat(toks[:k], []token{r.lx.finishWord(text, left), r.lx.finishWord(text, right)}, toks[k+1:])
		}
	}
	return toks
}
