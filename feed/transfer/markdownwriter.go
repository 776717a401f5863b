package transfer

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/goccy/go-yaml"

	"feedpub/feed"
	"feedpub/feed/intake"
	"feedpub/feed/markup"
)

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

// Write writes the post to a file named after its id. The front matter contains all members except the content.
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

// fileName returns the file name for a post: the letters and digits of the id, with a hash if characters were dropped.
func fileName(id string) string {
	id = strings.TrimSuffix(id, ".md")
	words := strings.FieldsFunc(strings.ToLower(id), func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < '0' || r > '9')
	})
	name := strings.Join(words, "-")
	if len(name) > 80 {
		name = name[len(name)-80:]
	}
	if name == id {
		return name + ".md"
	}
	return strings.Trim(name+"-"+textID(id, "", "")[:8], "-") + ".md"
}
