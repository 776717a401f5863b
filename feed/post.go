package feed

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// maxPostID is how many bytes a post's id can have.
const maxPostID = 512

// ValidatePostID returns nil for an id that a post can have: 1 to 512 bytes of UTF-8 without control characters. An
// error is of kind [ErrInvalid] and a phrase that does not name the post.
func ValidatePostID(id string) error {
	switch {
	case id == "":
		return fmt.Errorf("want 1 to %d bytes, got none: %w", maxPostID, ErrInvalid)
	case len(id) > maxPostID:
		return fmt.Errorf("want 1 to %d bytes, got %d: %w", maxPostID, len(id), ErrInvalid)
	case !utf8.ValidString(id):
		return fmt.Errorf("want UTF-8, got %q: %w", id, ErrInvalid)
	case strings.ContainsFunc(id, unicode.IsControl):
		return fmt.Errorf("want no control characters, got %q: %w", id, ErrInvalid)
	}
	return nil
}

// Post is a post as writers give it: a JSON Feed 1.1 item and, beside it, what feedpub adds. The schema published with
// the documentation describes the JSON form; intake decodes and validates it.
type Post struct {
	ID              string       `json:"id"`
	URL             string       `json:"url,omitempty"`
	ExternalURL     string       `json:"external_url,omitempty"`
	Title           string       `json:"title,omitempty"`
	ContentHTML     string       `json:"content_html,omitempty"`
	ContentText     string       `json:"content_text,omitempty"`
	ContentMarkdown string       `json:"content_markdown,omitempty"`
	Summary         string       `json:"summary,omitempty"`
	Image           string       `json:"image,omitempty"`
	DatePublished   time.Time    `json:"date_published,omitzero"`
	DateModified    time.Time    `json:"date_modified,omitzero"`
	Authors         []Author     `json:"authors,omitempty"`
	Tags            []string     `json:"tags,omitempty"`
	Language        string       `json:"language,omitempty"`
	Attachments     []Attachment `json:"attachments,omitempty"`

	Status      Status          `json:"status,omitempty"`
	Quotes      []Quote         `json:"quotes,omitempty"`
	Via         []Via           `json:"via,omitempty"`
	Attribution AttributionMode `json:"attribution,omitempty"`
	// ExcludeFrom are feeds, by name, that the post stays out of although it meets their criteria; never [Main].
	ExcludeFrom []Name `json:"exclude_from,omitempty"`

	// Unknown holds the members that feedpub does not know, as they came; export hands them back.
	Unknown map[string]json.RawMessage `json:"-"`
}

// Status says whether a post may be shown.
type Status string

// The statuses. The zero value counts as Published.
const (
	Published Status = "published"
	Draft     Status = "draft"
	Private   Status = "private"
)

// AttributionMode says where a post's quotes are taken from.
type AttributionMode string

// The modes. The zero value counts as AttributionAuto.
const (
	AttributionAuto  AttributionMode = "auto"  // the quotes given, if there are any, else those read from the content
	AttributionGiven AttributionMode = "given" // only the quotes given
	AttributionNone  AttributionMode = "none"  // none, not even those given
)

// Author is a person or body that wrote something.
type Author struct {
	Name   string `json:"name,omitempty"`
	URL    string `json:"url,omitempty"`
	Avatar string `json:"avatar,omitempty"`
}

// Attachment is a related resource, such as a podcast's audio file.
type Attachment struct {
	URL               string  `json:"url"`
	MIMEType          string  `json:"mime_type"`
	Title             string  `json:"title,omitempty"`
	SizeInBytes       int64   `json:"size_in_bytes,omitempty"`
	DurationInSeconds float64 `json:"duration_in_seconds,omitempty"`
}

// Quote is a passage from elsewhere and its source.
type Quote struct {
	Source Source `json:"source"`
	// Text is the passage as plain text, paragraphs parted by an empty line; empty for a source without a passage.
	Text string `json:"text,omitempty"`
	// HTML is the passage as a writer gave it in HTML; when both are given, HTML is what is shown.
	HTML string `json:"html,omitempty"`
	// Confidence is how sure the reading of the source is, from 0 to 1; 1 for quotes that were given.
	Confidence float64 `json:"confidence,omitempty"`
	// Certain reports whether the publication is certain enough for a feed of its own in [Sources]: the writer gave
	// the quote, the publication is known or configured, or the quote links to the publication's domain.
	Certain bool `json:"-"`
}

// Source is the publication that a quote is taken from, as far as it is known.
type Source struct {
	Publication    string   `json:"publication,omitempty"`
	PublicationURL string   `json:"publication_url,omitempty"`
	FeedURL        string   `json:"feed_url,omitempty"` // of the publication's own feed
	Headline       string   `json:"headline,omitempty"`
	URL            string   `json:"url,omitempty"` // of the article
	Authors        []Author `json:"authors,omitempty"`
	DatePublished  string   `json:"date_published,omitempty"` // YYYY, YYYY-MM, YYYY-MM-DD or RFC 3339
	Agencies       []string `json:"agencies,omitempty"`       // news agencies whose report the publication carried
}

// Via is where a post's author found what is quoted.
type Via struct {
	Name string `json:"name,omitempty"`
	URL  string `json:"url,omitempty"`
}

// Item is a post made ready: validated, cleaned and attributed. Texts are valid UTF-8 and hold only characters that
// XML 1.0 allows; URLs are absolute. An Item is not modified once made and may be shared.
type Item struct {
	ID          string
	URL         string // the permalink, or empty
	ExternalURL string // the post's own, else the first quote's URL; or empty
	Title       string // plain text; empty for an untitled post
	HTML        string // the content with credits added, cleaned
	Text        string // the content without credits added as plain text, for excerpts and untitled posts' titles
	Summary     string // plain text, the source line included; empty when there is nothing to say
	Image       string
	Published   time.Time // UTC, whole milliseconds
	Updated     time.Time // UTC, whole milliseconds, not before Published
	Authors     []Author  // empty: the feed's author is shown
	Tags        []string
	Language    string // BCP 47; empty: the site's
	Attachments []Attachment
	Quotes      []Quote // only those sure enough to be shown
	Via         []Via
	// Feeds are the names of the feeds that the item belongs to besides [Main], sorted.
	Feeds []Name
	// ExcludeFrom are the names of feeds that the item must not belong to.
	ExcludeFrom []Name
	// Intake identifies the intake that made the item: its rules and its configuration. An item of another is made anew.
	Intake string
	// RawSum is the hash of the raw post that the item was made from: a post changed without a notice shows by it.
	RawSum Hash
}
