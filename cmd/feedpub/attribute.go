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

	"github.com/spf13/cobra"

	"feedpub/cmd/internal/hosting"
	"feedpub/feed"
	"feedpub/feed/attribution"
	"feedpub/feed/intake"
	"feedpub/feed/markup"
)

// attributed is the result for a text in JSON.
type attributed struct {
	ID          string            `json:"id,omitempty"` // set only with --jsonl
	Quotes      []attributedQuote `json:"quotes"`
	Suggestions []attributedQuote `json:"suggestions"` // quotes not certain enough to publish
	Commentary  []string          `json:"commentary"`
	Via         []feed.Via        `json:"via"`
	PostedBy    string            `json:"posted_by,omitempty"`
	PostedOn    string            `json:"posted_on,omitempty"`
}

// attributedQuote is a quote in JSON.
type attributedQuote struct {
	Publication string           `json:"publication"`
	Headline    string           `json:"headline"`
	Authors     []string         `json:"authors"`
	Date        string           `json:"date"` // YYYY-MM-DD
	URL         string           `json:"url"`
	Agencies    []string         `json:"agencies"`
	Kind        attribution.Kind `json:"kind"`
	Text        string           `json:"text"` // paragraphs are separated by an empty line
	Confidence  float64          `json:"confidence"`
}

// maxLine is the maximum length of a line with --jsonl, in bytes: JSON escapes take up to six bytes for each byte of a
// post.
const maxLine = 6 * intake.MaxSize

func newAttribute(env *environment) *cobra.Command {
	var asJSON, asLines bool
	in := attributeInput{Format: string(markup.Text)}
	cmd := &cobra.Command{
		Use:   "attribute [FILE]",
		Short: "Show which sources a text credits",
		Long: `Read a text from a file or standard input, and show which sources it credits, which of
its words are quoted and which are the author's own. Store nothing.

With --jsonl, read lines of {"id", "title", "format", "body"}, and print a line of
JSON for each.`,
		Example: `  feedpub attribute post.txt
  feedpub attribute --format html --json < post.html
  feedpub attribute --jsonl < posts.jsonl > credits.jsonl`,
		Args: atMostOneArg,
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := env.settings(cmd)
			if err != nil {
				return err
			}
			reader, err := hosting.NewReader(c.Attribution)
			if err != nil {
				return err
			}
			source, done, err := env.openInput(args)
			if err != nil {
				return err
			}
			defer done()
			if asLines {
				return env.attributeLines(reader, source)
			}
			body, err := io.ReadAll(source)
			if err != nil {
				return fmt.Errorf("read the text: %w", err)
			}
			in.Body = string(body)
			result, err := in.read(reader)
			switch {
			case err != nil && !isTextFormat(in.Format):
				return misused(cmd, err.Error())
			case err != nil:
				return err
			case asJSON:
				return env.printJSON(newAttributed("", result))
			}
			env.printAttributed(result)
			return nil
		},
	}
	addSettings(cmd)
	addJSON(cmd, &asJSON)
	cmd.Flags().StringVar(&in.Format, "format", in.Format, "read text, html or markdown")
	cmd.Flags().StringVar(&in.Title, "title", "", "`title` of the post")
	cmd.Flags().StringVar(&in.Language, "language", "", "`language` of the text as a BCP 47 tag, by default detected")
	cmd.Flags().BoolVar(&asLines, "jsonl", false, "read and print JSON Lines")
	cmd.MarkFlagsMutuallyExclusive("json", "jsonl")
	return cmd
}

// openInput opens the file that args name, or standard input if they name none or "-". The caller calls done.
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

// isTextFormat reports whether s is a valid value of --format.
func isTextFormat(s string) bool {
	return slices.Contains([]markup.Format{markup.Text, markup.HTML, markup.Markdown}, markup.Format(s))
}

