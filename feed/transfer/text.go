package transfer

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"path"
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

// isText reports whether a file may be plain text.
func isText(start []byte) bool {
	text := bytes.TrimLeft(start, " \t\r\n")
	return len(text) > 0 && text[0] != '<' && bytes.IndexByte(text, 0) < 0
}

// readTextFile reads a plain text file that contains one post.
func readTextFile(o Options, in *input, yield func(Entry, error) bool) {
	body, err := io.ReadAll(io.LimitReader(in.r, intake.MaxSize+1))
	if err != nil {
		yield(Entry{Pos: in.name}, fmt.Errorf("read %s: %w", in.name, err))
		return
	}
	if e, ok, err := readHeadedText(o, in.name, body); err != nil {
		yield(e, fmt.Errorf("%s: %w", in.name, err))
		return
	} else if ok {
		yield(e, nil)
		return
	}
	p, err := ReadText(in.name, body, o.Reader, o.location())
	if err != nil {
		yield(Entry{Pos: in.name}, err)
		return
	}
	posts, err := encodeText(p)
	if err != nil {
		yield(Entry{Pos: in.name}, fmt.Errorf("%s: %w", in.name, err))
		return
	}
	yield(Entry{Post: &posts[0], Pos: in.name}, nil)
}

// decodeText reads a text file from a served folder; see [Options.Decode]. The id is the path, so that editing the
// first line does not create a new post.
func decodeText(o Options, name string, content []byte) ([]feed.RawPost, error) {
	if posts, ok, err := decodeHeadedText(o, name, content); ok || err != nil {
		return posts, err
	}
	p, err := ReadText(name, content, o.Reader, o.location())
	if err != nil {
		return nil, err
	}
	p.ID = name
	if err := intake.CheckID(p.ID); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	if path.Dir(name) != "." {
		file, err := json.Marshal(name)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		p.Unknown = map[string]json.RawMessage{intake.FileMember: file}
	}
	return encodeText(p)
}

func encodeText(p feed.Post) ([]feed.RawPost, error) {
	raw, err := intake.Encode(p)
	if err != nil {
		return nil, err
	}
	return []feed.RawPost{{ID: p.ID, Raw: raw}}, nil
}

// ReadText converts the plain text of a page with one post. The title is the first line that is not navigation; a post
// that begins with the introduction of a quote, such as "From the Guardian:", has no title. Author and date are taken
// from the byline, and the date is in the time zone loc. The content is the remaining text without navigation and
// footer. The id is a hash of title, author and date, and does not depend on the file name. If the post has no title,
// its first lines are hashed instead.
//
// ReadText returns an error of kind [feed.ErrInvalid] if the text is larger than [intake.MaxSize] bytes or has no
// content.
func ReadText(name string, body []byte, reader *attribution.Reader, loc *time.Location) (feed.Post, error) {
	if reader == nil {
		return feed.Post{}, fmt.Errorf("%s: plain text is not supported here: %w", name, feed.ErrInvalid)
	}
	if len(body) > intake.MaxSize {
		return feed.Post{}, fmt.Errorf("%s: want at most %d bytes: %w", name, intake.MaxSize, feed.ErrInvalid)
	}
	tree, err := markup.Parse(markup.Text, string(body))
	if err != nil {
		return feed.Post{}, fmt.Errorf("%s: %w", name, err)
	}
	// Parse the text twice: navigation and footer are detected more reliably when the title is known.
	title, first := titleOf(reader.Read(attribution.Input{Body: tree}).Blocks)
	if first == "" {
		return feed.Post{}, fmt.Errorf("%s: no text: %w", name, feed.ErrInvalid)
	}
	result := reader.Read(attribution.Input{Body: tree, Title: title})
	p := feed.Post{
		ID:          textID(first, result.PostedBy, result.PostedOn),
		Title:       title,
		ContentText: contentText(result.Blocks, title),
	}
	if result.PostedBy != "" {
		p.Authors = []feed.Author{{Name: result.PostedBy}}
	}
	if day, err := time.ParseInLocation(time.DateOnly, result.PostedOn, loc); err == nil {
		p.DatePublished = day
	}
	return p, nil
}

// textID returns an id for a post whose file contains none. The argument first is the title, or the first lines if the
// post has no title.
func textID(first, author, day string) string {
	sum := sha256.Sum256([]byte(first + "\n" + author + "\n" + day))
	return hex.EncodeToString(sum[:16])
}

// boilerplate reports whether a block is on the page but not part of the post.
func boilerplate(role attribution.Role) bool {
	return role == attribution.Noise || role == attribution.Posted || role == attribution.Footer
}

// titleOf returns the title and the lines that identify the post. These lines are the title. If there is no title, they
// are the first lines, up to and including the first one that does not introduce a quote, since many posts begin with
// the same introduction. Both results are empty if the page has no text.
func titleOf(blocks []attribution.Block) (title, first string) {
	for _, b := range blocks {
		switch {
		case boilerplate(b.Role) || navigation(b.Text):
		case first == "" && !introduces(b):
			return b.Text, b.Text
		case first == "":
			first = b.Text
		default:
			first += "\n" + b.Text
			if !introduces(b) {
				return "", first
			}
		}
	}
	return "", first
}

// introduces reports whether a line, such as "From the Guardian:", introduces the text that follows it. If we used such
// a line as the title, the quote would lose its credit.
func introduces(b attribution.Block) bool { return endsWithAny(b.Text, ":：") }

// navigation reports whether a line links to the previous and next pages: "« Older | Newer »", "Back →". If
// guillemets are quotation marks, they are paired and the line has no separator.
func navigation(line string) bool {
	const left, right = "«‹←", "»›→"
	arrows := strings.IndexAny(line, left) == 0 || endsWithAny(line, right)
	if !arrows {
		return false
	}
	opened := strings.Count(line, "«") + strings.Count(line, "‹")
	closed := strings.Count(line, "»") + strings.Count(line, "›")
	return opened != closed || strings.ContainsAny(line, "|·←→")
}

func endsWithAny(s, chars string) bool {
	last, _ := utf8.DecodeLastRuneInString(s)
	return strings.ContainsRune(chars, last)
}

// contentText joins the blocks of the post, without the title, and puts an empty line between paragraphs.
func contentText(blocks []attribution.Block, title string) string {
	var b strings.Builder
	var paragraph *html.Node
	titled := false
	for _, block := range blocks {
		if boilerplate(block.Role) {
			continue
		}
		if !titled && block.Text == title {
			titled = true
			continue
		}
		in := paragraphOf(block)
		switch {
		case b.Len() == 0:
		case in != nil && in == paragraph:
			b.WriteByte('\n')
		default:
			b.WriteString("\n\n")
		}
		b.WriteString(block.Text)
		paragraph = in
	}
	return b.String()
}

// paragraphOf returns the innermost p element that contains the block, or nil.
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
