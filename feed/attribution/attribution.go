// Package attribution reads prose or HTML into quotes, commentary and vias: whom a post quotes, however the blogger
// said it. It only reads: it knows nothing of feeds, does no I/O and changes no tree; giving credit in documents is the
// business of package intake.
//
// A post goes through a pipeline:
//
//	segment   the tree is cut into blocks: lines and paragraphs, with what they are marked up as (segment.go)
//	furniture the page's own lines are set aside: titles, dates, navigation, footers (furniture.go)
//	credit    each block is searched for credits, by the rules of its language (analyse.go, match.go, lang/*.txt) and,
//	          for lines made of a citation's parts, by what the parts are (citation.go)
//	bind      credits are joined with the passages they belong to (bind.go): before them, after them or around them,
//	          by markup (quotation.go) or, in plain text, by voice (passage.go, voice.go)
//	decide    each quote gets a confidence; doubtful ones are set apart (decide.go)
//
// Rules, words and known publications are data: a language is a file in lang, a publication an entry of
// publications.json. Rules carry the number of the convention of crediting that they stand for:
//
//	1  From X: (1a with the author, 1b with the headline, 1c with agency, date and author on one line)
//	2  X:                       3  X reports:              4  A, writing for X:      5  A reports at X:
//	6  A: and A writes:         7  in the running prose    8  papers and abstracts   9  citation lines
//	10 after the passage        11 wire datelines          12 in the post's title    13 quotes a report from X:
//	14 A @ X - text             15 reblogs                 16 Markdown               17 hat tips
//	18 forms of other languages
package attribution

import (
	"fmt"
	"math"

	"golang.org/x/net/html"

	"feedpub/feed"
)

// DefaultThreshold is the confidence below which a quote is doubtful, unless configured otherwise.
const DefaultThreshold = 0.5

// Options configure a [Reader]. The zero value is ready to use.
type Options struct {
	// Publications extend the built-in table; an entry with the name of a built-in one takes its place.
	Publications []Publication
	// Threshold is the confidence, from 0 to 1, below which a quote is doubtful; 0 means [DefaultThreshold].
	Threshold float64
}

// Reader reads posts. It is immutable and safe for concurrent use.
type Reader struct {
	lx        *lexicon
	pubs      *publications
	threshold float64

	fingerprint string
}

// New returns a Reader with its tables compiled. A threshold that is not within 0 and 1, or a publication without a
// name, is an error of kind [feed.ErrInvalid].
func New(o Options) (*Reader, error) {
	if o.Threshold < 0 || o.Threshold > 1 || math.IsNaN(o.Threshold) {
		return nil, fmt.Errorf("attribution: threshold %v: want a number from 0 to 1: %w", o.Threshold, feed.ErrInvalid)
	}
	lx, err := newLexicon()
	if err != nil {
		return nil, fmt.Errorf("attribution: %w", err)
	}
	pubs, err := newPublications(lx, o.Publications)
	if err != nil {
		return nil, fmt.Errorf("attribution: %w", err)
	}
	r := &Reader{lx: lx, pubs: pubs, threshold: o.Threshold}
	if r.threshold == 0 {
		r.threshold = DefaultThreshold
	}
	if r.fingerprint, err = fingerprint(o.Publications, r.threshold); err != nil {
		return nil, fmt.Errorf("attribution: %w", err)
	}
	return r, nil
}

// Fingerprint identifies what the reader reads by: the version of its rules, the words, the known publications and the
// threshold. Readers with equal fingerprints read every post alike.
func (r *Reader) Fingerprint() string { return r.fingerprint }

// Input is a post to be read.
type Input struct {
	Body     *html.Node // the container of the content, as package markup parses it; not modified
	Title    string     // plain text; may be empty
	Language string     // BCP 47; empty: detected from the words
	// Hosts are the blog's own hosts, and Names its own names: what a post quotes from them credits nobody.
	Hosts, Names []string
}

// Result is what a post was read as.
type Result struct {
	// Quotes are in the order of their passages; Suggestions are those below the threshold.
	Quotes, Suggestions []Quote
	// Commentary are the paragraphs that are the blogger's own, in order. Of a paragraph that is partly a passage, it
	// has the rest.
	Commentary []string
	// Via is where the blogger says that the source was found.
	Via []feed.Via
	// PostedBy and PostedOn (YYYY-MM-DD) are what the post's text says of itself, or empty.
	PostedBy, PostedOn string
	// Blocks is the whole post in order.
	Blocks []Block
}

// Quote is a quoted source.
type Quote struct {
	feed.Quote
	Kind Kind
	// Passage are the indexes of the blocks that are wholly part of the passage, in order; empty if the passage is only
	// part of a block, or if there is none.
	Passage []int
	// Credit are the indexes of the blocks that hold the credit.
	Credit []int
	// Inline says that the passage, or its beginning or end, shares a block with other text.
	Inline bool
	// Convention is the number of the convention that the credit was read by, as the package lists them.
	Convention string
}

// Kind says what was taken from a source.
type Kind string

// The kinds of quotes.
const (
	Excerpt      Kind = "excerpt"       // a passage is quoted
	Summary      Kind = "summary"       // the post tells what the source says
	HeadlineOnly Kind = "headline_only" // the source is named with its headline and no more
	Nested       Kind = "nested"        // a quotation within the quoted passage
	Reblog       Kind = "reblog"        // a level of a reblog chain
	Tweet        Kind = "tweet"         // an embedded post of a social network
)

// Block is a line or paragraph of the post.
type Block struct {
	Role Role
	Text string // plain, white space collapsed
	// Nodes are the sibling nodes of the input tree that the block is made of, in order; empty if it shares a node with
	// another block, as lines within one emphasised stretch do.
	Nodes []*html.Node
	// Quote is the index in Result.Quotes of the quote that the block is a passage or the credit of, or -1.
	Quote int
}

// Role says what a block is.
type Role string

// The roles of blocks.
const (
	Commentary Role = "commentary" // the blogger's own words
	Credit     Role = "credit"     // names a source; nothing else of note
	Passage    Role = "passage"    // quoted words; also when they are only part of the block
	Title      Role = "title"      // the post's title, or a heading
	Caption    Role = "caption"    // of a picture
	Posted     Role = "posted"     // who posted the post and when
	Noise      Role = "noise"      // navigation, labels and links of the page
	Footer     Role = "footer"     // what follows the post on its page, readers' comments included
	Uncredited Role = "uncredited" // marked as a quotation, by markup, but of no source that is named
	Code       Role = "code"       // preformatted
	ViaLine    Role = "via"        // says where the source was found; nothing else
	Note       Role = "note"       // says something about the quotation, such as "emphasis added"
)
