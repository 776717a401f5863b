package render

import (
	"fmt"
	"reflect"
	"time"

	"feedpub/feed"
)

// Variant is all that a fragment depends on besides its site's id, its item and its format. The zero Variant is the
// usual one.
type Variant struct {
	// Fraction is added to the item's time of update in Atom, to tell it from another entry of the same feed.
	Fraction  time.Duration
	Content   feed.Content
	TitleLink feed.TitleLink
	// Language is the site's, in whose words a page shows the item.
	Language string
}

func (v Variant) updated(item *feed.Item) time.Time { return item.Updated.Add(v.Fraction) }

// of returns what of the variant a fragment of that format depends on, with one spelling for each meaning.
func (v Variant) of(format feed.Format) Variant {
	if format != feed.Atom {
		v.Fraction = 0
	}
	if v.Content != feed.SummaryContent {
		v.Content = ""
	}
	if format != feed.HTML {
		v.Language = ""
	}
	// The other formats have a place for each of the two addresses.
	if format != feed.RSS && format != feed.HTML || v.TitleLink != feed.SourceTitle {
		v.TitleLink = ""
	}
	return v
}

// Fragment returns the item as it stands in every feed's document of the format: an RSS item, an Atom entry, a JSON
// Feed item, or an article of a page. Equal arguments give equal bytes. The caller owns them.
//
// The fragment has been read again and found to say what the item says; otherwise the error is of kind
// [feed.ErrInvalid] and says which part of the item cannot be expressed.
func Fragment(site feed.SiteID, item *feed.Item, format feed.Format, v Variant) ([]byte, error) {
	if err := checkItem(item); err != nil {
		return nil, err
	}
	return new(pen).fragment(site, item, format, v)
}

// pen is what fragments are written with. It may be used again, by one goroutine at a time.
type pen struct {
	xml  xmlWriter
	json jsonWriter
	sum  []byte
}

// fragment is Fragment for an item that has been checked.
func (p *pen) fragment(site feed.SiteID, item *feed.Item, format feed.Format, v Variant) (fragment []byte, err error) {
	switch format {
	case feed.RSS:
		x := newRSSItem(item, v)
		p.xml.reset(rssIndent)
		x.write(&p.xml)
		fragment, err = p.xml.finish()
	case feed.Atom:
		x := newAtomEntry(site, item, v)
		p.xml.reset(atomIndent)
		x.write(&p.xml)
		fragment, err = p.xml.finish()
	case feed.JSON:
		x := newJSONItem(item, v)
		p.json.reset(jsonIndent)
		x.write(&p.json)
		fragment, err = p.json.finish()
	case feed.HTML:
		fragment, err = pageFragment(item, v)
	default:
		return nil, fmt.Errorf("format %q: %w", format, feed.ErrInvalid)
	}
	if err != nil {
		return nil, &itemError{reason: fmt.Sprintf("The post cannot be written as %s: %v.", format, err)}
	}
	return fragment, nil
}

// itemError says why an item cannot be expressed. It is of kind [feed.ErrInvalid].
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

// makeFrame returns the head and foot of the feed's document, decoded again and compared. Updated is the latest time
// written in the document, which the fractions of equal times may have moved past the feed's own.
func (r *Renderer) makeFrame(f feed.Feed, format feed.Format, updated time.Time) (frame, error) {
	switch format {
	case feed.RSS:
		return rssFrame(f, r.version)
	case feed.Atom:
		return atomFrame(f, r.version, updated)
	default:
		return jsonFrame(f)
	}
}

// same compares what was read back with what was meant, and names the first thing that differs.
func same(want, got any) error {
	w, g := reflect.Indirect(reflect.ValueOf(want)), reflect.Indirect(reflect.ValueOf(got))
	for i := range w.NumField() {
		if !reflect.DeepEqual(w.Field(i).Interface(), g.Field(i).Interface()) {
			return fmt.Errorf("%s reads back as %.200q instead of %.200q: %w", w.Type().Field(i).Name,
				fmt.Sprint(g.Field(i).Interface()), fmt.Sprint(w.Field(i).Interface()), feed.ErrInvalid)
		}
	}
	return nil
}