// read reads the credits from the text.
func (in attributeInput) read(reader *attribution.Reader) (attribution.Result, error) {
	if !isTextFormat(in.Format) {
		return attribution.Result{}, fmt.Errorf("format %q: want text, html or markdown: %w", in.Format, feed.ErrInvalid)
	}
	body, err := markup.Parse(markup.Format(in.Format), in.Body)
	if err != nil {
		return attribution.Result{}, err
	}
	return reader.Read(attribution.Input{Body: body, Title: in.Title, Language: in.Language}), nil
}

// attributeLines prints a line for each line of r. A line that cannot be read is reported and skipped.
func (env *environment) attributeLines(reader *attribution.Reader, r io.Reader) error {
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
		in := attributeInput{Format: string(markup.Text)}
		err := json.Unmarshal(lines.Bytes(), &in)
		var result attribution.Result
		if err == nil {
			result, err = in.read(reader)
		}
		if err != nil {
			fmt.Fprintf(env.stderr, "feedpub: line %d: %s\n", number, hosting.OneLine(err))
			rejected++
			continue
		}
		if err := enc.Encode(newAttributed(in.ID, result)); err != nil {
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

func newAttributed(id string, r attribution.Result) attributed {
	// Print an empty list rather than null, so that scripts need no special case.
	quotes := func(from []attribution.Quote) []attributedQuote {
		to := make([]attributedQuote, 0, len(from))
		for _, q := range from {
			to = append(to, attributedQuote{
				Publication: q.Source.Publication,
				Headline:    q.Source.Headline,
				Authors:     authorNames(q.Source.Authors),
				Date:        q.Source.DatePublished,
				URL:         q.Source.URL,
				Agencies:    append([]string{}, q.Source.Agencies...),
				Kind:        q.Kind,
				Text:        q.Text,
				Confidence:  q.Confidence,
			})
		}
		return to
	}
	return attributed{
		ID:          id,
		Quotes:      quotes(r.Quotes),
		Suggestions: quotes(r.Suggestions),
		Commentary:  append([]string{}, r.Commentary...),
		Via:         append([]feed.Via{}, r.Via...),
		PostedBy:    r.PostedBy,
		PostedOn:    r.PostedOn,
	}
}

func authorNames(authors []feed.Author) []string {
	names := make([]string, 0, len(authors))
	for _, a := range authors {
		names = append(names, a.Name)
	}
	return names
}

// printAttributed prints the sources, and then the text with the role of each block.
func (env *environment) printAttributed(r attribution.Result) {
	if len(r.Quotes)+len(r.Suggestions) == 0 {
		fmt.Fprintln(env.stdout, "no quotes")
	}
	for i, q := range r.Quotes {
		env.printSource(fmt.Sprintf("source %d", i+1), q)
	}
	for _, q := range r.Suggestions {
		env.printSource("suggestion", q)
	}
	for _, v := range r.Via {
		env.printField("via", strings.TrimSpace(v.Name+" "+v.URL))
	}
	env.printField("posted", strings.TrimSpace(r.PostedBy+" "+r.PostedOn))
	fmt.Fprintln(env.stdout)
	for _, b := range r.Blocks {
		role := string(b.Role)
		if b.Quote >= 0 && (b.Role == attribution.Passage || b.Role == attribution.Credit) {
			role = fmt.Sprintf("%s %d", b.Role, b.Quote+1)
		}
		fmt.Fprintf(env.stdout, "%-12s| %s\n", role, b.Text)
	}
}

func (env *environment) printSource(label string, q attribution.Quote) {
	fmt.Fprintf(env.stdout, "%s (%s, confidence %.2f)\n", label, q.Kind, q.Confidence)
	env.printField("publication", q.Source.Publication)
	env.printField("headline", q.Source.Headline)
	env.printField("authors", strings.Join(authorNames(q.Source.Authors), ", "))
	env.printField("date", q.Source.DatePublished)
	env.printField("url", q.Source.URL)
	env.printField("agencies", strings.Join(q.Source.Agencies, ", "))
}

// printField prints a value with its label, unless the value is empty.
func (env *environment) printField(label, value string) {
	if value != "" {
		fmt.Fprintf(env.stdout, "  %-12s %s\n", label, value)
	}
}
