package main

import (
	"bufio"
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"feedpub/cmd/internal/hosting"
	"feedpub/feed"
	"feedpub/feed/attribution"
	"feedpub/feed/intake"
	"feedpub/feed/markup"
	"feedpub/feed/transfer"
)

// attributed is the result for one post, as it is printed in JSON.
type attributed struct {
	// ID is set with --jsonl, and if the file contains several posts.
	ID          string            `json:"id,omitempty"`
	Quotes      []attributedQuote `json:"quotes"`      // what would be published
	Suggestions []attributedQuote `json:"suggestions"` // not certain enough to publish
	Commentary  []string          `json:"commentary"`
	Via         []feed.Via        `json:"via"`
	PostedBy    string            `json:"posted_by,omitempty"`
	PostedOn    string            `json:"posted_on,omitempty"`
}

// attributedQuote is a quote, as it is printed in JSON.
type attributedQuote struct {
	Publication string   `json:"publication"`
	Headline    string   `json:"headline"`
	Authors     []string `json:"authors"`
	Date        string   `json:"date"` // YYYY-MM-DD
	URL         string   `json:"url"`
	Agencies    []string `json:"agencies"`
	Text        string   `json:"text"` // paragraphs are separated by an empty line
	Confidence  float64  `json:"confidence"`
	Reason      string   `json:"reason"`
}

// maxLine is the maximum length of a line with --jsonl, in bytes: JSON escapes take up to six bytes for each byte of a
// post.
const maxLine = 6 * intake.MaxSize

func newAttribute(env *environment) *cobra.Command {
	var asJSON, asLines bool
	var in attributeInput
	cmd := &cobra.Command{
		Use:   "attribute [FILE]",
		Short: "Show which sources a post credits",
		Long: `Read posts from a file or standard input, and show which credits would be published,
which are only suggested and why, which of the words are quoted and which are the
author's own. Store nothing.

The format is detected as 'serve' and 'import' detect it: Markdown with front matter,
HTML, text, JSON, and the exports of other programs. If a file has several posts,
--json prints a list.

With --jsonl, read lines of {"id", "title", "format", "body"}, where the format is
text, html or markdown, which may have front matter, and print a line of JSON for each.`,
		Example: `  feedpub attribute post.md
  feedpub attribute --format html --json < post.html
  feedpub attribute --jsonl < posts.jsonl > credits.jsonl`,
		Args: atMostOneArg,
		RunE: func(cmd *cobra.Command, args []string) error {
			a, err := env.newAttributer(cmd)
			if err != nil {
				return err
			}
			source, done, err := env.openInput(args)
			if err != nil {
				return err
			}
			defer done()
			if asLines {
				return a.lines(env, source)
			}
			if in.Format != "" && !slices.Contains(transfer.ReadFormats(), transfer.Format(in.Format)) {
				return misused(cmd, fmt.Sprintf("--format %s: want one of %s", in.Format, joined(transfer.ReadFormats())))
			}
			name := "-"
			if len(args) == 1 {
				name = args[0]
			}
			results, err := a.file(source, name, in)
			if err != nil {
				return err
			}
			return env.printResults(results, asJSON)
		},
	}
	addSettings(cmd, "site")
	addJSON(cmd, &asJSON)
	cmd.Flags().StringVar(&in.Format, "format", "", "format of the file: "+joined(transfer.ReadFormats()))
	cmd.Flags().StringVar(&in.Title, "title", "", "`title` of the post, instead of the one in the file")
	cmd.Flags().StringVar(&in.Language, "language", "", "`language` of the post as a BCP 47 tag, by default detected")
	cmd.Flags().BoolVar(&asLines, "jsonl", false, "read and print JSON Lines")
	cmd.MarkFlagsMutuallyExclusive("json", "jsonl")
	return cmd
}

// joined returns the formats as a comma-separated list.
func joined(formats []transfer.Format) string {
	names := make([]string, len(formats))
	for i, f := range formats {
		names[i] = string(f)
	}
	return strings.Join(names, ", ")
}

// openInput opens the file that args name, or standard input if they name none or "-". The caller must
// call done.
func (env *environment) openInput(args []string) (r io.Reader, done func(), err error) {
	if len(args) == 0 || args[0] == "-" {
		return env.stdin, func() {}, nil
	}
	f, err := os.Open(args[0])
	if err != nil {
		return nil, nil, err
	}
	return f, func() { _ = f.Close() }, nil
}

// attributeInput is a text to read credits from. With --jsonl, each input line is such a text in JSON.
type attributeInput struct {
	ID       string `json:"id"`
	Title    string `json:"title"`
	Language string `json:"language"`
	Format   string `json:"format"`
	Body     string `json:"body"`
}

