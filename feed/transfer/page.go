package transfer

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"path"
	"regexp"
	"strings"
	"time"
	"unicode/utf8"

	"golang.org/x/net/html/charset"

	"feedpub/feed"
	"feedpub/feed/intake"
)

// ReadPage makes a post of a file that holds one in Markdown or HTML; by its ending, else by its content. The name is
// the file's path with slashes: it is the id of a post that gives none, and as generators have it, it may begin with the
// date of the post, and the folder "_drafts" holds drafts. The form is converted but the content is not judged: what is
// wrong with a date or an address is for intake to say, in one way for all formats. An error is of kind
// [feed.ErrInvalid]: not even the form can be read.
func (o Options) ReadPage(name string, content []byte) (feed.RawPost, error) {
	content = bytes.TrimPrefix(content, byteOrderMark)
	p, err := o.readPage(name, content, o.recognise(content, name))
	return p.post, err
}

// pageFile is what a file that holds one post gives.
type pageFile struct {
	post  feed.RawPost
	page  bool // it is a page of the site and no post
	notes []string
}

func (o Options) readPage(name string, content []byte, format format) (pageFile, error) {
	f := pageFile{}
	var err error
	if format == formatHTML {
		content, err = htmlText(content)
	} else if !utf8.Valid(content) {
		err = fmt.Errorf("not UTF-8: %s: %w", badText(content), feed.ErrInvalid)
	}
	if err != nil {
		return f, err
	}
	text := string(content)
	var front map[string]any
	body := text
	if format != formatHTML || !strings.HasPrefix(text, "{") {
		if front, body, err = cutFrontMatter(text); err != nil {
			return f, err
		}
	}
	if g := o.generator; g != nil {
		if front == nil {
			front = map[string]any{}
		}
		f.page = g.complete(name, front)
		if address := g.address(name, front); address != "" {
			front["url"] = joinAddress(g.base(), address)
		} else {
			delete(front, "url")
		}
		delete(front, "permalink") // it is in the address
		c := &pageText{name: name, line: 1 + strings.Count(text[:len(text)-len(body)], "\n"), front: front, text: body, endless: map[string]bool{}}
		g.expand(c)
		body, f.notes = c.text, c.notes
	}
	var members map[string]any
	if format == formatHTML {
		members, err = readHTML([]byte(body))
		maps.Copy(members, fromFrontMatter(front))
	} else {
		members = readMarkdown(front, body)
	}
	if err != nil {
		return f, err
	}
	fromName(members, name)
	if address, ok := members["url"].(string); ok && strings.HasPrefix(address, "/") && o.BaseURL != "" {
		members["url"] = joinAddress(o.BaseURL, address)
	}
	for _, key := range []string{"date_published", "date_modified"} {
		if text, ok := members[key].(string); ok {
			if _, plain := intake.ParseDate(text); !plain {
				if t, err := parseDate(text, o.location()); err == nil {
					members[key] = t.Format(time.RFC3339)
				}
			}
		}
	}
	id, ok := members["id"].(string)
	if !ok || id == "" {
		id = name
		members["id"] = id
	}
	raw, err := json.Marshal(members)
	if err != nil {
		return f, fmt.Errorf("front matter: %w: %w", err, feed.ErrInvalid)
	}
	f.post = feed.RawPost{ID: id, Raw: raw}
	return f, nil
}

// datedName is how Jekyll, and many who use Hugo, name files.
var datedName = regexp.MustCompile(`^([0-9]{4}-[0-9]{2}-[0-9]{2})-`)

// fromName fills in what a file's name says of its post.
func fromName(members map[string]any, name string) {
	if m := datedName.FindStringSubmatch(path.Base(name)); m != nil && members["date_published"] == nil {
		if _, ok := intake.ParseDate(m[1]); ok {
			members["date_published"] = m[1]
		}
	}
	if strings.HasPrefix(name, "_drafts/") || strings.Contains(name, "/_drafts/") {
		if members["status"] == nil {
			members["status"] = string(feed.Draft)
		}
	}
}

// htmlText returns HTML in UTF-8: as it declares itself, as it is, or not at all.
func htmlText(content []byte) ([]byte, error) {
	if utf8.Valid(content) {
		return content, nil
	}
	start := content[:min(len(content), 1024)]
	encoding, name, _ := charset.DetermineEncoding(start, "")
	if !bytes.Contains(bytes.ToLower(start), []byte("charset")) {
		return nil, fmt.Errorf("not UTF-8, and no other encoding is declared: %s: %w", badText(content), feed.ErrInvalid)
	}
	text, err := encoding.NewDecoder().Bytes(content)
	if err != nil {
		return nil, fmt.Errorf("encoding %s: %w: %w", name, err, feed.ErrInvalid)
	}
	return text, nil
}

// page reads a file that holds one post in Markdown or HTML.
func (o Options) page(s *source, format format) (Entry, error) {
	e := Entry{Pos: s.name}
	content, err := io.ReadAll(io.LimitReader(s.r, intake.MaxSize+1))
	if err != nil {
		return e, fmt.Errorf("read %s: %w", s.name, err)
	}
	if len(content) > intake.MaxSize {
		return e, fmt.Errorf("%s: want at most %d bytes: %w", s.name, intake.MaxSize, feed.ErrInvalid)
	}
	p, err := o.readPage(s.name, content, format)
	if err == nil {
		err = intake.CheckID(p.post.ID)
	}
	if err != nil {
		return e, fmt.Errorf("%s: %w", s.name, err)
	}
	if p.page && !o.Pages {
		return left(s.name, "page"), nil
	}
	e.Post, e.Notes = &p.post, p.notes
	return e, nil
}
