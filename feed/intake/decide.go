package intake

import (
	"cmp"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"golang.org/x/net/html"
	"golang.org/x/net/html/atom"

	"feedpub/feed"
	"feedpub/feed/attribution"
	"feedpub/feed/markup"
)

// Credit is a credit of a post, or a decision about one.
type Credit struct {
	Key   string      `json:"key"` // the [feed.CreditKey] by which decisions identify the credit
	State CreditState `json:"state"`
	feed.Quote
	// Reason describes where the credit was found and what it depends on.
	Reason string `json:"reason"`
	// Decision is the decision that determines the state, or nil.
	Decision *feed.Decision `json:"decision,omitempty"`
}

// CreditState is the state of a credit.
type CreditState string

// The states of credits.
const (
	CreditPublished  CreditState = "published"
	CreditSuggested  CreditState = "suggested"  // not certain enough to be published
	CreditRejected   CreditState = "rejected"   // not published because of a decision
	CreditDormant    CreditState = "dormant"    // a decision about words that the post no longer contains
	creditSuperseded CreditState = "superseded" // replaced by a credit that a decision publishes
)

// CreditStates returns the states of credits, in the order in which credits are listed.
func CreditStates() []CreditState {
	return []CreditState{CreditPublished, CreditSuggested, CreditRejected, CreditDormant}
}

// candidate is a credit that may be published.
type candidate struct {
	placed
	key      string
	state    CreditState
	reason   string
	decision *feed.Decision
	at       int // index of its first block, used to order credits
}

// credits converts the result of reading a post to credits, and applies the decisions about them.
type credits struct {
	in     *Intake
	body   *html.Node
	base   *url.URL
	result attribution.Result
	list   []candidate
}

// newCredits returns the credits in the result of reading a post.
func newCredits(in *Intake, body *html.Node, base *url.URL, result attribution.Result) *credits {
	c := &credits{in: in, body: body, base: base, result: result}
	for _, q := range result.Quotes {
		c.add(q, CreditPublished)
	}
	for _, q := range result.Suggestions {
		c.add(q, CreditSuggested)
	}
	return c
}

func (c *credits) add(q attribution.Quote, state CreditState) {
	x := candidate{
		placed: placed{
			Quote:   c.in.quote(q.Quote, c.base),
			passage: nodesOf(c.result, q.Passage),
			credit:  nodesOf(c.result, q.Credit),
			read:    true,
			shown:   shownInOneLine(c.result, q),
		},
		state:  state,
		reason: c.reasonOf(q),
		at:     len(c.result.Blocks),
	}
	for _, i := range slices.Concat(q.Credit, q.Passage) {
		x.at = min(x.at, i)
	}
	if x.Source.URL != "" && x.Source.Headline == "" {
		x.Source.Headline = q.LinkedTitle
	}
	x.key = feed.CreditKey(x.Quote)
	c.list = append(c.list, x)
}

// reasonOf describes where a credit was read, what its passage is, and whether the publication is known.
func (c *credits) reasonOf(q attribution.Quote) string {
	var parts []string
	if len(q.Credit) > 0 {
		parts = append(parts, fmt.Sprintf("read in %q", shorten(c.result.Blocks[q.Credit[0]].Text)))
	} else {
		parts = append(parts, "read in the post's text, markup or title")
	}
	switch {
	case q.Text == "":
		parts = append(parts, "no passage with clear boundaries")
	case q.Inline:
		parts = append(parts, "the passage is inside a paragraph")
	case c.marked(q):
		parts = append(parts, "the passage is a marked quotation")
	default:
		parts = append(parts, "the passage is text with clear boundaries")
	}
	switch s := q.Source; {
	case s.Publication == "":
		parts = append(parts, "no publication")
	case c.in.reader.Canonical(s.Publication).PublicationURL != "":
		parts = append(parts, "the publication is known")
	case q.Certain:
		parts = append(parts, "the publication is certain")
	default:
		parts = append(parts, "the publication is unknown")
	}
	return strings.Join(parts, "; ")
}

// marked reports whether a quote's passage is in a quotation element.
func (c *credits) marked(q attribution.Quote) bool {
	nodes := nodesOf(c.result, q.Passage)
	return len(nodes) > 0 && quotationOf(c.body, nodes) != nil
}

// published returns the published credits in the order of the post.
func (c *credits) published() []placed {
	var quotes []placed
	for _, x := range c.list {
		if x.state == CreditPublished {
			quotes = append(quotes, x.placed)
		}
	}
	return quotes
}

// suggestions returns the credits that are not certain enough to be published.
func (c *credits) suggestions() []feed.Quote {
	var quotes []feed.Quote
	for _, x := range c.list {
		if x.state == CreditSuggested {
			quotes = append(quotes, x.Quote)
		}
	}
	return quotes
}

