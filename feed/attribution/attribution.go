// Package attribution finds the sources that a post quotes, in HTML or plain text. It does no I/O and does not modify
// the tree; package intake adds the credits to documents.
//
// A credit is the text that names a source, and a passage is the quoted text. A lead is a credit before its passage
// ("From the Guardian:"), a tail is a credit after its passage ("Read the rest at the Guardian"), and a via names where
// the author found the source. [Reader.Read] in read.go reads a post in five stages:
//
//	segment   split the tree into blocks, which are lines and paragraphs with their markup (segment.go), the blocks into
//	          tokens (token.go), and the tokens into units, which are sentences, quotations and credits set off from
//	          sentences (unit.go); find boilerplate blocks (boilerplate.go)
//	evidence  find credits by the rules of the language (match.go, slots.go, rule.go, analyze.go, lang/*.txt), read
//	          citations, whose parts have no fixed order (citation.go, date.go, via.go), and join both with passages
//	          (bind.go, quotation.go, embed.go, passage.go, header.go, voice.go, citationline.go, tail.go, title.go).
//	          The features of units and tokens include what the rules found (unitfeature.go, tokenfeature.go)
//	decide    label the units as own words, credit or passage, and tokens in credits as publication, headline,
//	          author, date or via, by the trained weights of a [Model] (model.go, sequence.go, learned.go)
//	bind      join what the rules and the model found; where they differ, the more certain reading wins (combine.go)
//	score     compute the certainty of each reading of a source and a passage from the evidence for it, by trained trees
//	          (evidence.go, forest.go); what cannot be a source is dropped (certainty.go), and the names and links of the
//	          rest are compared with the text around them (verify*.go); trees give the certainty of the result, from its
//	          form and the doubts about it (verdict.go, form.go, doubt.go), and it is published or suggested (read.go)
//
// All weights are integers, so that a post is read identically on every machine. A passage is published only if it is
// certain; otherwise the credit is published without a passage. A source whose certainty is below the threshold is a
// suggestion. The module deploy/train trains the model on the evidence that examine.go exports.
//
// Rules, words and known publications are data: a language is a file in lang (compiled by lexicon.go), and a
// publication is an entry in publications.json (publication.go). Each rule has the number of one of the crediting
// conventions below, where A is an author, H a headline and X a publication:
//
//	1  From X: (1a with the author, 1b with the headline, 1c with agency, date and author on one line)
//	2  X:                       3  X reports:              4  A, writing for X:      5  A reports at X:
//	6  A: and A writes:         7  in running prose        8  papers and abstracts   9  citation lines
//	10 after the passage        11 wire datelines          12 in the post's title    13 quotes a report from X:
//	14 A @ X - text             15 reblogs                 16 Markdown               17 hat tips
//	18 forms in other languages
package attribution

import (
	"fmt"
	"math"
	"strings"
	"sync"

	"golang.org/x/net/html"

	"feedpub/feed"
)

// DefaultThreshold is the confidence below which a quote is a suggestion by default.
const DefaultThreshold = 0.7

// Options configure a [Reader]. The zero value selects the defaults.
type Options struct {
	// Publications are added to the built-in table. An entry replaces the built-in entry with the same name.
	Publications []Publication
	// Threshold is the confidence (0 to 1) below which a quote is a suggestion; 0 means [DefaultThreshold].
	Threshold float64
	// Model holds the trained weights; nil means the built-in model.
	Model *Model
	// RulesOnly makes the Reader decide by the rules alone, as a baseline for evaluating models.
	RulesOnly bool
}

// Reader reads posts. It is immutable and safe for concurrent use.
type Reader struct {
	lx        *lexicon
	pubs      *publications
	threshold float64
	model     *Model // nil if the rules alone decide
	// units and tokens decode with the weights of the model; nil if model is nil.
	units, tokens *decoder

	fingerprint string
	scratches   sync.Pool // of *scratch
}

// New returns a Reader. The error is of kind [feed.ErrInvalid] if the threshold is not between 0 and 1, or if a
// publication has no name or an alias without letters and digits.
func New(o Options) (*Reader, error) {
	if o.Threshold < 0 || o.Threshold > 1 || math.IsNaN(o.Threshold) {
		return nil, fmt.Errorf("attribution: threshold %v: want a number from 0 to 1: %w", o.Threshold, feed.ErrInvalid)
	}
	load := builtInTables
	if len(o.Publications) > 0 {
		load = func() (tables, error) { return newTables(o.Publications) }
	}
	t, err := load()
	if err != nil {
		return nil, fmt.Errorf("attribution: %w", err)
	}
	r := &Reader{lx: t.lx, pubs: t.pubs, threshold: o.Threshold}
	if r.threshold == 0 {
		r.threshold = DefaultThreshold
	}
	if r.model = o.Model; r.model == nil && !o.RulesOnly {
		if r.model, err = builtInModel(); err != nil {
			return nil, fmt.Errorf("attribution: built-in %w", err)
		}
	}
	if r.model != nil {
		r.units, r.tokens = newDecoder(r.model.units), newDecoder(r.model.tokens)
	}
	if r.fingerprint, err = fingerprint(o, r.threshold); err != nil {
		return nil, fmt.Errorf("attribution: %w", err)
	}
	return r, nil
}

