package attribution

import (
	"bufio"
	"cmp"
	"encoding/json"
	"fmt"
	"html"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode"

	"golang.org/x/text/unicode/norm"

	"feedpub/feed"
	"feedpub/feed/markup"
)

// goldPost is a post in testdata/own.jsonl with the expected result. All texts were written for this test. None of them
// was published by the publication that it names.
type goldPost struct {
	ID         string     `json:"id"`
	Convention string     `json:"convention"`
	Language   string     `json:"language"`
	Title      string     `json:"title"`
	Format     string     `json:"format"`
	Body       string     `json:"body"`
	Lenient    bool       `json:"lenient"` // commentary is not scored, since the text does not show where it begins
	Expect     goldResult `json:"expect"`
}

type goldResult struct {
	Quotes     []goldQuote `json:"quotes"`
	Commentary []string    `json:"commentary"` // first words of each paragraph
	Optional   []string    `json:"commentary_optional"`
	Via        []string    `json:"via"`
	PostedBy   string      `json:"posted_by"`
	PostedOn   string      `json:"posted_on"`
}

// goldQuote is an expected source. The accept lists contain other correct values for each field; null represents an
// empty value.
type goldQuote struct {
	Publication *string  `json:"publication"`
	Headline    *string  `json:"headline"`
	Authors     []string `json:"authors"`
	Date        *string  `json:"date"`
	URL         *string  `json:"url"`
	First       *string  `json:"first_words"`
	Last        *string  `json:"last_words"`
	Kind        Kind     `json:"kind"`

	PublicationOr []*string  `json:"publication_accept"`
	HeadlineOr    []*string  `json:"headline_accept"`
	AuthorsOr     [][]string `json:"authors_accept"`
	DateOr        []*string  `json:"date_accept"`
	URLOr         []*string  `json:"url_accept"`
	FirstOr       []*string  `json:"first_words_accept"`
	LastOr        []*string  `json:"last_words_accept"`
}

func readGold(t testing.TB, name string) []goldPost {
	t.Helper()
	f, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	var posts []goldPost
	sc := bufio.NewScanner(f)
	sc.Buffer(nil, 1<<20)
	for sc.Scan() {
		var p goldPost
		if err := json.Unmarshal(sc.Bytes(), &p); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		posts = append(posts, p)
	}
	if err := sc.Err(); err != nil {
		t.Fatal(err)
	}
	return posts
}