// all returns all credits: the published ones in the order of the post, then the others by state.
func (c *credits) all() []Credit {
	list := make([]Credit, 0, len(c.list))
	for _, state := range CreditStates() {
		for _, x := range c.list {
			if x.state == state {
				list = append(list, Credit{Quote: x.Quote, Key: x.key, State: state, Reason: x.reason, Decision: x.decision})
			}
		}
	}
	return list
}

// decide applies decisions. A decision applies while the post contains the words of its passage or, if it has none, the
// name of its source.
func (c *credits) decide(decisions []feed.Decision, title string) {
	if len(decisions) == 0 {
		return
	}
	find := newFinder(c.body)
	for _, d := range decisions {
		nodes, inline := find.find(d.Read.Text)
		present := len(nodes) > 0 || letterless(d.Read.Text) && find.names(d.Read.Source, title)
		_, err := checkQuote(d.Credit())
		switch {
		case err != nil: // from an import
			c.list = append(c.list, candidate{
				placed: placed{Quote: d.Read}, key: d.Key, state: CreditDormant, decision: &d, at: len(c.result.Blocks),
				reason: "the decision is not valid: " + err.Error(),
			})
		case !present:
			c.list = append(c.list, candidate{
				placed: placed{Quote: d.Credit()}, key: d.Key, state: CreditDormant, decision: &d, at: len(c.result.Blocks),
				reason: fmt.Sprintf("%s before the post was changed; the post no longer contains these words", d.Verdict),
			})
		case d.Verdict == feed.Rejected:
			c.reject(d, nodes)
		default:
			if d.Edited != nil && d.Edited.Text != d.Read.Text {
				nodes, inline = find.find(d.Edited.Text)
			}
			c.publish(d, nodes, inline)
		}
	}
	slices.SortStableFunc(c.list, func(a, b candidate) int { return cmp.Compare(a.at, b.at) })
}

// reject withholds the credits that the decision concerns.
func (c *credits) reject(d feed.Decision, nodes []*html.Node) {
	rejected := candidate{
		placed: placed{Quote: d.Read}, key: d.Key, state: CreditRejected, decision: &d, at: len(c.result.Blocks),
		reason: "rejected by a decision",
	}
	for i := range c.list {
		if x := &c.list[i]; x.decision == nil && c.concerns(d, *x, nodes) {
			rejected.at, rejected.Quote = min(rejected.at, x.at), x.Quote
			x.state = creditSuperseded
		}
	}
	c.list = append(c.list, rejected)
}

// publish publishes a decision's credit, whose passage is in nodes, in place of the credits that it concerns.
func (c *credits) publish(d feed.Decision, nodes []*html.Node, inline bool) {
	q := c.in.quote(d.Credit(), c.base)
	q.Confidence, q.Certain = 1, true
	x := candidate{
		placed: placed{Quote: q, passage: nodes, inline: inline, read: len(nodes) == 0},
		key:    d.Key, state: CreditPublished, decision: &d, at: c.blockOf(nodes),
		reason: string(d.Verdict) + " by a decision",
	}
	for i := range c.list {
		old := &c.list[i]
		if old.decision != nil || !c.concerns(d, *old, nodes) {
			continue
		}
		// The content names the source in the same place as before.
		x.credit, x.at, x.read = append(x.credit, old.credit...), min(x.at, old.at), true
		if d.Verdict == feed.Accepted {
			x.shown = old.shown
			if len(old.passage) > 0 && old.key == d.Key {
				x.passage, x.inline = old.passage, old.inline
			}
		}
		old.state = creditSuperseded
	}
	c.list = append(c.list, x)
}

// concerns reports whether a decision, whose passage is in nodes, concerns a credit: they have the same key, their
// passages overlap, or one of them has no passage and they have the same source.
func (c *credits) concerns(d feed.Decision, x candidate, nodes []*html.Node) bool {
	if x.key == d.Key {
		return true
	}
	if len(nodes) > 0 && len(x.passage) > 0 {
		return slices.ContainsFunc(x.passage, func(n *html.Node) bool {
			return slices.ContainsFunc(nodes, func(m *html.Node) bool { return within(n, m) || within(m, n) })
		})
	}
	source := func(q feed.Quote) string { return feed.CreditKey(feed.Quote{Source: q.Source}) }
	return source(x.Quote) == source(d.Read)
}

// blockOf returns the index of the first block that contains one of the nodes, or the number of blocks.
func (c *credits) blockOf(nodes []*html.Node) int {
	for i, b := range c.result.Blocks {
		if slices.ContainsFunc(b.Nodes, func(n *html.Node) bool {
			return slices.ContainsFunc(nodes, func(m *html.Node) bool { return within(n, m) || within(m, n) })
		}) {
			return i
		}
	}
	return len(c.result.Blocks)
}

