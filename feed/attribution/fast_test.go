package attribution

import (
	"net/url"
	"strings"
	"testing"
	"unicode"

	"github.com/google/go-cmp/cmp"
)

// The functions in this file are plain versions of functions that are optimized for speed. The tests compare both on
// the words and links of the training posts, and on cases that do not occur in the posts.

// plainFold is the plain version of fold.
func plainFold(s string) string {
	var b strings.Builder
	gap := false
	for _, r := range s {
		switch {
		case r == '\'' || r == '’' || r == '‘' || r == '`' || r == '´':
		case unicode.IsLetter(r) || unicode.IsDigit(r) || unicode.IsMark(r):
			if gap && b.Len() > 0 {
				b.WriteByte(' ')
			}
			gap = false
			b.WriteRune(unicode.ToLower(r))
		default:
			gap = true
		}
	}
	return b.String()
}

// plainLineKey is the plain version of lineKey.
func plainLineKey(s string) string {
	s = plainFold(s)
	var b strings.Builder
	for i := range len(s) {
		switch digit := s[i] >= '0' && s[i] <= '9'; {
		case !digit:
			b.WriteByte(s[i])
		case i == 0 || s[i-1] < '0' || s[i-1] > '9':
			b.WriteByte('0')
		}
	}
	return b.String()
}

// plainHostOf is the plain version of hostOf.
func plainHostOf(rawURL string) string {
	if original := originalOf(rawURL); original != "" {
		rawURL = original
	}
	if !strings.HasPrefix(rawURL, "http://") && !strings.HasPrefix(rawURL, "https://") &&
		!strings.HasPrefix(rawURL, "//") {
		return ""
	}
	u, err := url.Parse(rawURL)
	if err != nil {
		return ""
	}
	return strings.TrimPrefix(strings.ToLower(u.Hostname()), "www.")
}

// plainHostNamed is the plain version of hostNamed.
func plainHostNamed(link, name string) bool {
	key := plainFold(name)
	for _, article := range articles {
		if rest, ok := strings.CutPrefix(key, article); ok && rest != "" {
			key = rest
			break
		}
	}
	key = strings.ReplaceAll(key, " ", "")
	flat := strings.NewReplacer("-", "", ".", "").Replace(plainHostOf(link))
	return flat != "" && name != "" && len(key) >= 3 && strings.Contains(flat, key)
}

// fastCases are texts that are likely to be treated differently by a plain and a fast version.
var fastCases = []string{
	"", " ", "  a  b ", "The Guardian’s A", "O'Brien", "l’écrit", "U.S.", "J. R. R. Tolkien", "nola.com.", "iMore", "9:29PM",
	"İstanbul ẞ Ⱥ", "a\u00adb", "e\u0301", "it's", "IT'S", "“Well,” 12 comments", "3.5", "x_y", "@ann", "ann@example.com", "a\xffb",
	"naïve café", "Süddeutsche Zeitung", "R&D", "C++", "rock'n'roll", "2011-06-05", "9/15/11", "…", "a…b", "...", "-a", "a-", "(a)",
	"averyveryverylongwordthatnoclasscontains", "A.", "a.", "1.", "A.b", "a.b", "abcdefghijklmnopqrstuvwx", "abcdefghijklmnopqrstuvwxy",
	"a:b c: d 1:2 3: 4", "a- b-c d/ e/f g& h&i j_ k@ l@m n+ o+p", "(a)b*c=d%e|f", "dogs' Ann's Ann’s A's it's U.S.'s", "ab.c. d.",
	"hello?", "don’t", "Yahoo!", "¿qué?", "Σίσυφος", "ﬁ", "\u00a0", "a\tb\nc", "A\x00b",
}

// corpusTexts returns the fast cases and the lines of the training posts.
func corpusTexts(tb testing.TB) []string {
	tb.Helper()
	texts := append([]string(nil), fastCases...)
	for _, p := range trainingPosts(tb) {
		texts = append(texts, p.Title)
		texts = append(texts, strings.Split(p.Body, "\n")...)
	}
	return texts
}