// post returns the text as a post. The error is of kind [feed.ErrInvalid] if the format is unknown.
func (in attributeInput) post() (feed.Post, error) {
	p := feed.Post{ID: cmp.Or(in.ID, "-"), Title: in.Title, Language: in.Language}
	switch markup.Format(in.Format) {
	case markup.Text, "":
		p.ContentText = in.Body
	case markup.HTML:
		p.ContentHTML = in.Body
	case markup.Markdown:
		p.ContentMarkdown = in.Body
	default:
		return p, fmt.Errorf("format %q: want text, html or markdown: %w", in.Format, feed.ErrInvalid)
	}
	return p, nil
}

// attributer reads the credits of posts as a builder does.
type attributer struct {
	reader *attribution.Reader
	intake *intake.Intake
}

func (env *environment) newAttributer(cmd *cobra.Command) (attributer, error) {
	c, err := env.settings(cmd)
	if err == nil {
		c, err = hosting.ChooseSite(c)
	}
	if err != nil {
		return attributer{}, err
	}
	reader, err := hosting.NewReader(c.Attribution)
	if err != nil {
		return attributer{}, err
	}
	return attributer{reader, intake.New(c.FeedSite(), reader)}, nil
}

// readPost is a post and the result of converting it.
type readPost struct {
	id     string
	status feed.Status
	intake.Result
}

// post converts a post. It reads the credits of drafts and private posts, too.
func (a attributer) post(p feed.Post) (readPost, error) {
	read := readPost{id: p.ID, status: p.Status}
	p.Status = ""
	raw, err := intake.Encode(p)
	if err == nil {
		read.Result, err = a.intake.Item(p.ID, raw, feed.Record{ID: p.ID, FirstSeen: time.Unix(0, 0)})
	}
	return read, err
}

// file converts the posts of a file. The title and the language of the input, if given, replace those of each post.
func (a attributer) file(r io.Reader, name string, in attributeInput) ([]readPost, error) {
	if in.Title != "" && transfer.Format(in.Format) == transfer.Text {
		return a.body(r, in) // otherwise the first line would become the title
	}
	var results []readPost
	options := transfer.Options{Format: transfer.Format(in.Format), Reader: a.reader, Pages: true}
	for entry, err := range options.Read(r, name) {
		if err != nil {
			return nil, err
		}
		if entry.Post == nil {
			continue
		}
		p, err := intake.Decode(entry.Post.ID, entry.Post.Raw)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", entry.Pos, err)
		}
		p.Title, p.Language = cmp.Or(in.Title, p.Title), cmp.Or(in.Language, p.Language)
		read, err := a.post(p)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", entry.Pos, err)
		}
		results = append(results, read)
	}
	return results, nil
}

// body converts a post whose body is the whole input.
func (a attributer) body(r io.Reader, in attributeInput) ([]readPost, error) {
	body, err := io.ReadAll(r)
	if err != nil {
		return nil, fmt.Errorf("read the text: %w", err)
	}
	in.Body = string(body)
	p, err := in.post()
	if err != nil {
		return nil, err
	}
	read, err := a.post(p)
	return []readPost{read}, err
}

// line converts the post in a line of JSON. The front matter of Markdown is read as in a file. If it is invalid, all of
// the body is content, because "---" at its beginning can also be a thematic break.
func (a attributer) line(raw []byte) (in attributeInput, read readPost, err error) {
	if err := json.Unmarshal(raw, &in); err != nil {
		return in, readPost{}, err
	}
	if markup.Format(in.Format) == markup.Markdown {
		if results, err := a.file(strings.NewReader(in.Body), "-", in); err == nil && len(results) == 1 {
			return in, results[0], nil
		}
	}
	p, err := in.post()
	if err == nil {
		read, err = a.post(p)
	}
	return in, read, err
}

// lines reads posts from the lines of r and prints a line for each. A line that cannot be read is reported and skipped.
func (a attributer) lines(env *environment, r io.Reader) error {
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, maxLine)
	out := bufio.NewWriter(env.stdout)
	enc := json.NewEncoder(out)
	enc.SetEscapeHTML(false)
	rejected, number := 0, 0
	for lines.Scan() {
		number++
		if len(bytes.TrimSpace(lines.Bytes())) == 0 {
			continue
		}
		in, read, err := a.line(lines.Bytes())
		if err != nil {
			fmt.Fprintf(env.stderr, "feedpub: line %d: %s\n", number, hosting.OneLine(err))
			rejected++
			continue
		}
		if err := enc.Encode(newAttributed(in.ID, read.Result)); err != nil {
			return fmt.Errorf("write the output: %w", err)
		}
	}
	if err := cmp.Or(lines.Err(), out.Flush()); err != nil {
		if errors.Is(err, bufio.ErrTooLong) {
			return fmt.Errorf("line %d is longer than %d bytes", number+1, maxLine)
		}
		return fmt.Errorf("after line %d: %w", number, err)
	}
	if rejected > 0 {
		return errRejected
	}
	return nil
}

