package main

import (
	"cmp"
	"fmt"
	"html"
	"regexp"
	"slices"
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"

	"feedpub/feed"
	"feedpub/feed/attribution"
)

var (
	tags  = regexp.MustCompile(`<[^>]*>`)
	marks = strings.NewReplacer("'", "", "’", "", "‘", "", "`", "", "´", "")
)

// key returns the key by which texts are compared: s in compatibility form and lower case, without tags and
// apostrophes, and with other punctuation replaced by spaces.
func key(s string) string {
	s = strings.ToLower(norm.NFKC.String(html.UnescapeString(tags.ReplaceAllString(s, " "))))
	return strings.Join(strings.FieldsFunc(marks.Replace(s), func(r rune) bool {
		return !unicode.IsLetter(r) && !unicode.IsDigit(r) && !unicode.IsMark(r)
	}), " ")
}

func publicationKey(s string) string { return strings.TrimPrefix(key(s), "the ") }
func addressKey(s string) string     { return strings.ToLower(strings.TrimRight(s, "/")) }

// matches reports whether got has the same key as want or one of the alternatives. A nil pointer represents an empty
// text.
func matches(got string, want *string, or []*string, key func(string) string) bool {
	return slices.ContainsFunc(append([]*string{want}, or...), func(w *string) bool {
		if w == nil {
			return got == ""
		}
		return got != "" && key(got) == key(*w)
	})
}

func (q *Quote) rightPublication(s *feed.Source) bool {
	return matches(s.Publication, q.Publication, q.PubOr, publicationKey)
}

func (q *Quote) rightAuthors(s *feed.Source) bool {
	sorted := func(list []string) string {
		var keys []string
		for _, a := range list {
			keys = append(keys, key(a))
		}
		slices.Sort(keys)
		return strings.Join(keys, "|")
	}
	var names []string
	for _, a := range s.Authors {
		names = append(names, a.Name)
	}
	got := sorted(names)
	return slices.ContainsFunc(append([][]string{q.Authors}, q.AuthorsOr...),
		func(w []string) bool { return sorted(w) == got })
}

// keys returns the keys of a text and its accepted alternatives, without null.
func keys(text *string, or []*string) []string {
	var list []string
	for _, w := range append([]*string{text}, or...) {
		if w != nil {
			if k := key(*w); k != "" {
				list = append(list, k)
			}
		}
	}
	return list
}

// covers reports whether the text contains the first and the last words of the passage.
func (q *Quote) covers(text string) bool {
	if q.First == nil {
		return false
	}
	text = key(text)
	in := func(k string) bool { return strings.Contains(text, k) }
	return slices.ContainsFunc(keys(q.First, q.FirstOr), in) && slices.ContainsFunc(keys(q.Last, q.LastOr), in)
}

// unit is a source to find: a quote, or the quotes of a group.
type unit struct {
	group    any
	golds    []*Quote
	optional bool
}

func unitsOf(quotes []Quote) []*unit {
	var out []*unit
	for i := range quotes {
		q := &quotes[i]
		at := slices.IndexFunc(out, func(u *unit) bool { return q.Group != nil && u.group == q.Group })
		if at >= 0 {
			out[at].golds = append(out[at].golds, q)
			continue
		}
		out = append(out, &unit{group: q.Group, golds: []*Quote{q},
			optional: q.Kind == "nested" || q.Kind == "person" || q.Kind == "reblog"})
	}
	return out
}

func (u *unit) any(ok func(q *Quote) bool) bool { return slices.ContainsFunc(u.golds, ok) }

func (u *unit) publication(s *feed.Source) bool {
	return u.any(func(q *Quote) bool { return q.rightPublication(s) })
}

func (u *unit) authors(s *feed.Source) bool {
	return u.any(func(q *Quote) bool { return q.rightAuthors(s) })
}

func (u *unit) headline(s *feed.Source) bool {
	return u.any(func(q *Quote) bool { return matches(s.Headline, q.Headline, q.HeadlineOr, key) })
}

func (u *unit) date(s *feed.Source) bool {
	return u.any(func(q *Quote) bool {
		return matches(s.DatePublished, q.Date, q.DateOr, func(s string) string { return s[:min(len(s), 10)] })
	})
}

