package transfer_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"feedpub/feed"
	"feedpub/feed/intake"
	"feedpub/feed/transfer"
)

// TestBareHeader checks that a header without an opening line is read as front matter, and that a text that only looks
// like one is not.
func TestBareHeader(t *testing.T) {
	type post struct {
		Title, Status, Date, Content string
		Tags                         []string
		Authors                      []feed.Author
	}
	tests := []struct {
		name, file string
		want       post
	}{
		{"Hexo", "title: \"Winter: a list\"\ndate: 2020-01-02 10:00:00\ntags:\n- sea\n- ice\n---\n\nIt is cold.\n",
			post{Title: "Winter: a list", Date: "2020-01-02", Content: "It is cold.\n", Tags: []string{"sea", "ice"}}},
		{"Hexo draft", "title: Winter\npublished: false\n---\nIt is cold.\n",
			post{Title: "Winter", Status: "draft", Content: "It is cold.\n"}},
		{"Pelican", "Title: Winter: a list\nDate: 2020-01-02 10:20\nTags: sea, ice\nCategory: Harbour\nAuthors: Ann Reed; Ben Holt\nSlug: winter\n\nIt is cold.\n",
			post{Title: "Winter: a list", Date: "2020-01-02", Content: "It is cold.\n", Tags: []string{"sea", "ice", "Harbour"},
				Authors: []feed.Author{{Name: "Ann Reed"}, {Name: "Ben Holt"}}}},
		{"Pelican date with the month first", "Title: Winter\nDate: 10/8/14\n\nIt is cold.\n",
			post{Title: "Winter", Date: "2014-10-08", Content: "It is cold.\n"}},
		{"Pelican draft", "Title: Winter\nStatus: draft\n\nIt is cold.\n",
			post{Title: "Winter", Status: "draft", Content: "It is cold.\n"}},
		{"Pelican hidden", "Title: Winter\nStatus: hidden\n\nIt is cold.\n",
			post{Title: "Winter", Status: "private", Content: "It is cold.\n"}},
		{"no content", "Title: Winter\nStatus: draft\n", post{Title: "Winter", Status: "draft"}},
		{"no newline at the end", "Title: Winter\nStatus: draft", post{Title: "Winter", Status: "draft"}},
		{"empty line above", "\nTitle: Winter\nStatus: draft\n\nIt is cold.\n",
			post{Title: "Winter", Status: "draft", Content: "It is cold.\n"}},
		{"no space after the colon", "Title:Winter\nStatus:draft\n\nIt is cold.\n",
			post{Title: "Winter", Status: "draft", Content: "It is cold.\n"}},
		{"space before a key", "Title: Winter\n Status: draft\n\nIt is cold.\n",
			post{Title: "Winter", Status: "draft", Content: "It is cold.\n"}},
		{"continued value", "Title: Winter\nSummary: a list\n    Status: long\n\nIt is cold.\n",
			post{Title: "Winter", Content: "It is cold.\n"}},
		{"private", "Title: Winter\nPrivate: true\n\nIt is cold.\n",
			post{Title: "Winter", Status: "private", Content: "It is cold.\n"}},
		{"only text", "Title: Winter\nAuthor: Ann Reed\n", post{Content: "Title: Winter\nAuthor: Ann Reed\n"}},
		{"only a status", "Status: draft\n---\nIt is cold.\n", post{Status: "draft", Content: "It is cold.\n"}},
		{"only a flag", "Draft: true\n\nIt is cold.\n", post{Status: "draft", Content: "It is cold.\n"}},
		{"only a flag, no content", "Private: true", post{Status: "private"}},
		{"only a quoted status", "status: \"Hidden\" # for now\n---\nIt is cold.\n",
			post{Status: "private", Content: "It is cold.\n"}},
		{"a blank line above a status", " \n\u200bStatus: draft\n\nIt is cold.\n", post{Status: "draft", Content: "It is cold.\n"}},
		{"an unknown key and a flag", "Mood: calm\nDraft: yes\n\nIt is cold.\n", post{Status: "draft", Content: "It is cold.\n"}},
		{"only a future date of publication", "publishDate: 2999-01-02\n\nIt is cold.\n",
			post{Date: "2999-01-02", Content: "It is cold.\n"}},
		{"a book review", "Title: Dune\nAuthor: Frank Herbert\n\nI read it twice.\n",
			post{Content: "Title: Dune\nAuthor: Frank Herbert\n\nI read it twice.\n"}},
		{"a book review with a line below", "Title: Dune\nAuthor: Frank Herbert\n---\nI read it twice.\n",
			post{Content: "Title: Dune\nAuthor: Frank Herbert\n---\nI read it twice.\n"}},
		{"a book review with a year", "Title: Dune\nAuthor: Frank Herbert\nPublished: 1965\n\nI read it twice.\n",
			post{Content: "Title: Dune\nAuthor: Frank Herbert\nPublished: 1965\n\nI read it twice.\n"}},
		{"an author and a date", "Title: Dune\nAuthor: Ann Reed\nDate: 2020-01-02\n\nI read it twice.\n",
			post{Title: "Dune", Date: "2020-01-02", Content: "I read it twice.\n", Authors: []feed.Author{{Name: "Ann Reed"}}}},
		{"a sentence that begins like a status", "Status: draft beer is back\n\nIt is cold.\n",
			post{Content: "Status: draft beer is back\n\nIt is cold.\n"}},
		{"such a sentence in a paragraph", "Status: draft beer is back\nand it is cold.\n",
			post{Content: "Status: draft beer is back\nand it is cold.\n"}},
		{"a flag that is not set", "Draft: no\n\nIt is cold.\n", post{Content: "Draft: no\n\nIt is cold.\n"}},
		{"a password in text", "User: guest\nPassword: guest\n\nIt is cold.\n",
			post{Content: "User: guest\nPassword: guest\n\nIt is cold.\n"}},
		{"a header in code", "```yaml\ntitle: Winter\nstatus: draft\n```\n",
			post{Content: "```yaml\ntitle: Winter\nstatus: draft\n```\n"}},
		{"a URL", "Title: Winter\nDate: 2020\nhttps://a.example/\n\nIt is cold.\n",
			post{Content: "Title: Winter\nDate: 2020\nhttps://a.example/\n\nIt is cold.\n"}},
		{"one key", "Title: the whole story\n\nIt is cold.\n", post{Content: "Title: the whole story\n\nIt is cold.\n"}},
		{"a heading with a line below", "Date: today\n---\nIt is cold.\n", post{Content: "Date: today\n---\nIt is cold.\n"}},
		{"a dialogue", "Ann: It is cold.\nBen: It is.\n\nThey left.\n", post{Content: "Ann: It is cold.\nBen: It is.\n\nThey left.\n"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			for entry, err := range (transfer.Options{}).Read(strings.NewReader(tt.file), "post.md") {
				if err != nil {
					t.Fatal(err)
				}
				p, err := intake.Decode(entry.Post.ID, entry.Post.Raw)
				if err != nil {
					t.Fatal(err)
				}
				got := post{Title: p.Title, Status: string(p.Status), Content: p.ContentMarkdown, Tags: p.Tags, Authors: p.Authors}
				if !p.DatePublished.IsZero() {
					got.Date = p.DatePublished.UTC().Format("2006-01-02")
				}
				if diff := cmp.Diff(tt.want, got); diff != "" {
					t.Errorf("post (-want +got):\n%s", diff)
				}
			}
		})
	}
}