// tables are the words and publications that a Reader knows. They are immutable.
type tables struct {
	lx   *lexicon
	pubs *publications
}

// newTables returns the built-in tables with additional publications.
func newTables(added []Publication) (tables, error) {
	lx, err := newLexicon()
	if err != nil {
		return tables{}, err
	}
	pubs, err := newPublications(lx, added)
	if err != nil {
		return tables{}, err
	}
	lx.table = newWordTable(lx.ids)
	return tables{lx, pubs}, nil
}

// builtInTables and builtInModel are shared by all Readers of the process, since parsing them takes longer and needs
// more memory than anything else in New.
var (
	builtInTables = sync.OnceValues(func() (tables, error) { return newTables(nil) })
	builtInModel  = sync.OnceValues(func() (*Model, error) { return ReadModel(strings.NewReader(modelData)) })
)

// Fingerprint identifies the options of the Reader. Readers with the same fingerprint and the same [Generation] of the
// built-in tables return the same result for every post.
func (r *Reader) Fingerprint() string { return r.fingerprint }

// Input is a post to read.
type Input struct {
	Body     *html.Node // content container as parsed by package markup; may be nil; not modified
	Title    string     // plain text; may be empty
	Language string     // BCP 47 tag; if empty or unknown, the language is detected
	// ExternalURL is the URL of the page that the post is about, if the post's author gave one; otherwise empty.
	ExternalURL string
	// Hosts and Names identify the blog itself, which is never reported as a source.
	Hosts, Names []string
}

// Result is the result of reading a post.
type Result struct {
	// Quotes and Suggestions are in order of appearance. Suggestions are the credits below the threshold.
	Quotes, Suggestions []Quote
	// Commentary holds the author's own paragraphs, in order. If a passage is part of a paragraph, Commentary contains the
	// rest of the paragraph.
	Commentary []string
	// Via lists where the author found the sources. It has at most 50 entries and no duplicates.
	Via []feed.Via
	// PostedBy and PostedOn (YYYY-MM-DD) are the author and date of the post as its text states them, or empty.
	PostedBy, PostedOn string
	// ExternalTitle is the text of the post's link to Input.ExternalURL if it looks like a headline, or empty.
	ExternalTitle string
	// Blocks lists all blocks of the post in order.
	Blocks []Block
}

// Quote is a quoted source. Its Confidence, from 0.01 to 0.99, is the probability that the source is correct.
type Quote struct {
	feed.Quote
	Kind Kind
	// PassageConfidence is how certain the passage is, from 0.01 to 0.99. It is 0 if the quote has no passage.
	PassageConfidence float64
	// Passage lists the indexes of the blocks that are entirely in the passage, in order. It is empty if the passage is
	// only part of a block, or if there is none.
	Passage []int
	// Credit lists the indexes of the blocks that contain the credit.
	Credit []int
	// Inline reports whether the passage shares a block with other text.
	Inline bool
	// LinkedTitle is the text of the link to the article if it looks like a headline and the credit gives none. It is
	// empty if the text is part of a sentence.
	LinkedTitle string
	// Convention is the number of the credit's convention in the package comment's list.
	Convention string
}

// Kind is the kind of a quote.
type Kind string

// The kinds of quotes.
const (
	Excerpt      Kind = "excerpt"       // has a passage
	Summary      Kind = "summary"       // has no passage
	HeadlineOnly Kind = "headline_only" // has a headline but no passage
	Nested       Kind = "nested"        // a quotation within the passage of another quote
	Reblog       Kind = "reblog"        // a level of a reblog chain
	Tweet        Kind = "tweet"         // an embedded social media post
)

// Block is a line or paragraph of the post.
type Block struct {
	Role Role
	Text string // plain, white space collapsed
	// Nodes lists the sibling nodes of the input tree that form the block, in order. It is empty if the block shares a
	// node with another block, like two lines in one em element.
	Nodes []*html.Node
	// Quote is the index in Result.Quotes of the quote that the block belongs to, as passage or credit, or -1.
	Quote int
}

// Role is the role of a block in the post.
type Role string

// The roles of blocks.
const (
	Commentary Role = "commentary" // the author's own words
	Credit     Role = "credit"     // names a source and little else
	Passage    Role = "passage"    // contains quoted words, possibly among other text
	Title      Role = "title"      // repeats the post's title
	Caption    Role = "caption"    // caption of a picture
	Posted     Role = "posted"     // states the author or date of the post itself
	Noise      Role = "noise"      // page navigation, labels and links
	Footer     Role = "footer"     // follows the post on its page, such as readers' comments
	Uncredited Role = "uncredited" // quotation element without a source
	Code       Role = "code"       // preformatted text
	ViaLine    Role = "via"        // names only where the source was found
	Note       Role = "note"       // a note on the quotation, such as "emphasis added", or an omission
)
