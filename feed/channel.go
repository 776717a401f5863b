package feed

import (
	"cmp"
	"strconv"
	"strings"
	"time"
)

// Content says how much of each post a feed's documents hold.
type Content string

// The contents. The zero value counts as FullContent.
const (
	FullContent    Content = "full"    // the whole content, with credits
	SummaryContent Content = "summary" // the summary only, with the source line
)

// TitleLink says where the title of each post links to.
type TitleLink string

// The title links. The zero value counts as PermalinkTitle.
const (
	PermalinkTitle TitleLink = "permalink" // the post's own page
	SourceTitle    TitleLink = "source"    // what the post is about, if it is about something elsewhere
)

// History is where a document stands in its feed's history (RFC 5005 section 4): which documents hold what came before
// and after. The zero value is that of a feed without archives.
type History struct {
	// Current is the subscription document's feed; set for archives only.
	Current Name
	// Prev and Next are the archives of the posts before and after, empty if there is none. A subscription document has
	// no Next.
	Prev, Next Name
	// Archive says that the document is an archive: its posts come and go no more, unless somebody edits the past.
	Archive bool
}

// archiveSegment stands before the number of an archive in its name.
const archiveSegment = "archive"

// Archive returns the name of the feed's archive of a number: "archive/3" for the main feed, "tags/go/archive/3" for
// another. Numbers count from 1 in the order in which archives were closed, which is not always that of their posts.
func (n Name) Archive(number int) Name {
	tail := archiveSegment + "/" + strconv.Itoa(number)
	if n == Main {
		return Name(tail)
	}
	return n + "/" + Name(tail)
}

// Archived returns the feed that n is an archive of, and the archive's number; for a feed that is no archive, n itself
// and 0.
func (n Name) Archived() (Name, int) {
	head, digits, ok := cutLast(string(n), "/")
	number, err := strconv.Atoi(digits)
	if !ok || err != nil || number < 1 || strconv.Itoa(number) != digits {
		return n, 0
	}
	if head == archiveSegment {
		return Main, number
	}
	if of, ok := strings.CutSuffix(head, "/"+archiveSegment); ok && of != "" {
		return Name(of), number
	}
	return n, 0
}

// FeedsOf returns the heads that are of feeds for readers, in their order, and how many archives each feed has: archives
// and [Pages] are committed like feeds, and are no feeds to who lists them.
func FeedsOf(heads []Head) (feeds []Head, archives map[Name]int) {
	archives = make(map[Name]int)
	for _, h := range heads {
		switch of, number := h.Feed.Archived(); {
		case number > 0:
			archives[of]++
		case h.Feed != Pages:
			feeds = append(feeds, h)
		}
	}
	return feeds, archives
}

func cutLast(s, sep string) (before, after string, ok bool) {
	if i := strings.LastIndex(s, sep); i >= 0 {
		return s[:i], s[i+len(sep):], true
	}
	return s, "", false
}

// Position is where a post stands in the order of feeds. Positions are compared oldest first, so that [CompareItems]
// is their order reversed.
type Position struct {
	Time time.Time `json:"time"` // of publication, in whole milliseconds
	ID   string    `json:"id"`
}

// PositionOf returns the item's position.
func PositionOf(it *Item) Position { return Position{Time: it.Published, ID: it.ID} }

// Compare returns a negative number if p comes before q, that is, is older; 0 if they are equal; else a positive one.
func (p Position) Compare(q Position) int {
	return cmp.Or(p.Time.Compare(q.Time), cmp.Compare(p.ID, q.ID))
}

// IsZero reports whether p is no position.
func (p Position) IsZero() bool { return p == Position{} }

// Archive is a closed part of a feed's history: all posts up to a position and after that of the archive before. It is
// recorded once and never moves, so a post that comes late, changes or goes changes only the archive it belongs to.
type Archive struct {
	Feed  Name     `json:"feed"` // the archive's name; see [Name.Archive]
	Until Position `json:"until"`
}