// TestBareHeaderWithTwoStatuses checks that a post is rejected if its header contradicts itself.
func TestBareHeaderWithTwoStatuses(t *testing.T) {
	file := "Title: Winter\nDraft: true\nDraft: false\n\nIt is cold.\n"
	for entry, err := range (transfer.Options{}).Read(strings.NewReader(file), "post.md") {
		if !errors.Is(err, feed.ErrInvalid) {
			t.Errorf("the post is read as %s with error %v, want an error of kind %q", entry.Post.Raw, err, feed.ErrInvalid)
		}
	}
}

// TestBrokenBareHeader checks that a post is rejected if its first lines say that it is not public, but are not a
// header because of a line between them, and that it can be published by following the advice in the error.
func TestBrokenBareHeader(t *testing.T) {
	read := func(file string) (p feed.Post, err error) {
		for entry, err := range (transfer.Options{}).Read(strings.NewReader(file), "post.md") {
			if err != nil {
				return p, err
			}
			return intake.Decode(entry.Post.ID, entry.Post.Raw)
		}
		return p, nil
	}
	for _, tt := range []struct{ name, file, want string }{
		{"text below", "Title: a\nStatus: draft\nhello\n", `line 2: "Status: draft"`},
		{"no newline at the end", "Title: a\nStatus: draft\nhello", `line 2: "Status: draft"`},
		{"text between", "\nTitle: a\nhello\nPrivate: yes\n\nIt is cold.\n", `line 4: "Private: yes"`},
		{"only a flag", "Draft: true\nhello\n---\nIt is cold.\n", `line 1: "Draft: true"`},
		{"password", "Title: a\nPassword: x\nhello\n", `line 2: "Password: x"`},
		{"too long", "Draft: true\n" + strings.Repeat("Mood: calm\n", 200), `line 1: "Draft: true"`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p, err := read(tt.file)
			if !errors.Is(err, feed.ErrInvalid) || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("the post is read as %+v with error %v, want an error of kind %q with %s", p, err, feed.ErrInvalid, tt.want)
			}
			p, err = read("---\n---\n" + tt.file)
			if err != nil || p.Status == feed.Draft || !strings.Contains(p.ContentMarkdown, "a") {
				t.Errorf("below empty front matter, the post is read as %+v with error %v, want text", p, err)
			}
		})
	}
}

// TestUnknownAttachment checks that an attachment of an unknown type is left out with a note, and that the post is not
// rejected.
func TestUnknownAttachment(t *testing.T) {
	file := "---\ntitle: Winter\nattachments: [talk.mp3, server.cfg]\n---\nIt is cold.\n"
	for entry, err := range (transfer.Options{}).Read(strings.NewReader(file), "post.md") {
		if err != nil {
			t.Fatal(err)
		}
		p, err := intake.Decode(entry.Post.ID, entry.Post.Raw)
		if err != nil {
			t.Fatal(err)
		}
		if len(p.Attachments) != 1 || p.Attachments[0].URL != "talk.mp3" {
			t.Errorf("attachments are %+v, want talk.mp3", p.Attachments)
		}
		want := []string{`post.md: attachment "server.cfg" is left out, since its type is unknown`}
		if diff := cmp.Diff(want, entry.Notes); diff != "" {
			t.Errorf("notes (-want +got):\n%s", diff)
		}
	}
}
