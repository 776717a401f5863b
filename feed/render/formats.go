package render

import (
	"bytes"
	"fmt"
	"reflect"
	"slices"
	"time"

	"feedpub/feed"
)

// formatWriter writes documents of one format.
type formatWriter struct {
	// fragment writes an item for which [checkItem] returned nil. It is nil for formats without items.
	fragment func(p *pen, version int, site feed.SiteID, item *feed.Item, v Variant) ([]byte, error)
	// frame writes the head and foot of a feed's document and checks them against f. f.Items are the items of the
	// document; updated is the latest time written in it, which may be later than f.Updated by a fraction of a second.
	frame func(f feed.Feed, version int, updated time.Time) (frame, error)
	layout
	// variant returns v with only the fields that fragments of the format depend on, so that equal fragments have the same
	// cache key.
	variant func(v Variant) Variant
	// policy returns the Content-Security-Policy that a site's documents are served with; nil means none.
	policy func(site feed.Site) string
	// opmlVersion is the version attribute of a feed in OPML. It is required for formats that readers subscribe to.
	opmlVersion string
}

// layout is the text before, between and after the fragments of a document.
type layout struct {
	// The fragments are enclosed by open and close and separated by separator. If there are no fragments, all three are
	// omitted.
	open, separator, close string
	// Every fragment begins with itemStart and ends with itemEnd.
	itemStart, itemEnd string
}

// writers is the table of formats. It has a row for every format of package feed.
var writers = complete(map[feed.Format]*formatWriter{
	feed.RSS: {
		fragment: rssFragment, frame: rssFrame, variant: rssVariant, opmlVersion: "RSS2",
		layout: layout{itemStart: "    <item>\n", itemEnd: "    </item>\n"},
	},
	feed.Atom: {
		fragment: atomFragment, frame: atomFrame, variant: atomVariant, opmlVersion: "ATOM",
		layout: layout{itemStart: "  <entry", itemEnd: "  </entry>\n"},
	},
	feed.JSON: {
		fragment: jsonFragment, frame: jsonFrame, variant: jsonVariant, opmlVersion: "JSON",
		layout: layout{open: "\n", separator: ",\n", close: "\n  ", itemStart: "    {\n", itemEnd: "\n    }"},
	},
	feed.HTML: {
		fragment: pageFragment, frame: pageFrame, variant: pageVariant, policy: pagePolicy,
		layout: layout{itemStart: "<!--p-", itemEnd: "-->\n"},
	},
	feed.OPML:         {},                   // see [OPML]
	feed.CSS:          {},                   // see [Renderer.StyleSheet]
	feed.Style:        {},                   // see [SiteStyle]
	feed.NotFoundPage: {policy: pagePolicy}, // see [Renderer.ErrorPages]
	feed.GonePage:     {policy: pagePolicy},
}, feed.AllFormats(), feed.FeedFormats())

// complete returns the table if it has a row for every format in all, and if the rows of the formats in ofFeeds have
// all functions. Otherwise it panics, so a missing writer is detected when the program starts.
func complete(table map[feed.Format]*formatWriter, all, ofFeeds []feed.Format) map[feed.Format]*formatWriter {
	for _, format := range all {
		w, ok := table[format]
		if !ok {
			panic(fmt.Sprintf("render: format %q is not in the table of writers", format))
		}
		if slices.Contains(ofFeeds, format) && (w.fragment == nil || w.frame == nil || w.variant == nil) {
			panic(fmt.Sprintf("render: no functions to write a feed in format %q", format))
		}
		if format.Delta() && w.separator != "" {
			panic(fmt.Sprintf("render: format %q cannot have both deltas and a separator", format))
		}
		if format.Subscribed() && w.opmlVersion == "" {
			panic(fmt.Sprintf("render: no OPML version for format %q", format))
		}
	}
	return table
}

// writerOf returns the row of a format that feeds can be written in. The error is of kind [feed.ErrInvalid].
func writerOf(format feed.Format) (*formatWriter, error) {
	w := writers[format]
	if w == nil || w.fragment == nil {
		return nil, fmt.Errorf("feeds cannot be written in format %q: %w", format, feed.ErrInvalid)
	}
	return w, nil
}

// Variant holds the settings of a feed that a fragment depends on. The zero Variant holds the defaults.
type Variant struct {
	// Fraction is added to the item's atom:updated, so that every entry of the feed has a different time.
	Fraction  time.Duration
	Content   feed.Content
	TitleLink feed.TitleLink
	// Language is the site's language. Pages use it for the labels of an item.
	Language string
	// Base is the site's BaseURL. Pages use it for links to other pages; without it they have no such links.
	Base string
	// Feeds are the names of the feeds that the item is in, each followed by a line feed. Pages link to the pages of these
	// feeds.
	Feeds string
	// Single is set on a post's own page, whose heading is the post's title.
	Single bool
}

func (v Variant) updated(item *feed.Item) time.Time { return item.Updated.Add(v.Fraction) }