func TestFoldMatchesPlainVersion(t *testing.T) {
	for _, s := range corpusTexts(t) {
		want := plainFold(s)
		if got := fold(s); got != want {
			t.Fatalf("fold(%q) = %q, want %q", s, got, want)
		}
		if got, want := lineKey(s), plainLineKey(s); got != want {
			t.Fatalf("lineKey(%q) = %q, want %q", s, got, want)
		}
		if got, want := collapseSpace(s), strings.Join(strings.Fields(s), " "); got != want {
			t.Fatalf("collapseSpace(%q) = %q, want %q", s, got, want)
		}
		if !isFolded(s, want) || isFolded(s, want+"x") || isFolded(s, "x"+want) {
			t.Fatalf("isFolded(%q, …) does not agree with fold, which returns %q", s, want)
		}
		for i, c := range want {
			if c == ' ' && !foldsTo(s, want[:i], true) {
				t.Fatalf("foldsTo(%q, %q, true) is false, although fold returns %q", s, want[:i], want)
			}
		}
		if foldsTo(s, want, true) {
			t.Fatalf("foldsTo(%q, %q, true) is true, although fold returns nothing more", s, want)
		}
	}
}

// TestFoldLineMatchesPlainVersion checks that folding only the first word of most lines finds the same phrases.
func TestFoldLineMatchesPlainVersion(t *testing.T) {
	texts := append(corpusTexts(t), "— 12 Comments", "  • Read more", "Posted in", "12 34 comments", "«Share this»")
	languages := newReader(t).lx.sorted
	matched := 0
	for _, s := range texts {
		whole := foldedLine{s, appendLineKey(nil, s)}
		for _, l := range languages {
			line := l.foldLine(s, nil)
			for _, p := range []phrases{l.noise, l.end, l.caption} {
				want := p.matches(whole)
				if got := p.matches(line); got != want {
					t.Fatalf("%s: %q matches a phrase: %v, want %v", l.name, s, got, want)
				}
				if want {
					matched++
				}
			}
		}
	}
	if matched < 10 {
		t.Errorf("%d lines match a phrase, want at least 10", matched)
	}
}

