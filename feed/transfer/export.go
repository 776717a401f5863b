package transfer

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/goccy/go-yaml"

	"feedpub/feed"
	"feedpub/feed/intake"
	"feedpub/feed/markup"
)

// WriteFormat is a form in which posts are written for other programs.
type WriteFormat string

// The formats.
const (
	WriteJSONFeed WriteFormat = "jsonfeed" // one document of JSON Feed 1.1 with all posts
	WriteWXR      WriteFormat = "wxr"      // an export of WordPress
	WriteMarkdown WriteFormat = "markdown" // a folder of files with front matter
)

// Channel is what a document says of the site.
type Channel struct {
	Title, Link, Language string
}

// PostWriter writes posts one after the other. It is not safe for concurrent use.
type PostWriter interface {
	// Write writes a post. An error of kind [feed.ErrInvalid] is about the post, and nothing of it is written.
	Write(p feed.Post) error
	// Close ends the document. It does not close what it is written to.
	Close() error
}

// NewPostWriter returns a writer of posts to w, or to a folder, which is made if it is missing and must be empty.
func NewPostWriter(f WriteFormat, w io.Writer, folder string, c Channel) (PostWriter, error) {
	switch f {
	case WriteJSONFeed:
		return newJSONFeedWriter(w, c)
	case WriteWXR:
		return newWXRWriter(w, c)
	case WriteMarkdown:
		return newMarkdownWriter(folder)
	}
	return nil, fmt.Errorf("format %q: want jsonfeed, wxr or markdown: %w", string(f), feed.ErrInvalid)
}

type jsonFeedWriter struct {
	w     *bufio.Writer
	wrote bool
}

func newJSONFeedWriter(w io.Writer, c Channel) (*jsonFeedWriter, error) {
	head, err := json.Marshal(struct {
		Version     string `json:"version"`
		Title       string `json:"title"`
		HomePageURL string `json:"home_page_url,omitempty"`
		Language    string `json:"language,omitempty"`
	}{"https://jsonfeed.org/version/1.1", c.Title, c.Link, c.Language})
	if err != nil {
		return nil, fmt.Errorf("write JSON Feed: %w", err)
	}
	b := bufio.NewWriter(w)
	_, err = b.WriteString(strings.TrimSuffix(string(head), "}") + ",\"items\":[")
	return &jsonFeedWriter{w: b}, err
}

// Write writes the post as it is: feedpub's members are extensions of a JSON Feed item.
func (j *jsonFeedWriter) Write(p feed.Post) error {
	raw, err := intake.Encode(p)
	if err != nil {
		return err
	}
	if j.wrote {
		raw = append([]byte(",\n"), raw...)
	} else {
		raw = append([]byte("\n"), raw...)
	}
	j.wrote = true
	_, err = j.w.Write(raw)
	return err
}

func (j *jsonFeedWriter) Close() error {
	_, err := j.w.WriteString("\n]}\n")
	return errors.Join(err, j.w.Flush())
}

type markdownWriter struct{ dir string }

func newMarkdownWriter(dir string) (*markdownWriter, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, fmt.Errorf("folder: %w", err)
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("folder: %w", err)
	}
	if len(entries) > 0 {
		return nil, fmt.Errorf("folder %s is not empty: %w", dir, feed.ErrInvalid)
	}
	return &markdownWriter{dir}, nil
}

// Write writes a file named after the id, with all that is not content in front of it.
func (m *markdownWriter) Write(p feed.Post) error {
	body := first(p.ContentMarkdown, p.ContentHTML)
	if body == "" && p.ContentText != "" {
		tree, err := markup.Parse(markup.Text, p.ContentText)
		if err != nil {
			return err
		}
		body = markup.Clean(tree)
	}
	p.ContentMarkdown, p.ContentHTML, p.ContentText = "", "", ""
	raw, err := intake.Encode(p)
	if err != nil {
		return err
	}
	front, err := yaml.JSONToYAML(raw)
	if err != nil {
		return fmt.Errorf("front matter: %w: %w", err, feed.ErrInvalid)
	}
	content := "---\n" + strings.TrimRight(string(front), "\n") + "\n---\n\n" + strings.TrimRight(body, "\n") + "\n"
	file, err := os.OpenFile(filepath.Join(m.dir, fileName(p.ID)), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return fmt.Errorf("folder: %w", err)
	}
	_, err = file.WriteString(content)
	return errors.Join(err, file.Close())
}

func (*markdownWriter) Close() error { return nil }

// fileName returns the name of a post's file: what people can read of the id, and a hash of all of it.
func fileName(id string) string {
	id = strings.TrimSuffix(id, ".md")
	words := strings.FieldsFunc(strings.ToLower(id), func(r rune) bool { return (r < 'a' || r > 'z') && (r < '0' || r > '9') })
	name := strings.Join(words, "-")
	if len(name) > 80 {
		name = name[len(name)-80:]
	}
	if name == id {
		return name + ".md"
	}
	return strings.Trim(name+"-"+textID(id, "", "")[:8], "-") + ".md"
}
