package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"feedpub/cmd/internal/hosting"
	"feedpub/config"
	"feedpub/feed"
	"feedpub/feed/intake"
	"feedpub/feed/transfer"
)

func newPostCheck(env *environment) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "check [FILE]...",
		Short: "Check posts without storing them",
		Long: `Check posts before they are stored. Each file, or standard input, contains one post in JSON
or several in JSON Lines. Files in Markdown, HTML and plain text are read as in a
served folder, by their extension. No store is needed.

Also print notes on what is valid but probably a mistake: unknown members,
characters that documents cannot contain, and credits that are not certain enough to
publish.

The exit status is 1 if a post would be rejected.`,
		Example: `  feedpub post check hello.json post.md
  my-program | feedpub post check`,
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := env.settings(cmd)
			if err == nil {
				c, err = hosting.ChooseSite(c)
			}
			if err != nil {
				return err
			}
			checker, err := newPostChecker(c)
			if err != nil {
				return err
			}
			if len(args) == 0 {
				args = []string{"-"}
			}
			results := []postCheck{}
			for _, name := range args {
				raw, err := env.readFile(name)
				if err != nil {
					return err
				}
				results = append(results, checker.file(name, raw)...)
			}
			return env.printChecks(results, asJSON)
		},
	}
	addSettings(cmd, "site")
	addJSON(cmd, &asJSON)
	return cmd
}

// readFile reads a whole file, or standard input if the name is -.
func (env *environment) readFile(name string) ([]byte, error) {
	source, done, err := env.openInput([]string{name})
	if err != nil {
		return nil, err
	}
	defer done()
	raw, err := io.ReadAll(source)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", name, err)
	}
	return raw, nil
}

// postCheck is the result of checking one post.
type postCheck struct {
	File   string   `json:"file"`
	Line   int      `json:"line,omitempty"` // 1-based line number in JSON Lines input; 0 otherwise
	ID     string   `json:"id,omitempty"`
	OK     bool     `json:"ok"`
	Place  string   `json:"place,omitempty"`
	Reason string   `json:"reason,omitempty"`
	Notes  []string `json:"notes,omitempty"`
}

// at returns the position of the post.
func (p postCheck) at() string {
	if p.Line > 0 {
		return fmt.Sprintf("%s line %d", p.File, p.Line)
	}
	return p.File
}

// printChecks prints the results, and returns an error if a post would be rejected.
func (env *environment) printChecks(results []postCheck, asJSON bool) error {
	wrong := 0
	for _, r := range results {
		if !r.OK {
			wrong++
		}
	}
	if asJSON {
		if err := env.printJSON(results); err != nil {
			return err
		}
	} else {
		for _, r := range results {
			if r.OK {
				fmt.Fprintf(env.stdout, "ok     %s: %s\n", r.at(), r.ID)
			} else {
				fmt.Fprintf(env.stdout, "wrong  %s: %s\n", r.at(), (&intake.Error{Place: r.Place, Reason: r.Reason}).Error())
			}
			for _, note := range r.Notes {
				fmt.Fprintf(env.stdout, "note   %s: %s\n", r.at(), note)
			}
		}
	}
	if wrong > 0 {
		return fmt.Errorf("%d of %d posts would be rejected", wrong, len(results))
	}
	return nil
}

// postChecker absorbs posts as a builder does, and discards the items.
type postChecker struct {
	intake *intake.Intake
	files  transfer.Options // for decoding files as in a served folder
}

func newPostChecker(c config.Config) (postChecker, error) {
	reader, err := hosting.NewReader(c.Attribution)
	if err != nil {
		return postChecker{}, err
	}
	return postChecker{intake.New(c.FeedSite(), reader), transfer.Options{Reader: reader}}, nil
}

// file checks the post in a file, or each line of a JSON Lines file. A file is JSON Lines if it has several lines
// and the first one is valid JSON.
func (pc postChecker) file(name string, raw []byte) []postCheck {
	switch strings.ToLower(filepath.Ext(name)) {
	case ".md", ".markdown", ".html", ".htm", ".txt":
		posts, err := pc.files.Decode(filepath.ToSlash(name), raw)
		if err != nil {
			return []postCheck{{File: name, Reason: err.Error()}}
		}
		var results []postCheck
		for _, p := range posts {
			results = append(results, pc.post(postCheck{File: name}, p.Raw))
		}
		return results
	}
	first, rest, _ := bytes.Cut(bytes.TrimSpace(raw), []byte("\n"))
	if len(bytes.TrimSpace(rest)) == 0 || !json.Valid(first) {
		return []postCheck{pc.post(postCheck{File: name}, raw)}
	}
	var results []postCheck
	number := 0
	for line := range bytes.Lines(raw) {
		number++
		if len(bytes.TrimSpace(line)) > 0 {
			results = append(results, pc.post(postCheck{File: name, Line: number}, line))
		}
	}
	return results
}

// post checks the post raw and returns c with the result filled in.
func (pc postChecker) post(c postCheck, raw []byte) postCheck {
	post, err := decodePost(raw)
	var result intake.Result
	if err == nil {
		c.ID = post.ID
		// A post without a date gets the time at which it was first seen. The value does not matter here.
		result, err = pc.intake.Item(post.ID, post.Raw, feed.Record{ID: post.ID, FirstSeen: time.Unix(0, 0)})
	}
	if err != nil {
		c.Reason = err.Error()
		if fault := new(intake.Error); errors.As(err, &fault) {
			c.Place, c.Reason = fault.Place, fault.Reason
		}
		return c
	}
	c.OK = true
	if decoded, err := intake.Decode(post.ID, post.Raw); err == nil {
		for _, member := range slices.Sorted(maps.Keys(decoded.Unknown)) {
			if !strings.HasPrefix(member, "_") { // JSON Feed's extensions
				c.Notes = append(c.Notes, fmt.Sprintf("the %q member is unknown; it is stored, but not published", member))
			}
		}
	}
	if result.Replaced.Count > 0 {
		c.Notes = append(c.Notes, result.Replaced.Place+": "+result.Replaced.String())
	}
	c.Notes = append(c.Notes, result.Notes...)
	for _, q := range result.Suggestions {
		if q.IsDoubt() {
			c.Notes = append(c.Notes,
				fmt.Sprintf("the credit of %q is not certain enough to publish; state it in the \"quotes\" member",
					q.Source.Label()))
		}
	}
	return c
}
