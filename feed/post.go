package feed

import (
	"cmp"
	"encoding/json"
	"fmt"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// maxPostID is the maximum length of a post's id in bytes.
const maxPostID = 512

// ValidatePostID returns nil if id is a valid id of a post: 1 to 512 bytes of UTF-8 without control characters.
// Otherwise the error is of kind [ErrInvalid]. Its text does not identify the post.
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

// Post is a post as writers submit it: a JSON Feed 1.1 item with additional members. Package intake decodes and
// validates its JSON encoding, which has a published JSON Schema.
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
	// ExcludeFrom lists feeds that leave out the post even if it meets their criteria. It never includes [Main].
	ExcludeFrom []Name `json:"exclude_from,omitempty"`

	// Unknown holds all other members, unchanged. Exports include them.
	Unknown map[string]json.RawMessage `json:"-"`
}

// Status is the publication status of a post.
type Status string

// The statuses. The zero value means Published.
const (
	Published Status = "published"
	Draft     Status = "draft"
	Private   Status = "private"
)

// AttributionMode is the origin of a post's quotes.
type AttributionMode string

// The modes. The zero value means AttributionAuto.
const (
	AttributionAuto  AttributionMode = "auto"  // quotes from the "quotes" member or, if it is empty, from the content
	AttributionGiven AttributionMode = "given" // quotes from the "quotes" member only
	AttributionNone  AttributionMode = "none"  // no quotes
)

// Author is a person or organization.
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
	// Text is the passage as plain text, with empty lines between paragraphs. It is empty for a source without a passage.
	Text string `json:"text,omitempty"`
	// HTML is the passage as HTML. If both are given, HTML is shown.
	HTML string `json:"html,omitempty"`
	// Confidence is the probability that the source is correct, from 0 to 1. It is 1 for quotes that the writer gave.
	Confidence float64 `json:"confidence,omitempty"`
	// Certain is set if the publication is certain enough for a feed in [Sources]: the writer gave the quote, the
	// publication is known or configured, or the quote links to the publication's domain.
	Certain bool `json:"-"`
}

// minDoubt is the confidence from which a suggestion is a doubt. A quarter of those below it are right.
const minDoubt = 0.15

// IsDoubt reports whether the quote, which is not certain enough to publish, is likely enough that its writer should
// decide about it.
func (q *Quote) IsDoubt() bool { return q.Confidence >= minDoubt }

// Source is the publication that a quote comes from. Unknown fields are empty.
type Source struct {
	Publication    string   `json:"publication,omitempty"`
	PublicationURL string   `json:"publication_url,omitempty"`
	FeedURL        string   `json:"feed_url,omitempty"` // URL of the publication's own feed
	Headline       string   `json:"headline,omitempty"`
	URL            string   `json:"url,omitempty"` // URL of the article
	Authors        []Author `json:"authors,omitempty"`
	DatePublished  string   `json:"date_published,omitempty"` // YYYY, YYYY-MM, YYYY-MM-DD or RFC 3339
	Agencies       []string `json:"agencies,omitempty"`       // news agencies that the publication credits
}

// Label returns a short name for the source that people recognize: its publication, headline, first author or URL.
func (s Source) Label() string {
	author := ""
	if len(s.Authors) > 0 {
		author = s.Authors[0].Name
	}
	return cmp.Or(s.Publication, s.Headline, author, s.URL, "a source without a name")
}

// Via is the publication or person through which the post's author found the quoted source.
type Via struct {
	Name string `json:"name,omitempty"`
	URL  string `json:"url,omitempty"`
}

// Item is a validated post with sanitized content and credits. Texts are valid UTF-8 and contain only characters that
// XML 1.0 allows; URLs are absolute. An Item must not be modified, so it can be shared.
type Item struct {
	ID          string
	URL         string // the permalink, or empty
	ExternalURL string // the post's own external URL or, if that is empty, the first quote's URL
	Title       string // plain text; empty for an untitled post
	HTML        string // the sanitized content with credits
	Text        string // the content without credits, for excerpts and for the titles of untitled posts
	Summary     string // plain text, including the source line; may be empty
	Image       string
	Published   time.Time // UTC, whole milliseconds
	Updated     time.Time // UTC, whole milliseconds, not before Published
	Authors     []Author  // if empty, the feed's author is shown
	Tags        []string
	Language    string // BCP 47; if empty, the site's language applies
	Attachments []Attachment
	Quotes      []Quote // only quotes that are certain enough to be published
	Via         []Via
	// Feeds are the names of the feeds, except [Main], that the item belongs to, sorted.
	Feeds []Name
	// ExcludeFrom are the names of feeds that the item must not belong to.
	ExcludeFrom []Name
	// Intake identifies the version and configuration of the intake that created the item. An item created by a different
	// intake is outdated.
	Intake string
	// RawSum is the hash of the raw post from which the item was created. It detects changes without an inbox entry.
	RawSum Hash
}