func (u *unit) address(s *feed.Source) bool {
	return u.any(func(q *Quote) bool { return matches(s.URL, q.URL, q.URLOr, addressKey) })
}

// found reports whether the source is correct: its publication, or its authors if no publication is named.
func (u *unit) found(s *feed.Source) bool {
	return u.publication(s) || u.golds[0].Publication == nil && u.authors(s)
}

// exact reports whether the text begins with the first words and ends with the last words of the unit's passage. If the
// unit has no passage, the text must be empty.
func (u *unit) exact(text string) bool {
	text = key(text)
	var passages []*Quote
	for _, q := range u.golds {
		if q.First != nil {
			passages = append(passages, q)
		}
	}
	if len(passages) == 0 {
		return text == ""
	}
	first, last := passages[0], passages[len(passages)-1]
	return slices.ContainsFunc(keys(first.First, first.FirstOr), func(k string) bool { return strings.HasPrefix(text, k) }) &&
		slices.ContainsFunc(keys(last.Last, last.LastOr), func(k string) bool { return strings.HasSuffix(text, k) })
}

// begins reports whether the text begins with the first words of one of the unit's passages and ends with the last
// words of the same or a later one.
func (u *unit) begins(text string) bool {
	for i := range u.golds {
		for j := i; j < len(u.golds); j++ {
			if part := (&unit{golds: u.golds[i : j+1]}); u.golds[i].First != nil && part.exact(text) {
				return true
			}
		}
	}
	return u.exact(text)
}

// affinity returns how well a source and a passage match the unit.
func (u *unit) affinity(s *feed.Source, text string) int {
	n := 0
	if s.Publication != "" && u.publication(s) {
		n += 4
	}
	if text != "" && u.any(func(q *Quote) bool { return q.covers(text) }) {
		n += 3
	}
	if s.Headline != "" && u.headline(s) {
		n += 2
	}
	if len(s.Authors) > 0 && u.authors(s) {
		n += 2
	}
	if s.URL != "" && u.address(s) {
		n += 2
	}
	return n
}

// assign returns, for each of n predictions, the index of the unit that it matches best, or -1. A unit with one quote
// is assigned to at most one prediction.
func assign(n int, units []*unit, affinity func(i int, u *unit) int) []int {
	type pair struct{ score, i, j int }
	var pairs []pair
	for i := range n {
		for j, u := range units {
			if s := affinity(i, u); s > 0 {
				pairs = append(pairs, pair{s, i, j})
			}
		}
	}
	slices.SortStableFunc(pairs, func(a, b pair) int {
		return cmp.Or(cmp.Compare(b.score, a.score), cmp.Compare(b.i, a.i), cmp.Compare(b.j, a.j))
	})
	owner, used := make([]int, n), make([]bool, len(units))
	for i := range owner {
		owner[i] = -1
	}
	for _, p := range pairs {
		if owner[p.i] < 0 && (len(units[p.j].golds) > 1 || !used[p.j]) {
			owner[p.i], used[p.j] = p.j, true
		}
	}
	return owner
}

// tally holds the counts that the scores are computed from.
type tally struct {
	posts, found, wanted, matched, predicted, spurious, negative, clean int
	headline, authors, date, url, text, whole                           int
	swallowed, own, suggested                                           int
}

func (t *tally) add(o tally) {
	for i, p := range t.fields() {
		*p += *o.fields()[i]
	}
}

func (t *tally) fields() []*int {
	return []*int{&t.posts, &t.found, &t.wanted, &t.matched, &t.predicted, &t.spurious, &t.negative, &t.clean, &t.headline,
		&t.authors, &t.date, &t.url, &t.text, &t.whole, &t.swallowed, &t.own, &t.suggested}
}