// letterless reports whether a passage has no words.
func letterless(text string) bool { return fold(text) == "" }

// names reports whether the tree or the title contains a name of the source.
func (f *finder) names(s feed.Source, title string) bool {
	words := strings.ToLower(f.all + fold(title) + " ")
	for _, name := range append([]string{s.Publication, s.Headline}, authorNames(s)...) {
		if sought := strings.ToLower(fold(name)); sought != "" && strings.Contains(words, sought+" ") {
			return true
		}
	}
	return s.URL != "" && f.links(s.URL)
}

// lone is the only marked quotation of a post, which may consist of several adjacent elements.
type lone struct {
	elements []*html.Node
	blocks   []int // indexes of its blocks, or of the block that contains it
	passage  []*html.Node
	text     string
	inline   bool // part of a sentence
}

// contains reports whether the node is in the quotation.
func (l *lone) contains(n *html.Node) bool {
	return slices.ContainsFunc(l.elements, func(e *html.Node) bool { return within(n, e) })
}

// loneQuotation returns the only quotation of a post, and false if there are several or none. Adjacent block quotations
// are one quotation: some editors make an element for each paragraph.
func (c *credits) loneQuotation() (lone, bool) {
	var l lone
	for d := range c.body.Descendants() {
		if isQuotation(d) && !l.contains(d) {
			l.elements = append(l.elements, d)
		}
	}
	if len(l.elements) == 1 && l.elements[0].DataAtom == atom.Q {
		return c.inlineQuotation(l)
	}
	for k, e := range l.elements {
		if k > 0 && (e.DataAtom == atom.Q || !adjacent(l.elements[k-1], e)) {
			return lone{}, false
		}
	}
	var paragraphs []string
	for i, b := range c.result.Blocks {
		inside := slices.ContainsFunc(b.Nodes, l.contains)
		if inside && (b.Role == attribution.Uncredited || b.Role == attribution.Passage) {
			l.blocks, paragraphs = append(l.blocks, i), append(paragraphs, b.Text)
		}
	}
	l.text, l.passage = strings.Join(paragraphs, "\n\n"), nodesOf(c.result, l.blocks)
	return l, len(l.blocks) > 0
}

// adjacent reports whether only white space separates the elements a and b. a must precede b.
func adjacent(a, b *html.Node) bool {
	n := a.NextSibling
	for n != nil && n != b && (n.Type == html.CommentNode || n.Type == html.TextNode && strings.TrimSpace(n.Data) == "") {
		n = n.NextSibling
	}
	return n == b
}

// inlineQuotation sets the passage, text and blocks of a quotation that is part of a sentence. It returns false if the
// quotation has only a few words, since it is then more likely a term or a title.
func (c *credits) inlineQuotation(l lone) (lone, bool) {
	const words = 4
	l.passage, l.inline = []*html.Node{l.elements[0]}, true
	l.text = line(markup.PlainText(l.elements[0]))
	for i, b := range c.result.Blocks {
		if b.Role == attribution.Commentary || b.Role == attribution.Passage {
			if slices.ContainsFunc(b.Nodes, func(n *html.Node) bool { return within(l.elements[0], n) }) {
				l.blocks = append(l.blocks, i)
			}
		}
	}
	return l, len(l.blocks) > 0 && len(strings.Fields(l.text)) >= words
}

// creditLone credits the only marked quotation of a post to the source or external URL that its author gave, unless the
// post credits the quotation to a different publication. If the post has no other text and the publication is unknown,
// the credit is a suggestion.
func (c *credits) creditLone(given feed.Source, title string, own ...string) {
	external := given.URL
	at := host(external)
	if !namesSource(given) || at != "" && slices.Contains(own, at) {
		return
	}
	l, ok := c.loneQuotation()
	if !ok {
		return
	}
	publication := c.externalSource(given, title)
	for i := range c.list {
		x := &c.list[i]
		if !l.overlaps(x.passage) && !(len(x.passage) == 0 && (x.state == CreditPublished || x.Source.URL == external)) {
			continue
		}
		if !c.isGiven(x, publication, external) {
			if len(x.passage) == 0 {
				continue
			}
			return
		}
		x.Source.URL = external
		fill(&x.Source, publication)
		complete(&x.Source, publication)
		if len(x.passage) == 0 {
			x.passage, x.Text, x.inline = l.passage, l.text, l.inline
		}
		x.state, x.Certain, x.Confidence = CreditPublished, true, max(x.Confidence, loneConfidence)
		x.reason += "; " + loneReason
		x.key = feed.CreditKey(x.Quote)
		c.markPassage(l)
		return
	}
	publication.URL = external
	if publication.Publication == "" && attribution.IsReference(external) {
		publication.Publication = at
	}
	c.addLone(l, publication)
}

