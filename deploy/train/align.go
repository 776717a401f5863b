package main

import (
	"cmp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"feedpub/feed/attribution"
)

// example is a post with the labels that a careful reader would give to its units and tokens.
type example struct {
	post   *Post
	fold   int // the fold of the post in the current division
	first  int // the fold of the post in the first division
	units  []attribution.ExaminedUnit
	labels []int
	// credits holds the tokens of each unit that names a source, with their labels, in order.
	credits []creditExample
}

type creditExample struct {
	tokens []attribution.ExaminedToken
	labels []int
}

// The labels of units, as package attribution numbers them.
var (
	own     = slices.Index(attribution.UnitLabels, "own")
	lead    = slices.Index(attribution.UnitLabels, "lead")
	tail    = slices.Index(attribution.UnitLabels, "tail")
	mention = slices.Index(attribution.UnitLabels, "mention")
	passage = slices.Index(attribution.UnitLabels, "passage")
	other   = slices.Index(attribution.UnitLabels, "other")
)

// word is a word of the post, with its unit. base is the word without a possessive ending.
type word struct {
	text, base string
	unit       int
}

var possessives = strings.NewReplacer("'s", " ", "’s", " ")

// aligner labels the units of one post.
type aligner struct {
	x      *attribution.Examination
	p      *Post
	words  []word
	labels []int
	fields map[int]map[string]string // for each unit, the names of its fields, keyed by text
	dates  map[int][]string
	spans  [][2]int // first and last unit of each quote's passage, or -1
}

// align labels the units and tokens of a post.
func align(p *Post, x *attribution.Examination) *example {
	a := &aligner{x: x, p: p, fields: map[int]map[string]string{}, dates: map[int][]string{}}
	for i, u := range x.Units {
		for f := range strings.FieldsSeq(u.Text) {
			words, bases := strings.Fields(key(f)), strings.Fields(key(possessives.Replace(f)))
			for k, w := range words {
				base := w
				if len(bases) == len(words) {
					base = bases[k]
				}
				a.words = append(a.words, word{w, base, i})
			}
		}
	}
	a.labels = make([]int, len(x.Units))
	for i := range a.labels {
		a.labels[i] = other
	}
	a.markOwn()
	a.markPassages()
	for i := range p.Expect.Quotes {
		a.markCredit(i)
	}
	e := &example{post: p, units: x.Units, labels: a.labels}
	for i, label := range a.labels {
		if label == lead || label == tail || label == mention {
			e.credits = append(e.credits, a.labelTokens(i, label))
		}
	}
	return e
}

// find returns the positions in a.words at which the text occurs. The search starts at position from.
func (a *aligner) find(text string, from int) []int {
	want := strings.Fields(text)
	if len(want) == 0 {
		return nil
	}
	var at []int
next:
	for i := from; i+len(want) <= len(a.words); i++ {
		for k, w := range want {
			if a.words[i+k].text != w && a.words[i+k].base != w {
				continue next
			}
		}
		at = append(at, i)
	}
	return at
}

// markOwn labels the author's own paragraphs: from the first words of each to the end of its block.
func (a *aligner) markOwn() {
	from := 0
	for _, c := range a.p.Expect.Commentary {
		at := a.find(key(c), from)
		if len(at) == 0 {
			if at = a.find(key(c), 0); len(at) == 0 {
				continue
			}
		}
		from = at[0] + 1
		u := a.words[at[0]].unit
		for i := u; i < len(a.labels) && a.x.Units[i].Block == a.x.Units[u].Block; i++ {
			a.labels[i] = own
		}
	}
}

// markPassages labels the units of the passages.
func (a *aligner) markPassages() {
	from := 0
	for _, q := range a.p.Expect.Quotes {
		a.spans = append(a.spans, [2]int{-1, -1})
		if q.First == nil || q.Kind == "nested" {
			continue
		}
		first, last, end := a.passageOf(q, from)
		if first < 0 {
			first, last, end = a.passageOf(q, 0)
		}
		if first < 0 {
			continue
		}
		from = end
		s, e := a.words[first].unit, a.words[last].unit
		if share(a.words, first, s, true) < 0.5 && e > s {
			s++
		}
		a.spans[len(a.spans)-1] = [2]int{s, e}
		for i := s; i <= e; i++ {
			if i > s && i < e && a.labels[i] == own && a.ownBlockStart(i) {
				// Skip an author's own paragraph within the passage.
				for i+1 < e && a.x.Units[i+1].Block == a.x.Units[i].Block {
					i++
				}
				continue
			}
			a.labels[i] = passage
		}
	}
}

// ownBlockStart reports whether unit i begins a block.
func (a *aligner) ownBlockStart(i int) bool {
	return i == 0 || a.x.Units[i-1].Block != a.x.Units[i].Block
}

// share returns the fraction of the words of unit u that are at or after position at or, if after is false, the
// fraction of the words before it.
func share(words []word, at, u int, after bool) float64 {
	n, m := 0, 0
	for i := max(0, at-400); i < min(len(words), at+400); i++ {
		if words[i].unit == u {
			n++
			if i >= at == after {
				m++
			}
		}
	}
	return float64(m) / float64(max(n, 1))
}