// score compares what was read with what is expected, and returns the errors.
func (t *tally) score(p *Post, res attribution.Result) (misses []string) {
	t.posts++
	units := unitsOf(p.Expect.Quotes)
	qs := res.Quotes
	owner := assign(len(qs), units, func(i int, u *unit) int { return u.affinity(&qs[i].Source, qs[i].Text) })
	t.predicted += len(qs)
	for i := range qs {
		if owner[i] < 0 {
			t.spurious++
			misses = append(misses, fmt.Sprintf("spurious %q %q", qs[i].Source.Publication, qs[i].Text[:min(40, len(qs[i].Text))]))
		}
	}
	for j, u := range units {
		misses = append(misses, t.scoreUnit(u, j, owner, res)...)
	}
	if len(p.Expect.Quotes) == 0 {
		t.negative++
		if len(qs) == 0 {
			t.clean++
		}
	}
	if p.Lenient || p.LenientOwn {
		return misses
	}
	for _, c := range p.Expect.Commentary {
		t.own++
		if slices.ContainsFunc(qs, func(q attribution.Quote) bool { return strings.Contains(key(q.Text), key(c)) }) {
			t.swallowed++
			misses = append(misses, fmt.Sprintf("own words quoted: %q", c))
		}
	}
	return misses
}

// scoreUnit compares unit j with the predictions for it.
func (t *tally) scoreUnit(u *unit, j int, owner []int, res attribution.Result) (misses []string) {
	var mine []attribution.Quote
	for i, k := range owner {
		if k == j {
			mine = append(mine, res.Quotes[i])
		}
	}
	if u.optional && len(mine) == 0 {
		return nil
	}
	t.wanted++
	who := "a source"
	if p := u.golds[0].Publication; p != nil {
		who = *p
	} else if len(u.golds[0].Authors) > 0 {
		who = strings.Join(u.golds[0].Authors, ", ")
	}
	if len(mine) == 0 {
		miss := "missed"
		if slices.ContainsFunc(res.Suggestions, func(q attribution.Quote) bool {
			return u.affinity(&q.Source, q.Text) > 0 && u.found(&q.Source)
		}) {
			t.suggested++
			miss = "only suggested"
		}
		return []string{fmt.Sprintf("%s %q", miss, who)}
	}
	t.matched++
	s := &mine[0].Source
	var texts []string
	for _, q := range mine {
		texts = append(texts, q.Text)
	}
	text := strings.Join(texts, "\n\n")
	count := func(ok bool, n *int, what, got string) {
		if ok {
			*n++
			return
		}
		misses = append(misses, fmt.Sprintf("%s of %q is %q", what, who, got[:min(len(got), 60)]))
	}
	found := u.found(s)
	count(found, &t.found, "source", s.Publication)
	count(u.headline(s), &t.headline, "headline", s.Headline)
	count(u.authors(s), &t.authors, "authors", fmt.Sprint(s.Authors))
	count(u.date(s), &t.date, "date", s.DatePublished)
	count(u.address(s), &t.url, "address", s.URL)
	exact := u.exact(text)
	count(exact, &t.text, "text", key(text))
	if found && (exact || key(text) == "") {
		t.whole += len(mine)
	}
	return misses
}

func ratio(a, b int) float64 {
	if b == 0 {
		return 1
	}
	return float64(a) / float64(b)
}

func (t *tally) f1() float64 {
	r, p := ratio(t.found, t.wanted), ratio(t.found, t.matched+t.spurious)
	if r+p == 0 {
		return 0
	}
	return 2 * r * p / (r + p)
}

// header is the first line of the table of scores; [tally.line] formats the others.
const header = "set                                  posts  F1    recall +sugg  prec  right own    neg   head  auth  date  url   text"

func (t *tally) line(name string) string {
	return fmt.Sprintf("%-36s %5d  %.3f %.3f  %.3f  %.3f %.3f %.4f %.3f %.3f %.3f %.3f %.3f %.3f", name, t.posts, t.f1(),
		ratio(t.found, t.wanted), ratio(t.found+t.suggested, t.wanted), ratio(t.found, t.matched+t.spurious),
		ratio(t.whole, t.predicted), ratio(t.swallowed, t.own), ratio(t.clean, t.negative), ratio(t.headline, t.wanted),
		ratio(t.authors, t.wanted), ratio(t.date, t.wanted), ratio(t.url, t.wanted), ratio(t.text, t.wanted))
}