// isGiven reports whether x is the credit of the given publication, at the URL external: it has no URL and the same
// publication, or this URL and no passage.
func (c *credits) isGiven(x *candidate, publication feed.Source, external string) bool {
	if x.Source.URL == "" {
		return c.samePublication(x.Source, publication)
	}
	return x.Source.URL == external && len(x.passage) == 0
}

// overlaps reports whether one of the nodes is in the quotation, or contains one of its elements.
func (l *lone) overlaps(nodes []*html.Node) bool {
	return slices.ContainsFunc(nodes, func(n *html.Node) bool {
		return l.contains(n) || slices.ContainsFunc(l.elements, func(e *html.Node) bool { return within(e, n) })
	})
}

// namesSource reports whether the author of the post gives a URL, a publication, or an author and a title.
func namesSource(given feed.Source) bool {
	return host(given.URL) != "" || given.Publication != "" || given.Headline != "" && len(given.Authors) > 0
}

// fill sets the empty names and the empty date of s to those of the given source.
func fill(s *feed.Source, given feed.Source) {
	s.Publication = cmp.Or(s.Publication, given.Publication)
	s.Headline = cmp.Or(s.Headline, given.Headline)
	s.DatePublished = cmp.Or(s.DatePublished, given.DatePublished)
	if len(s.Authors) == 0 {
		s.Authors = given.Authors
	}
}

// externalSource returns the given source with the publication at its URL, and the headline if the post's title
// contains both or the text of the post's link to the URL is a title. It returns no publication for a shop, which does
// not publish the works that it sells.
func (c *credits) externalSource(given feed.Source, title string) feed.Source {
	external := given.URL
	s := feed.Source{Headline: given.Headline}
	if external != "" {
		s = c.in.reader.PublicationAt(external)
		s.Headline = cmp.Or(given.Headline, c.in.reader.HeadlineIn(title, external), c.result.ExternalTitle)
	}
	s.Authors, s.DatePublished = given.Authors, given.DatePublished
	if given.Publication != "" {
		known := c.in.reader.Canonical(given.Publication)
		s.Publication, s.PublicationURL, s.FeedURL = given.Publication, known.PublicationURL, known.FeedURL
		return s
	}
	if s.PublicationURL == "" && attribution.IsReference(external) {
		s.Publication = ""
	}
	return s
}

// addLone adds a credit that attributes the lone quotation l to a publication. The credit is a suggestion if the
// publication is a shop, or if it is unknown and the post has no other text: such a post may be the author's own text
// from an earlier site. A credit with neither a publication, as with a link shortener, nor a headline is also a
// suggestion.
func (c *credits) addLone(l lone, publication feed.Source) {
	q := feed.Quote{Source: publication, Text: l.text, Confidence: loneConfidence, Certain: true}
	state := CreditPublished
	unnamed := publication.Publication == "" && publication.Headline == ""
	if publication.PublicationURL == "" && (unnamed || len(c.result.Commentary) == 0 || attribution.IsReference(publication.URL)) {
		state, q.Certain = CreditSuggested, false
	} else {
		c.markPassage(l)
	}
	c.list = append(c.list, candidate{
		placed: placed{Quote: c.in.quote(q, c.base), passage: l.passage, inline: l.inline},
		key:    feed.CreditKey(q), state: state, at: l.blocks[0], reason: loneReason,
	})
	slices.SortStableFunc(c.list, func(a, b candidate) int { return cmp.Compare(a.at, b.at) })
}

// markPassage marks the blocks of the lone quotation l as a passage.
func (c *credits) markPassage(l lone) {
	for _, i := range l.blocks {
		c.result.Blocks[i].Role = attribution.Passage
	}
}

const (
	// loneConfidence is the confidence of a credit whose URL the post's author gave.
	loneConfidence = 0.95
	loneReason     = "the post has one marked quotation and gives an external URL"
)

// samePublication reports whether s, a source found in the post, can have the same publication as the source at the
// external URL.
func (c *credits) samePublication(s, at feed.Source) bool {
	if s.Publication == "" {
		return true
	}
	known := c.in.reader.Canonical(s.Publication)
	return known.PublicationURL == "" || known.Publication == at.Publication
}

// isQuotation reports whether n is a quotation element. Embeds do not count, since they name their own source.
func isQuotation(n *html.Node) bool {
	if n.DataAtom != atom.Blockquote && n.DataAtom != atom.Q {
		return false
	}
	class := markup.Attribute(n, "class")
	for _, embed := range []string{"twitter-", "instagram-", "tiktok-", "fb-", "reddit-", "bluesky-", "mastodon-"} {
		if strings.Contains(class, embed) {
			return false
		}
	}
	return true
}
