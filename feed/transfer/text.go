package transfer

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"golang.org/x/net/html"
	"golang.org/x/net/html/atom"

	"feedpub/feed"
	"feedpub/feed/attribution"
	"feedpub/feed/intake"
	"feedpub/feed/markup"
)

// ReadText makes a post of the plain text of a page that shows one: the title is the first line that is not navigation,
// author and day are those that the text says it was posted by and on, and the content is what is left without
// navigation and footer. The id is a hash of title, author and day, so that reading it again gives the same post; of a
// text without a title it is the name. The day begins in UTC.
//
// Text of more than [intake.MaxSize] bytes, or of which nothing is left, is an error of kind [feed.ErrInvalid].
func ReadText(name string, body []byte, reader *attribution.Reader) (feed.Post, error) {
	return readText(name, body, reader, time.UTC)
}

func readText(name string, body []byte, reader *attribution.Reader, loc *time.Location) (feed.Post, error) {
	if len(body) > intake.MaxSize {
		return feed.Post{}, fmt.Errorf("%s: want at most %d bytes: %w", name, intake.MaxSize, feed.ErrInvalid)
	}
	tree, err := markup.Parse(markup.Text, string(body))
	if err != nil {
		return feed.Post{}, fmt.Errorf("%s: %w", name, err)
	}
	// Once for the title, and once more knowing it: what stands above and below depends on it.
	title := firstLine(reader.Read(attribution.Input{Body: tree}).Blocks)
	if title == "" {
		return feed.Post{}, fmt.Errorf("%s: no text: %w", name, feed.ErrInvalid)
	}
	result := reader.Read(attribution.Input{Body: tree, Title: title})
	p := feed.Post{
		Title:       title,
		ContentText: content(result.Blocks, title),
	}
	if result.PostedBy != "" {
		p.Authors = []feed.Author{{Name: result.PostedBy}}
	}
	if day, err := time.ParseInLocation(time.DateOnly, result.PostedOn, loc); err == nil {
		p.DatePublished = day
	}
	p.ID = textID(title, result.PostedBy, result.PostedOn)
	return p, nil
}

// textID returns the id of a post that gives none.
func textID(title, author, day string) string {
	sum := sha256.Sum256([]byte(title + "\n" + author + "\n" + day))
	return hex.EncodeToString(sum[:16])
}

// furniture reports whether a block belongs to the page and not to the post.
func furniture(role attribution.Role) bool {
	return role == attribution.Noise || role == attribution.Posted || role == attribution.Footer
}

func firstLine(blocks []attribution.Block) string {
	for _, b := range blocks {
		if !furniture(b.Role) && !navigation(b.Text) {
			return b.Text
		}
	}
	return ""
}

// navigation reports whether a line links to the pages before and after: "« Older | Newer »", "Back →". Quotation marks
// of the same shape come in pairs, and nothing parts them.
func navigation(line string) bool {
	const left, right = "«‹←", "»›→"
	arrows := strings.IndexAny(line, left) == 0 || endsWithAny(line, right)
	if !arrows {
		return false
	}
	opened, closed := strings.Count(line, "«")+strings.Count(line, "‹"), strings.Count(line, "»")+strings.Count(line, "›")
	return opened != closed || strings.ContainsAny(line, "|·←→")
}

func endsWithAny(s, chars string) bool {
	last, _ := utf8.DecodeLastRuneInString(s)
	return strings.ContainsRune(chars, last)
}

// content joins the blocks that are the post's, with an empty line where they stand in paragraphs of their own.
func content(blocks []attribution.Block, title string) string {
	var b strings.Builder
	var paragraph *html.Node
	titled := false
	for _, block := range blocks {
		if furniture(block.Role) {
			continue
		}
		if !titled && block.Text == title {
			titled = true
			continue
		}
		holder := paragraphOf(block)
		switch {
		case b.Len() == 0:
		case holder != nil && holder == paragraph:
			b.WriteByte('\n')
		default:
			b.WriteString("\n\n")
		}
		b.WriteString(block.Text)
		paragraph = holder
	}
	return b.String()
}

// paragraphOf returns the p element that the block is or stands in.
func paragraphOf(block attribution.Block) *html.Node {
	if len(block.Nodes) == 0 {
		return nil
	}
	for n := block.Nodes[0]; n != nil; n = n.Parent {
		if n.DataAtom == atom.P {
			return n
		}
	}
	return nil
}
