package render

import (
	"bytes"
	"fmt"
	"reflect"
	"slices"
	"time"

	"feedpub/feed"
)

// formatWriter is how documents of one format are written.
type formatWriter struct {
	// fragment writes an item that [checkItem] has passed, in a version of the rendering; nil for a format without items.
	fragment func(p *pen, version int, site feed.SiteID, item *feed.Item, v Variant) ([]byte, error)
	// frame writes the head and foot of a feed's document, and has compared them with the feed. f.Items are those that
	// the document has; updated is the latest time written in it, which fractions may have moved past the feed's own.
	frame func(f feed.Feed, version int, updated time.Time) (frame, error)
	layout
	// variant returns what of a Variant the fragments depend on, so that equal fragments are cached once.
	variant func(Variant) Variant
	// policy returns the Content-Security-Policy that documents are served with; nil for none.
	policy func() string
	// opmlVersion is the value of the attribute "version" of a feed in OPML, for formats that readers subscribe to.
	opmlVersion string
}

// layout is what there is around the fragments of a document, apart from head and foot.
type layout struct {
	// If there are fragments, they are between open and close, separated by separator.
	open, separator, close string
	// itemStart and itemEnd begin and end every fragment.
	itemStart, itemEnd string
}

// writers is the table of formats; every format of package feed has a row.
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
	feed.OPML: {}, // see [OPML]
	feed.CSS:  {}, // see [Renderer.StyleSheet]
}, feed.AllFormats(), feed.FeedFormats())

// complete returns the table if it has a row for all formats, and functions for those that a feed has documents in. It
// panics otherwise, so that no program starts with a format that nothing writes.
func complete(table map[feed.Format]*formatWriter, all, ofFeeds []feed.Format) map[feed.Format]*formatWriter {
	for _, format := range all {
		w, ok := table[format]
		if !ok {
			panic(fmt.Sprintf("render: format %q is not in the table of writers", format))
		}
		if slices.Contains(ofFeeds, format) && (w.fragment == nil || w.frame == nil || w.variant == nil) {
			panic(fmt.Sprintf("render: nothing writes a feed in format %q", format))
		}
		if format.Delta() && w.separator != "" {
			panic(fmt.Sprintf("render: deltas of format %q have separators", format))
		}
		if format.Subscribed() && w.opmlVersion == "" {
			panic(fmt.Sprintf("render: no OPML version for format %q", format))
		}
	}
	return table
}

// writerOf returns the row of a format that feeds have documents in. The error is of kind [feed.ErrInvalid].
func writerOf(format feed.Format) (*formatWriter, error) {
	w := writers[format]
	if w == nil || w.fragment == nil {
		return nil, fmt.Errorf("no feed is written in format %q: %w", format, feed.ErrInvalid)
	}
	return w, nil
}

// Variant is all that a fragment depends on besides its site's id, its item, its format and the version of the
// rendering. The zero Variant is the usual one.
type Variant struct {
	// Fraction is added to the item's time of update in Atom, to make it differ from that of other entries of the feed.
	Fraction  time.Duration
	Content   feed.Content
	TitleLink feed.TitleLink
	// Language is the site's. A page shows the item in its words.
	Language string
}

func (v Variant) updated(item *feed.Item) time.Time { return item.Updated.Add(v.Fraction) }

// The functions below return what of a variant the fragments of a format depend on, with one spelling for each meaning.

func rssVariant(v Variant) Variant  { return Variant{Content: v.content(), TitleLink: v.titleLink()} }
func atomVariant(v Variant) Variant { return Variant{Content: v.content(), Fraction: v.Fraction} }
func jsonVariant(v Variant) Variant { return Variant{Content: v.content()} }

func pageVariant(v Variant) Variant {
	return Variant{Content: v.content(), TitleLink: v.titleLink(), Language: v.Language}
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

// Fragment returns the item as every feed's document of the format has it: an RSS item, an Atom entry, a JSON Feed item,
// or an article of a page, in the newest version. Equal arguments give equal bytes. The caller owns them.
//
// The fragment has been decoded and compared with the item. If they differ, the error is of kind [feed.ErrInvalid] and
// names the part of the item that cannot be written.
func Fragment(site feed.SiteID, item *feed.Item, format feed.Format, v Variant) ([]byte, error) {
	if err := checkItem(item); err != nil {
		return nil, err
	}
	return new(pen).fragment(Version, site, item, format, v)
}

// pen has the buffers that fragments are written with. It can be used again, by one goroutine at a time.
type pen struct {
	xml  xmlWriter
	json jsonWriter
	sum  []byte
}

// fragment is [Fragment] for an item that [checkItem] has passed, in a version of the rendering.
func (p *pen) fragment(
	version int, site feed.SiteID, item *feed.Item, format feed.Format, v Variant,
) ([]byte, error) {
	w, err := writerOf(format)
	if err != nil {
		return nil, err
	}
	fragment, err := w.fragment(p, version, site, item, v)
	if err == nil && !w.isItem(fragment) {
		err = fmt.Errorf("it does not begin with %q and end with %q: %w", w.itemStart, w.itemEnd, feed.ErrInvalid)
	}
	if err != nil {
		return nil, &itemError{reason: fmt.Sprintf("The post cannot be written as %s: %v.", format, err)}
	}
	return fragment, nil
}

// isItem reports whether b begins and ends as every fragment does.
func (l layout) isItem(b []byte) bool {
	return len(b) >= len(l.itemStart)+len(l.itemEnd) &&
		bytes.HasPrefix(b, []byte(l.itemStart)) && bytes.HasSuffix(b, []byte(l.itemEnd))
}

// itemError says why an item cannot be written. It is of kind [feed.ErrInvalid].
type itemError struct {
	place  string // as in feed.Problem
	reason string // a sentence
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

// empty returns the document without any item.
func (f frame) empty() []byte { return slices.Concat(f.head, f.foot) }

// join returns the document of the fragments, and where they are in it.
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

// same compares what was decoded with what was meant, and names the first field that differs.
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