// passageOf searches for the passage of q, starting at position from. It returns the positions of the first and last
// words of the passage, and the position after it. If the passage is not found, first and last are -1.
func (a *aligner) passageOf(q Quote, from int) (first, last, end int) {
	for _, f := range keys(q.First, q.FirstOr) {
		for _, s := range a.find(f, from) {
			for _, l := range keys(q.Last, q.LastOr) {
				n := len(strings.Fields(l))
				for _, e := range a.find(l, max(s, s+len(strings.Fields(f))-n)) {
					return s, e + n - 1, e + n
				}
			}
		}
	}
	return -1, -1, 0
}

// field is a part of a credit that occurs in the text.
type field struct {
	name   string // publication, headline, author, date or link
	text   string // key of the text
	weight float64
	at     []int // units
}

// fieldsOf returns the fields of quote q with the units in which they occur.
func (a *aligner) fieldsOf(q *Quote) []field {
	var out []field
	add := func(name string, weight float64, texts []string) {
		f := field{name: name, weight: weight}
		for _, t := range texts {
			if f.text = t; len(f.at) == 0 {
				f.at = a.unitsWith(t)
			}
			if len(f.at) > 0 {
				break
			}
		}
		if len(f.at) > 0 {
			out = append(out, f)
		}
	}
	var names []string
	for _, k := range keys(q.Publication, q.PubOr) {
		names = append(names, k, strings.TrimPrefix(k, "the "))
	}
	add("publication", 4, names)
	add("headline", 3, keys(q.Headline, q.HeadlineOr))
	for _, name := range q.Authors {
		add("author", 3, []string{key(name)})
	}
	if q.Date != nil {
		if at := a.unitsWithDate(*q.Date); len(at) > 0 {
			out = append(out, field{"date", *q.Date, 2, at})
		}
	}
	if q.URL != nil {
		f := field{name: "link", weight: 3}
		for i, u := range a.x.Units {
			if slices.ContainsFunc(u.Links, func(l string) bool { return addressKey(l) == addressKey(*q.URL) }) ||
				strings.Contains(u.Text, strings.TrimRight(*q.URL, "/")) {
				f.at = append(f.at, i)
			}
		}
		if len(f.at) > 0 {
			out = append(out, f)
		}
	}
	return out
}

// unitsWith returns the units that contain the entire text.
func (a *aligner) unitsWith(text string) []int {
	var out []int
	n := len(strings.Fields(text))
	for _, i := range a.find(text, 0) {
		if u := a.words[i].unit; a.words[i+n-1].unit == u && !slices.Contains(out, u) {
			out = append(out, u)
		}
	}
	return out
}

func (a *aligner) unitsWithDate(date string) []int {
	var out []int
	for i := range a.x.Units {
		if !strings.ContainsAny(a.x.Units[i].Text, "0123456789") {
			continue
		}
		for _, t := range a.x.Tokens(i, lead) {
			if t.Date == date || strings.HasPrefix(t.Date, "0000") && len(date) == 10 && t.Date[4:] == date[4:] {
				out = append(out, i)
				break
			}
		}
	}
	return out
}

// markCredit labels the units that name the source of quote i.
func (a *aligner) markCredit(i int) {
	q := &a.p.Expect.Quotes[i]
	if q.Kind == "nested" || q.Kind == "reblog" || q.Kind == "tweet" || q.Kind == "person" {
		return
	}
	s := a.spans[i]
	fields := a.fieldsOf(q)
	cost := func(u int) float64 { return a.distance(i, u) }
	anchor := a.anchorOf(fields, cost)
	chosen := map[int]bool{}
	for _, f := range fields {
		if anchor < 0 {
			break
		}
		u := slices.MinFunc(f.at, func(x, y int) int {
			dx, dy := cost(x)+0.3*abs(x-anchor), cost(y)+0.3*abs(y-anchor)
			return cmp.Or(cmp.Compare(dx, dy), cmp.Compare(x, y))
		})
		if u != anchor && a.isRemote(f, u, anchor, cost) || f.name == "link" && len(fields) > 1 && u != anchor {
			continue
		}
		chosen[u] = true
		a.addField(u, f)
	}
	for u := range chosen {
		a.labels[u] = a.side(u, s)
	}
	a.markColon(s, anchor, len(chosen))
}

// markColon labels a line that only announces passage s, such as "From the report:", as a lead.
func (a *aligner) markColon(s [2]int, anchor, chosen int) {
	if s[0] > 0 && (chosen == 0 || anchor != s[0]-1) {
		if u := s[0] - 1; a.labels[u] == other && strings.HasSuffix(a.x.Units[u].Text, ":") && len(a.x.Units[u].Text) < 120 {
			a.labels[u] = lead
		}
	}
}