// plainWordEnd is the plain version of wordEnd.
func plainWordEnd(text string, i int) int {
	start := i
	letters, points := 0, 0
	for i < len(text) {
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

// TestWordBytes checks the number of letters and digits at the beginning of eight bytes for each byte and position.
func TestWordBytes(t *testing.T) {
	for c := range 256 {
		for at := range 8 {
			text := []byte("aZ09zA5b")
			text[at] = byte(c)
			want := at
			if wordByte[c] {
				want = len(text)
			}
			if got := wordBytes(eightBytes(string(text), 0)); got != want {
				t.Errorf("wordBytes of %q = %d, want %d", text, got, want)
			}
		}
	}
}

// TestTokenizeMatchesPlainVersion checks that reading words in one pass yields the same tokens as reading them rune by
// rune.
func TestTokenizeMatchesPlainVersion(t *testing.T) {
	r := newReader(t)
	slow := &lexicon{ids: r.lx.ids} // looks words up in the map
	words := 0
	for _, s := range corpusTexts(t) {
		for _, got := range r.lx.tokenize(s, nil) {
			if got.kind != tokWord {
				continue
			}
			words++
			w := s[got.start:got.end]
			end := plainWordEnd(s, got.start)
			if p := possessive(s[got.start:end]); p > 0 && slow.lookup(s[got.start:end]) == 0 {
				end = got.start + p
			}
			ch, _ := decodeRune(s, got.start)
			want := slow.finishWord(s, token{start: got.start, end: end, ch: ch, kind: tokWord, space: got.space})
			if got != want {
				t.Fatalf("token %q of %q (-want +got):\n%s", w, s, cmp.Diff(want, got, cmp.AllowUnexported(token{})))
			}
		}
	}
	if words < 50_000 {
		t.Errorf("compared %d words, want at least 50,000", words)
	}
}

func TestHostOfMatchesPlainVersion(t *testing.T) {
	urls := []string{"http://", "http:///a", "https://EXAMPLE.com", "https://www.example.com/a?b#c", "//cdn.example.com/x", "http://a:80/b",
		"http://u@h/", "http://[::1]/", "http://a b/", "http://a.b/c d", "http://a.b/%zz", "http://a.b/%20", "http://a_b.c", "http://é.com/",
		"https://a.b?c=d", "https://a.b#c", "http://a.b\n", "mailto:a@b.c", "/a/b", "http://www.www.a.com"}
	for _, s := range corpusTexts(t) {
		if _, rest, ok := strings.Cut(s, "http"); ok {
			rest, _, _ = strings.Cut(rest, "\"")
			urls = append(urls, "http"+rest)
		}
	}
	for _, u := range urls {
		if got, want := hostOf(u), plainHostOf(u); got != want {
			t.Errorf("hostOf(%q) = %q, want %q", u, got, want)
		}
		for _, name := range []string{"", "The Guardian", "Example", "A. B.", "nytimes.com", "www", "la"} {
			if got, want := hostNamed(u, name), plainHostNamed(u, name); got != want {
				t.Errorf("hostNamed(%q, %q) = %v, want %v", u, name, got, want)
			}
		}
	}
}

// TestEmissionsMatchPlainSum checks the packed sums of weights of the built-in model, in which usual features are not
// listed, against plain sums of all features.
func TestEmissionsMatchPlainSum(t *testing.T) {
	r := newReader(t)
	for name, s := range map[string]*sequence{"units": r.model.units, "tokens": r.model.tokens} {
		const n = 40
		all, listed := &featureList{}, &featureList{}
		all.reset(s.features, true, 0)
		listed.reset(s.features, false, 0)
		for i := range n {
			for k := range s.features.templates {
				value := (i*k*7 + i*3 + k) % (s.features.ranges[k].last + 1)
				all.add(k, value)
				listed.add(k, value)
			}
			all.endItem()
			listed.endItem()
		}
		d := newDecoder(s)
		var buf decodeBuffers
		d.emissions(&buf, listed)
		var got []int32
		want := make([]int32, n*s.labels)
		for i := range n {
			got = append(got, buf.scores[i*d.labels:i*d.labels+s.labels]...)
			for y := range s.labels {
				sum := &want[i*s.labels+y]
				for _, id := range all.of(i) {
					*sum += s.own[int(id)*s.labels+y]
				}
				if i > 0 {
					for _, id := range all.nearOf(s.features, i-1) {
						*sum += s.previous[int(id)*s.labels+y]
					}
				}
				if i+1 < n {
					for _, id := range all.nearOf(s.features, i+1) {
						*sum += s.next[int(id)*s.labels+y]
					}
				}
			}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

// TestReaderReusesMemory checks that the result of reading a post does not depend on the posts that the Reader has read
// before, and does not change when it reads more posts.
func TestReaderReusesMemory(t *testing.T) {
	posts := trainingPosts(t)[:120]
	used := newReader(t)
	var first []Result
	for _, p := range posts {
		first = append(first, read(t, used, p.Format, p.Title, p.Body))
	}
	ignoreNodes := cmp.FilterPath(func(p cmp.Path) bool { return p.Last().String() == ".Nodes" }, cmp.Ignore())
	for i, p := range posts {
		if i%12 > 0 {
			continue
		}
		fresh := newReader(t)
		if diff := cmp.Diff(read(t, fresh, p.Format, p.Title, p.Body), first[i], ignoreNodes); diff != "" {
			t.Errorf("post %s read by a new reader and by a used one (-new +used):\n%s", p.ID, diff)
		}
	}
}