// The functions below implement formatWriter.variant. If several values of a field have the same effect, the functions
// replace all of them with one value.

func rssVariant(v Variant) Variant  { return Variant{Content: v.content(), TitleLink: v.titleLink()} }
func atomVariant(v Variant) Variant { return Variant{Content: v.content(), Fraction: v.Fraction} }
func jsonVariant(v Variant) Variant { return Variant{Content: v.content()} }

func pageVariant(v Variant) Variant {
	return Variant{Content: v.content(), TitleLink: v.titleLink(), Language: v.Language, Base: v.Base, Feeds: v.Feeds,
		Single: v.Single}
}

func (v Variant) content() feed.Content {
	if v.Content == feed.SummaryContent {
		return v.Content
	}
	return ""
}

func (v Variant) titleLink() feed.TitleLink {
	if v.TitleLink == feed.SourceTitle {
		return v.TitleLink
	}
	return ""
}

// Fragment encodes an item as it appears in documents of the format: as an RSS item, an Atom entry, a JSON Feed item or
// an article of a page. It uses the rendering version [Version]. Equal arguments produce equal results. The caller owns
// the result.
//
// RSS, Atom and JSON fragments are parsed and compared with the item. If the item cannot be written, the error is of
// kind [feed.ErrInvalid] and names the part of the item that is invalid.
func Fragment(site feed.SiteID, item *feed.Item, format feed.Format, v Variant) ([]byte, error) {
	if err := checkItem(item); err != nil {
		return nil, err
	}
	return new(pen).fragment(Version, site, item, format, v)
}

// pen holds reusable buffers for writing fragments. It is not safe for concurrent use.
type pen struct {
	xml  xmlWriter
	json jsonWriter
	sum  []byte
}

// fragment is like [Fragment], but accepts any rendering version and requires an item that [checkItem] accepts.
func (p *pen) fragment(
	version int, site feed.SiteID, item *feed.Item, format feed.Format, v Variant,
) ([]byte, error) {
	w, err := writerOf(format)
	if err != nil {
		return nil, err
	}
	fragment, err := w.fragment(p, version, site, item, v)
	if err == nil && !w.isItem(fragment) {
		err = fmt.Errorf("the result does not begin with %q and end with %q: %w", w.itemStart, w.itemEnd, feed.ErrInvalid)
	}
	if err != nil {
		return nil, &itemError{reason: fmt.Sprintf("The post cannot be written as %s: %v.", format, err)}
	}
	return fragment, nil
}

// isItem reports whether b begins with itemStart and ends with itemEnd.
func (l layout) isItem(b []byte) bool {
	return len(b) >= len(l.itemStart)+len(l.itemEnd) &&
		bytes.HasPrefix(b, []byte(l.itemStart)) && bytes.HasSuffix(b, []byte(l.itemEnd))
}

// itemError is the reason why an item cannot be written. It is of kind [feed.ErrInvalid].
type itemError struct {
	place  string // has the syntax of [feed.Problem.Place]
	reason string // a complete sentence
}

func (e *itemError) Error() string {
	if e.place == "" {
		return e.reason
	}
	return e.place + ": " + e.reason
}

func (e *itemError) Unwrap() error { return feed.ErrInvalid }

// frame is a document without items.
type frame struct{ head, foot []byte }

// empty returns the document without items.
func (f frame) empty() []byte { return slices.Concat(f.head, f.foot) }

// join returns the document that contains the fragments, and the bounds of the fragments.
func (f frame) join(l layout, fragments [][]byte) ([]byte, feed.Bounds) {
	if len(fragments) == 0 {
		return f.empty(), nil
	}
	size := len(f.head) + len(l.open) + len(l.close) + len(f.foot) - len(l.separator)
	for _, fragment := range fragments {
		size += len(fragment) + len(l.separator)
	}
	doc := append(append(make([]byte, 0, size), f.head...), l.open...)
	bounds := make(feed.Bounds, 1, len(fragments)+1)
	bounds[0] = uint32(len(doc))
	for i, fragment := range fragments {
		doc = append(doc, fragment...)
		if i < len(fragments)-1 {
			doc = append(doc, l.separator...)
		}
		bounds = append(bounds, uint32(len(doc)))
	}
	return append(append(doc, l.close...), f.foot...), bounds
}

// same compares the structs that want and got point to. The error names the first field that differs.
func same(want, got any) error {
	w, g := reflect.Indirect(reflect.ValueOf(want)), reflect.Indirect(reflect.ValueOf(got))
	for i := range w.NumField() {
		if !reflect.DeepEqual(w.Field(i).Interface(), g.Field(i).Interface()) {
			return fmt.Errorf("%s decodes to %.200q instead of %.200q: %w", w.Type().Field(i).Name,
				fmt.Sprint(g.Field(i).Interface()), fmt.Sprint(w.Field(i).Interface()), feed.ErrInvalid)
		}
	}
	return nil
}