// distance returns how far unit u is from the passage of quote i. Each other passage that lies between them or contains
// u increases the distance.
func (a *aligner) distance(i, u int) float64 {
	s := a.spans[i]
	if s[0] < 0 {
		return 0.02 * float64(u)
	}
	d := 3.0
	switch {
	case u < s[0]:
		d = float64(s[0]-u) * 0.5
	case u > s[1]:
		d = float64(u-s[1]) * 0.5
	}
	for k, o := range a.spans {
		if k == i || o[0] < 0 {
			continue
		}
		if o[0] > u && o[1] < s[0] || o[1] < u && o[0] > s[1] || u >= o[0] && u <= o[1] {
			d += 3
		}
	}
	return d
}

// anchorOf returns the unit for which the weight of its fields minus its cost is greatest. It returns -1 if no unit
// contains a field, or if the cost exceeds the weight by more than 6.
func (a *aligner) anchorOf(fields []field, cost func(u int) float64) int {
	score := map[int]float64{}
	for _, f := range fields {
		for _, u := range f.at {
			score[u] += f.weight
		}
	}
	anchor, best := -1, 0.0
	for u := range a.labels {
		if v, ok := score[u]; ok && (anchor < 0 || v-cost(u) > best) {
			anchor, best = u, v-cost(u)
		}
	}
	if best < -6 {
		return -1
	}
	return anchor
}

// isRemote reports whether field f in unit u is too far from the anchor of the credit to belong to it.
func (a *aligner) isRemote(f field, u, anchor int, cost func(u int) float64) bool {
	return cost(u) > 4 && abs(u-anchor) > 4 || a.labels[u] == own && abs(u-anchor) > 2 && f.name != "publication"
}

// addField records that unit u contains the field. A link has no tokens of its own.
func (a *aligner) addField(u int, f field) {
	switch f.name {
	case "link":
	case "date":
		a.dates[u] = append(a.dates[u], f.text)
	default:
		if a.fields[u] == nil {
			a.fields[u] = map[string]string{}
		}
		a.fields[u][f.text] = f.name
	}
}

// side returns the label of credit unit u, whose passage consists of the units from s[0] to s[1].
func (a *aligner) side(u int, s [2]int) int {
	switch {
	case s[0] < 0:
		return mention
	case u < s[0]:
		return lead
	default:
		return tail
	}
}

func abs(n int) float64 {
	if n < 0 {
		n = -n
	}
	return float64(n)
}

// labelTokens labels the tokens of unit i.
func (a *aligner) labelTokens(i, label int) creditExample {
	c := creditExample{tokens: a.x.Tokens(i, label)}
	c.labels = make([]int, len(c.tokens))
	texts := make([]string, 0, len(a.fields[i]))
	for t := range a.fields[i] {
		texts = append(texts, t)
	}
	slices.SortFunc(texts, func(x, y string) int { return cmp.Or(cmp.Compare(len(y), len(x)), cmp.Compare(x, y)) })
	for _, t := range texts {
		c.mark(t, slices.Index(attribution.TokenLabels, a.fields[i][t]))
	}
	for _, v := range a.p.Expect.Via {
		c.mark(key(v), slices.Index(attribution.TokenLabels, "via"))
	}
	c.markDates(a.dates[i])
	return c
}

// mark labels the first tokens that match the text and have no label yet, if possible tokens that begin with a capital
// letter. The first of them gets the given label, and the others get the label after it.
func (c *creditExample) mark(text string, label int) {
	want := strings.ReplaceAll(text, " ", "")
	if want == "" {
		return
	}
	for _, capital := range [...]bool{true, false} {
		for first, t := range c.tokens {
			if r, _ := utf8.DecodeRuneInString(t.Text); capital && !unicode.IsUpper(r) {
				continue
			}
			if end := c.matchEnd(first, want); end > 0 {
				for k := first; k < end; k++ {
					c.labels[k] = label + 1
				}
				c.labels[first] = label
				return
			}
		}
	}
}

// matchEnd returns the end of the tokens without a label that begin at token first and whose keys, joined without
// spaces, are the text: a possessive ending is a token of its own. It returns 0 if there are none.
func (c *creditExample) matchEnd(first int, text string) int {
	for k := first; k < len(c.tokens) && c.labels[k] == 0; k++ {
		part := strings.ReplaceAll(key(c.tokens[k].Text), " ", "")
		if k == first && part == "" {
			return 0
		}
		rest, ok := strings.CutPrefix(text, part)
		if !ok {
			return 0
		}
		if text = rest; text == "" {
			return k + 1
		}
	}
	return 0
}

// markDates labels the tokens of dates.
func (c *creditExample) markDates(dates []string) {
	label := slices.Index(attribution.TokenLabels, "date")
	for k := 0; k < len(c.tokens); k++ {
		t := c.tokens[k]
		if t.Date == "" || c.labels[k] != 0 || !slices.ContainsFunc(dates, func(d string) bool {
			return d == t.Date || strings.HasPrefix(t.Date, "0000") && d[4:] == t.Date[4:]
		}) {
			continue
		}
		for j := k; j < min(k+t.DateTokens, len(c.tokens)); j++ {
			c.labels[j] = label + 1
		}
		c.labels[k] = label
		k += t.DateTokens - 1
	}
}
