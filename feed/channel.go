package feed

import (
	"cmp"
	"strconv"
	"strings"
	"time"
)

// Content selects the part of each post that a feed's documents contain.
type Content string

// The values of [Content]. The zero value means FullContent.
const (
	FullContent    Content = "full"    // the whole content, with credits
	SummaryContent Content = "summary" // the summary only, with the source line
)

// TitleLink selects what the title of each post links to.
type TitleLink string

// The values of [TitleLink]. The zero value means PermalinkTitle.
const (
	PermalinkTitle TitleLink = "permalink" // the post's own page
	SourceTitle    TitleLink = "source"    // the post's external URL, if it has one
)

// History links a feed's document and its archives (RFC 5005, section 4). A feed without archives has the zero value.
type History struct {
	// Current is the feed that the archive belongs to. It is empty if the document is not an archive.
	Current Name
	// Prev and Next are the archives with the next older and the next newer posts, or empty. A feed itself has no Next.
	Prev, Next Name
	// Archive is set if the document is an archive.
	Archive bool
}

// archiveSegment is the path segment before the number in the name of an archive.
const archiveSegment = "archive"

// Archive returns the name of the feed's archive with the number: "archive/3" for the main feed, "tags/go/archive/3"
// for the feed of a tag. Numbers start at 1 and are assigned in the order in which archives are created, which is not
// always the order of their posts.
func (n Name) Archive(number int) Name {
	tail := archiveSegment + "/" + strconv.Itoa(number)
	if n == Main {
		return Name(tail)
	}
	return n + "/" + Name(tail)
}

// Archived returns the feed that the archive n belongs to and the archive's number. If n is not an archive, it returns
// n and 0.
func (n Name) Archived() (Name, int) {
	head, digits, ok := cutLast(string(n), "/")
	number, err := strconv.Atoi(digits)
	if !ok || err != nil || number < 1 || strconv.Itoa(number) != digits {
		return n, 0
	}
	if head == archiveSegment {
		return Main, number
	}
	if name, ok := strings.CutSuffix(head, "/"+archiveSegment); ok && name != "" {
		return Name(name), number
	}
	return n, 0
}

// FeedsOf returns the given heads except for archives, pages of posts and [Pages], in the same order, and the number of
// archives of each feed.
func FeedsOf(heads []Head) (feeds []Head, archives map[Name]int) {
	archives = make(map[Name]int)
	for _, h := range heads {
		switch name, number := h.Feed.Archived(); {
		case number > 0:
			archives[name]++
		case h.Feed != Pages && !h.Feed.OfPost():
			feeds = append(feeds, h)
		}
	}
	return feeds, archives
}

// cutLast is like [strings.Cut], but cuts at the last sep.
func cutLast(s, sep string) (before, after string, ok bool) {
	if i := strings.LastIndex(s, sep); i >= 0 {
		return s[:i], s[i+len(sep):], true
	}
	return s, "", false
}

// Position is the sort key of a post in feeds. Older posts have smaller positions, so [CompareItems] sorts by
// descending position.
type Position struct {
	Time time.Time `json:"time"` // publication time, in whole milliseconds
	ID   string    `json:"id"`
}

// PositionOf returns the position of an item.
func PositionOf(it *Item) Position { return Position{Time: it.Published, ID: it.ID} }

// Compare returns a negative number if p is older than q, 0 if they are equal, and a positive number otherwise.
func (p Position) Compare(q Position) int {
	return cmp.Or(p.Time.Compare(q.Time), cmp.Compare(p.ID, q.ID))
}

// IsZero reports whether p is the zero Position, which no post has.
func (p Position) IsZero() bool { return p == Position{} }

// Archive records where an archive ends. The archive contains the feed's posts up to Until that are not in an older
// archive. The record never changes, so a post that is added, edited or deleted affects only one archive.
type Archive struct {
	Feed  Name     `json:"feed"`  // the archive's name; see [Name.Archive]
	Until Position `json:"until"` // inclusive
}