func newAttributed(id string, r intake.Result) attributed {
	// Print an empty list rather than null, so that scripts need no special case.
	quotes := func(state intake.CreditState) []attributedQuote {
		to := []attributedQuote{}
		for _, c := range r.Credits {
			if c.State != state {
				continue
			}
			to = append(to, attributedQuote{
				Publication: c.Source.Publication,
				Headline:    c.Source.Headline,
				Authors:     authorNames(c.Source.Authors),
				Date:        c.Source.DatePublished,
				URL:         c.Source.URL,
				Agencies:    append([]string{}, c.Source.Agencies...),
				Text:        c.Text,
				Confidence:  c.Confidence,
				Reason:      c.Reason,
			})
		}
		return to
	}
	a := attributed{
		ID:          id,
		Quotes:      quotes(intake.CreditPublished),
		Suggestions: quotes(intake.CreditSuggested),
		Commentary:  append([]string{}, r.Reading.Commentary...),
		Via:         []feed.Via{},
		PostedBy:    r.Reading.PostedBy,
		PostedOn:    r.Reading.PostedOn,
	}
	if r.Item != nil {
		a.Via = append(a.Via, r.Item.Via...)
	}
	return a
}

func authorNames(authors []feed.Author) []string {
	names := make([]string, 0, len(authors))
	for _, a := range authors {
		names = append(names, a.Name)
	}
	return names
}

// printResults prints the credits of posts as JSON or as text.
func (env *environment) printResults(results []readPost, asJSON bool) error {
	switch {
	case asJSON && len(results) == 1:
		return env.printJSON(newAttributed("", results[0].Result))
	case asJSON:
		list := make([]attributed, len(results))
		for i, r := range results {
			list[i] = newAttributed(r.id, r.Result)
		}
		return env.printJSON(list)
	}
	if len(results) == 0 {
		fmt.Fprintln(env.stdout, "no posts")
	}
	for i, r := range results {
		if len(results) > 1 {
			if i > 0 {
				fmt.Fprintln(env.stdout)
			}
			fmt.Fprintf(env.stdout, "post %s\n", r.id)
		}
		env.printAttributed(r)
	}
	return nil
}

// printAttributed prints the sources, and then the text with the role of each block.
func (env *environment) printAttributed(r readPost) {
	if r.status == feed.Draft || r.status == feed.Private {
		fmt.Fprintf(env.stdout, "the status of the post is %s, so it would not be published\n", r.status)
	}
	if len(r.Credits) == 0 {
		fmt.Fprintln(env.stdout, "no quotes")
	}
	number := 0
	for _, c := range r.Credits {
		label := "suggestion"
		if c.State == intake.CreditPublished {
			number++
			label = fmt.Sprintf("source %d", number)
		}
		env.printCredit(label, c)
	}
	if r.Item != nil {
		for _, v := range r.Item.Via {
			env.printField("via", strings.TrimSpace(v.Name+" "+v.URL))
		}
	}
	env.printField("posted", strings.TrimSpace(r.Reading.PostedBy+" "+r.Reading.PostedOn))
	fmt.Fprintln(env.stdout)
	for _, b := range r.Reading.Blocks {
		fmt.Fprintf(env.stdout, "%-12s| %s\n", b.Role, b.Text)
	}
}

func (env *environment) printCredit(label string, c intake.Credit) {
	fmt.Fprintf(env.stdout, "%s (certainty %.2f)\n", label, c.Confidence)
	env.printField("publication", c.Source.Publication)
	env.printField("headline", c.Source.Headline)
	env.printField("authors", strings.Join(authorNames(c.Source.Authors), ", "))
	env.printField("date", c.Source.DatePublished)
	env.printField("url", c.Source.URL)
	env.printField("agencies", strings.Join(c.Source.Agencies, ", "))
	env.printField("passage", excerpt(c.Text))
	env.printField("reason", c.Reason)
}

// excerpt returns a passage on one line, shortened in the middle.
func excerpt(text string) string {
	const half = 60
	runes := []rune(strings.Join(strings.Fields(text), " "))
	if len(runes) <= 2*half+3 {
		return string(runes)
	}
	return string(runes[:half]) + " … " + string(runes[len(runes)-half:])
}

// printField prints a value with its label, unless the value is empty.
func (env *environment) printField(label, value string) {
	if value != "" {
		fmt.Fprintf(env.stdout, "  %-12s %s\n", label, value)
	}
}