// newReader returns a Reader with the default options.
func newReader(t testing.TB) *Reader {
	t.Helper()
	r, err := New(Options{})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// newLenientReader returns a Reader that publishes credits of which the model is not certain, for tests of what
// verification makes of them.
func newLenientReader(t testing.TB) *Reader {
	t.Helper()
	r, err := New(Options{Threshold: 0.2})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// doubtful holds the names of cases whose credits are right but not certain enough to be published. A lenient Reader
// reads them.
var doubtful = map[string]bool{
	"a bold name": true, "a dash and a newspaper at the end": true, "a fact that was read in a publication": true,
	"a name alone": true, "a title, a dash and a name": true,
	"a source that only the link names": true, "a subject of the article": true, "a word for a page after a name": true,
	"an author before the publication": true, "an entry of a list with a remark": true, "ein Wort nach einem Bindestrich": true,
}

// readCase reads the post of the named case of a test of credits.
func readCase(t testing.TB, name, format, body string) []Quote {
	t.Helper()
	if doubtful[name] {
		return read(t, newLenientReader(t), format, "", body).Quotes
	}
	return read(t, newReader(t), format, "", body).Quotes
}

// read parses and reads a post as package intake does.
func read(t testing.TB, r *Reader, format, title, body string) Result {
	t.Helper()
	in := parsed(t, format, body)
	in.Title = title
	return r.Read(in)
}

// parsed returns the parsed post as input for a Reader.
func parsed(t testing.TB, format, body string) Input {
	t.Helper()
	n, err := markup.Parse(markup.Format(format), body)
	if err != nil {
		t.Fatal(err)
	}
	return Input{Body: n}
}

// TestScore measures how accurately the posts in testdata/own.jsonl are read, and fails if a score is below its
// minimum. The posts cover every convention in the package comment, in English, German, Spanish and French; some have
// no quotes.
func TestScore(t *testing.T) {
	posts := readGold(t, "testdata/own.jsonl")
	r := newReader(t)
	var total, found tally // found also counts suggestions above the threshold, which are suggestions only because they have no passage
	by := make(map[string]*tally)
	for _, p := range posts {
		got := read(t, r, p.Format, p.Title, p.Body)
		var one tally
		bad := one.score(p, got)
		total.add(one)
		for _, q := range got.Suggestions {
			if q.Confidence >= r.threshold {
				got.Quotes = append(got.Quotes, q)
			}
		}
		var all tally
		all.score(p, got)
		found.add(all)
		group := by[p.Convention]
		if group == nil {
			group = &tally{}
			by[p.Convention] = group
		}
		group.add(one)
		if len(bad) > 0 {
			t.Logf("%s: %s", p.ID, strings.Join(bad, "; "))
		}
	}
	t.Logf("%-8s %5s %6s %8s %7s %4s %4s %4s %7s %5s", "convent.", "posts", "F1", "headline", "authors", "date", "url",
		"text", "comment", "clean")
	keys := make([]string, 0, len(by))
	for k := range by {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	for _, k := range keys {
		t.Log(by[k].line(k))
	}
	t.Log(total.line("all"))

	positive, negative := 0, 0
	for _, p := range posts {
		if len(p.Expect.Quotes) > 0 {
			positive++
		} else {
			negative++
		}
	}
	if positive < 120 || negative < 40 {
		t.Errorf("testdata/own.jsonl has %d posts with quotes and %d without quotes, want at least 120 and 40",
			positive, negative)
	}
	for _, minimum := range []struct {
		name      string
		got, want float64
	}{
		{"source F1 of what is found", found.f1(), 0.94},
		{"headline of what is found", ratio(found.headline, found.wanted), 0.88},
		{"authors of what is found", ratio(found.authors, found.wanted), 0.90},
		{"date of what is found", ratio(found.date, found.wanted), 0.90},
		{"url of what is found", ratio(found.url, found.wanted), 0.90},
		{"source F1", total.f1(), 0.88},
		{"negatives clean", ratio(total.clean, total.negative), 0.96},
		{"headline", ratio(total.headline, total.wanted), 0.79},
		{"authors", ratio(total.authors, total.wanted), 0.79},
		{"date", ratio(total.date, total.wanted), 0.79},
		{"url", ratio(total.url, total.wanted), 0.79},
		{"published right", ratio(total.sourceAndTextRight, total.published), 0.97},
		{"own words not quoted", 1 - ratio(total.swallowed, total.ownOf), 1},
		{"text", ratio(total.text, total.wanted), 0.52}, // the rest are unmarked passages, which are rarely certain
		{"commentary", ratio(total.commentary, total.commentaryOf), 0.97},
		{"via", ratio(total.via, total.viaOf), 0.97},
		{"posted", ratio(total.posted, total.postedOf), 0.97},
	} {
		if minimum.got < minimum.want {
			t.Errorf("%s score is %.3f, want at least %.2f", minimum.name, minimum.got, minimum.want)
		}
	}
}

// tally counts what was read correctly.
type tally struct {
	posts, found, wanted, matched, spurious, negative, clean int
	headline, authors, date, url, text                       int
	published, sourceAndTextRight, swallowed, ownOf          int // sourceAndTextRight also counts quotes without a passage
	commentary, commentaryOf, via, viaOf, posted, postedOf   int
}

func (a *tally) add(b tally) {
	a.posts += b.posts
	a.found += b.found
	a.wanted += b.wanted
	a.matched += b.matched
	a.spurious += b.spurious
	a.negative += b.negative
	a.clean += b.clean
	a.published += b.published
	a.sourceAndTextRight += b.sourceAndTextRight
	a.swallowed += b.swallowed
	a.ownOf += b.ownOf
	a.headline += b.headline
	a.authors += b.authors
	a.date += b.date
	a.url += b.url
	a.text += b.text
	a.commentary += b.commentary
	a.commentaryOf += b.commentaryOf
	a.via += b.via
	a.viaOf += b.viaOf
	a.posted += b.posted
	a.postedOf += b.postedOf
}

func ratio(a, b int) float64 {
	if b == 0 {
		return 1
	}
	return float64(a) / float64(b)
}

func (a *tally) f1() float64 {
	recall, precision := ratio(a.found, a.wanted), ratio(a.found, a.matched+a.spurious)
	if recall+precision == 0 {
		return 0
	}
	return 2 * recall * precision / (recall + precision)
}

func (a *tally) line(name string) string {
	return fmt.Sprintf("%-8s %5d %6.3f %8.3f %7.3f %4.2f %4.2f %4.2f %7.3f %5.2f", name, a.posts, a.f1(),
		ratio(a.headline, a.wanted),
		ratio(a.authors, a.wanted), ratio(a.date, a.wanted), ratio(a.url, a.wanted), ratio(a.text, a.wanted),
		ratio(a.commentary, a.commentaryOf), ratio(a.clean, a.negative))
}

// score compares the result with the expected one, and returns a description of each difference.
func (a *tally) score(p goldPost, got Result) (bad []string) {
	a.posts++
	type pair struct{ affinity, quote, gold int }
	var pairs []pair
	for i, q := range got.Quotes {
		for j, g := range p.Expect.Quotes {
			if n := affinity(q, g); n > 0 {
				pairs = append(pairs, pair{n, i, j})
			}
		}
	}
	slices.SortStableFunc(pairs, func(a, b pair) int { return cmp.Compare(b.affinity, a.affinity) })
	goldOf, quoteOf := make(map[int]int), make(map[int]int)
	for _, x := range pairs {
		if _, taken := goldOf[x.quote]; taken {
			continue
		}
		if _, taken := quoteOf[x.gold]; taken {
			continue
		}
		goldOf[x.quote], quoteOf[x.gold] = x.gold, x.quote
	}
	a.published += len(got.Quotes)
	for i, q := range got.Quotes {
		if _, ok := goldOf[i]; !ok {
			a.spurious++
			bad = append(bad, fmt.Sprintf("unexpected quote of %q", cmp.Or(q.Source.Publication, q.Text)))
		}
	}
	for j, g := range p.Expect.Quotes {
		i, ok := quoteOf[j]
		if !ok && (g.Kind == Nested || g.Kind == Reblog) {
			continue // the quote is optional
		}
		a.wanted++
		if !ok {
			bad = append(bad, fmt.Sprintf("quote of %q is missing", cmp.Or(deref(g.Publication), strings.Join(g.Authors, ", "))))
			continue
		}
		a.matched++
		q := got.Quotes[i]
		foundBefore := a.found
		check := func(name string, right bool, got, want string, n *int) {
			if right {
				*n++
			} else {
				bad = append(bad, fmt.Sprintf("%s %q, want %q", name, got, want))
			}
		}
		authorsRight := rightAuthors(q, g)
		var ignored int
		check("publication", rightPublication(q, g), q.Source.Publication, deref(g.Publication), &ignored)
		if ignored == 1 || g.Publication == nil && authorsRight {
			a.found++
		}
		if a.found > foundBefore && (q.Text == "" || rightText(q, g)) {
			a.sourceAndTextRight++
		}
		check("headline", anyText(q.Source.Headline, g.Headline, g.HeadlineOr, comparisonKey), q.Source.Headline,
			deref(g.Headline), &a.headline)
		check("authors", authorsRight, fmt.Sprint(authorNames(q.Source.Authors)), fmt.Sprint(g.Authors), &a.authors)
		check("date", anyText(q.Source.DatePublished, g.Date, g.DateOr, urlKey), q.Source.DatePublished, deref(g.Date),
			&a.date)
		check("url", anyText(q.Source.URL, g.URL, g.URLOr, urlKey), q.Source.URL, deref(g.URL), &a.url)
		check("text", rightText(q, g), q.Text, deref(g.First)+" … "+deref(g.Last), &a.text)
	}
	if len(p.Expect.Quotes) == 0 {
		a.negative++
		if len(got.Quotes) == 0 {
			a.clean++
		}
	}
	if !p.Lenient {
		for _, c := range p.Expect.Commentary {
			a.commentaryOf++
			a.ownOf++
			// A shorter text may repeat words of the passage: "Fourteen dollars!"
			if strings.Count(comparisonKey(c), " ") >= 4 &&
				slices.ContainsFunc(got.Quotes,
					func(q Quote) bool { return strings.Contains(comparisonKey(q.Text), comparisonKey(c)) }) {
				a.swallowed++
				bad = append(bad, fmt.Sprintf("commentary %q in a passage", c))
			}
			if slices.ContainsFunc(got.Commentary,
				func(s string) bool { return strings.HasPrefix(comparisonKey(s), comparisonKey(c)) }) {
				a.commentary++
			} else {
				bad = append(bad, fmt.Sprintf("commentary %q is missing", c))
			}
		}
	}
	for _, v := range p.Expect.Via {
		a.viaOf++
		if slices.ContainsFunc(got.Via, func(g feed.Via) bool { return comparisonKey(g.Name) == comparisonKey(v) }) {
			a.via++
		} else {
			bad = append(bad, fmt.Sprintf("via %q is missing", v))
		}
	}
	for _, x := range [][2]string{{got.PostedBy, p.Expect.PostedBy}, {got.PostedOn, p.Expect.PostedOn}} {
		if x[1] == "" {
			continue
		}
		a.postedOf++
		if x[0] == x[1] {
			a.posted++
		} else {
			bad = append(bad, fmt.Sprintf("posted %q, want %q", x[0], x[1]))
		}
	}
	return bad
}

func deref(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

var (
	tags  = regexp.MustCompile(`<[^>]*>`)
	marks = strings.NewReplacer("'", "", "’", "", "‘", "", "`", "", "´", "")
)

// comparisonKey returns s in compatibility form and lower case, without apostrophes, and with other marks replaced by
// spaces.
func comparisonKey(s string) string {
	s = strings.ToLower(norm.NFKC.String(html.UnescapeString(tags.ReplaceAllString(s, " "))))
	return strings.Join(strings.FieldsFunc(marks.Replace(s), func(r rune) bool {
		return !unicode.IsLetter(r) && !unicode.IsDigit(r) && !unicode.IsMark(r)
	}), " ")
}

func publicationKey(s string) string { return strings.TrimPrefix(comparisonKey(s), "the ") }

func urlKey(s string) string { return strings.ToLower(strings.TrimRight(s, "/")) }

// anyText reports whether got has the same comparison key as want or one of the alternatives. A nil pointer represents
// an empty text.
func anyText(got string, want *string, or []*string, key func(string) string) bool {
	return slices.ContainsFunc(append([]*string{want}, or...), func(w *string) bool {
		if w == nil {
			return got == ""
		}
		return got != "" && key(got) == key(*w)
	})
}

func rightPublication(q Quote, g goldQuote) bool {
	return anyText(q.Source.Publication, g.Publication, g.PublicationOr, publicationKey)
}

func rightAuthors(q Quote, g goldQuote) bool {
	sorted := func(list []string) string {
		var keys []string
		for _, a := range list {
			keys = append(keys, comparisonKey(a))
		}
		slices.Sort(keys)
		return strings.Join(keys, "|")
	}
	got := sorted(authorNames(q.Source.Authors))
	return slices.ContainsFunc(append([][]string{g.Authors}, g.AuthorsOr...),
		func(w []string) bool { return sorted(w) == got })
}

func rightText(q Quote, g goldQuote) bool {
	if g.First == nil {
		return q.Text == ""
	}
	text := comparisonKey(q.Text)
	first := slices.ContainsFunc(append([]*string{g.First}, g.FirstOr...),
		func(w *string) bool { return w != nil && strings.HasPrefix(text, comparisonKey(*w)) })
	last := slices.ContainsFunc(append([]*string{g.Last}, g.LastOr...),
		func(w *string) bool { return w != nil && strings.HasSuffix(text, comparisonKey(*w)) })
	return first && last
}

// affinity returns a score for how well a quote agrees with an expected quote. Pairs are matched in descending order of
// this score.
func affinity(q Quote, g goldQuote) int {
	n := 0
	if q.Source.Publication != "" && rightPublication(q, g) {
		n += 4
	}
	if g.First != nil && rightText(q, g) {
		n += 3
	}
	if q.Source.Headline != "" && anyText(q.Source.Headline, g.Headline, g.HeadlineOr, comparisonKey) {
		n += 2
	}
	if len(q.Source.Authors) > 0 && rightAuthors(q, g) {
		n += 2
	}
	if q.Source.URL != "" && anyText(q.Source.URL, g.URL, g.URLOr, urlKey) {
		n += 2
	}
	return n
}

// authorNames returns the names of the authors.
func authorNames(authors []feed.Author) []string {
	list := make([]string, 0, len(authors))
	for _, a := range authors {
		list = append(list, a.Name)
	}
	return list
}
