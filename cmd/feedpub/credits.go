package main

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"feedpub/cmd/internal/hosting"
	"feedpub/feed"
	"feedpub/feed/intake"
)

// listedCredit is a credit in JSON.
type listedCredit struct {
	Post   string `json:"post"`
	Number int    `json:"number"` // 1-based position among the credits of the post
	intake.Credit
}

func newCredits(env *environment) *cobra.Command {
	var asJSON, suggested bool
	var posts []string
	cmd := &cobra.Command{
		Use:   "credits",
		Short: "List the credits of posts, and decide about them",
		Long: `List the credits that are read from the posts: the published ones, the suggestions,
which are not certain enough to publish, and those that a decision withholds. Each has
its passage, the reason and the certainty, from 0 to 1.

'credits accept' publishes a suggestion, 'credits reject' withholds a credit, and
'credits edit' changes one. Decisions are stored separately from the post,
so they outlast its versions; they are also exported and imported. A decision about
words that the post no longer contains is dormant; it is listed, and applies again when
the words return. A running server applies each decision.`,
		Example: `  feedpub credits --suggested
  feedpub credits --post hello --json
  feedpub credits accept hello#2`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			site, err := env.open(cmd)
			if err != nil {
				return err
			}
			defer site.Close()
			list, err := listCredits(cmd.Context(), site, posts, suggested)
			if err != nil {
				return err
			}
			if asJSON {
				return env.printJSON(list)
			}
			env.printCredits(list)
			return nil
		},
	}
	addSettings(cmd, storeFlags...)
	addJSON(cmd, &asJSON)
	cmd.Flags().BoolVar(&suggested, "suggested", false, "list only suggestions")
	cmd.Flags().StringArrayVar(&posts, "post", nil, "list only the credits of the post with this `id`; may be repeated")
	cmd.AddCommand(
		newDecide(env, "accept", "Publish credits as they were read", feed.Accepted),
		newDecide(env, "reject", "Do not publish credits", feed.Rejected),
		newEditCredit(env),
		newDecide(env, "clear", "Withdraw decisions about credits", ""),
	)
	return cmd
}

// listCredits returns the credits of the posts with the given ids, or of all posts.
func listCredits(ctx context.Context, site *hosting.Site, ids []string, suggested bool) ([]listedCredit, error) {
	list := []listedCredit{}
	add := func(p intake.PostCredits) error {
		for i, c := range p.Credits {
			if !suggested || c.State == intake.CreditSuggested {
				list = append(list, listedCredit{p.ID, i + 1, c})
			}
		}
		return nil
	}
	credits := site.Credits()
	for _, id := range ids {
		p, err := credits.Post(ctx, id)
		if errors.Is(err, feed.ErrNotFound) {
			return nil, noPost(id)
		}
		if err != nil {
			return nil, fmt.Errorf("post %q: %w", id, err)
		}
		_ = add(p) // add returns no errors
	}
	if len(ids) > 0 {
		return list, nil
	}
	ids, err := site.PostIDs(ctx)
	if err == nil {
		err = credits.Each(ctx, ids, add)
	}
	if err != nil {
		return nil, fmt.Errorf("list credits: %w", err)
	}
	return list, nil
}

// printCredits prints credits as text.
func (env *environment) printCredits(list []listedCredit) {
	if len(list) == 0 {
		fmt.Fprintln(env.stdout, "no credits")
	}
	for _, c := range list {
		env.printCredit(fmt.Sprintf("%s#%d  %s", c.Post, c.Number, c.State), c.Credit)
	}
}

// newDecide returns a command that makes the same decision about several credits. An empty verdict withdraws decisions.
func newDecide(env *environment, name, short string, verdict feed.Verdict) *cobra.Command {
	cmd := &cobra.Command{
		Use:   name + " ID[#n]...",
		Short: short,
		Long: short + `. A credit is given by the id of its post, and its number in
'feedpub credits' if the post has several credits. Print the credits of each post with
the decision.`,
		Example: "  feedpub credits " + name + " hello\n  feedpub credits " + name + " hello#2 notes/pier.md",
		Args:    someArgs("ID[#n] of a credit"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return env.decide(cmd, args, intake.Change{Verdict: verdict})
		},
	}
	addSettings(cmd, storeFlags...)
	return cmd
}

// decide makes a decision about the credits that arguments name, and prints the credits of each post.
func (env *environment) decide(cmd *cobra.Command, args []string, change intake.Change) error {
	site, err := env.open(cmd)
	if err != nil {
		return err
	}
	defer site.Close()
	credits := site.Credits()
	// Find all credits before the first decision, because a decision may change the numbers of other credits.
	chosen := make([]chosenCredit, len(args))
	for i, arg := range args {
		if chosen[i], err = chooseCredit(cmd.Context(), credits, arg); err != nil {
			return err
		}
	}
	for i, c := range chosen {
		change.Key = c.key
		p, err := credits.Decide(cmd.Context(), c.post, change)
		if err != nil {
			return decisionError(args[i], err)
		}
		list := make([]listedCredit, len(p.Credits))
		for i, c := range p.Credits {
			list[i] = listedCredit{p.ID, i + 1, c}
		}
		env.printCredits(list)
	}
	return nil
}

// chosenCredit is the post and the key of a credit.
type chosenCredit struct{ post, key string }

// chooseCredit returns the credit that an argument of the form ID or ID#n names. An id may contain a #.
func chooseCredit(ctx context.Context, credits *hosting.Credits, arg string) (chosenCredit, error) {
	number := 0
	p, err := credits.Post(ctx, arg)
	if errors.Is(err, feed.ErrNotFound) {
		var id string
		id, number = cutNumber(arg)
		if p, err = credits.Post(ctx, id); errors.Is(err, feed.ErrNotFound) {
			return chosenCredit{}, noPost(id)
		}
	}
	if err != nil {
		return chosenCredit{}, decisionError(arg, err)
	}
	c, err := intake.Change{Number: number}.Choose(p)
	if err != nil {
		return chosenCredit{}, decisionError(arg, err)
	}
	return chosenCredit{p.ID, c.Key}, nil
}

// decisionError returns err without the text of its kind, which users do not need.
func decisionError(arg string, err error) error {
	text := hosting.OneLine(err)
	for _, kind := range []error{feed.ErrInvalid, feed.ErrNotFound} {
		text = strings.TrimSuffix(text, ": "+kind.Error())
	}
	return fmt.Errorf("%s: %s", arg, text)
}

// cutNumber cuts the number from ID#n. It returns 0 if there is none.
func cutNumber(arg string) (id string, n int) {
	i := strings.LastIndexByte(arg, '#')
	if i < 0 {
		return arg, 0
	}
	n, err := strconv.Atoi(arg[i+1:])
	if err != nil || n < 1 {
		return arg, 0
	}
	return arg[:i], n
}

// editedCredit holds the flags of 'credits edit'.
type editedCredit struct {
	publication, headline, date, url, text string
	authors                                []string
}

func newEditCredit(env *environment) *cobra.Command {
	var e editedCredit
	cmd := &cobra.Command{
		Use:   "edit ID[#n]",
		Short: "Publish a credit with changes",
		Long: `Publish a credit with changes. Fields without a flag stay as they were read; an empty value
removes a field. A new passage must be in the post, since it is marked there; an empty one
leaves a credit without a passage.`,
		Example: `  feedpub credits edit hello --publication 'Quay Courier' --author 'Ann Ross'
  feedpub credits edit hello#2 --url https://quay.example/late --text ''`,
		Args: exactArgs("ID[#n] of a credit"),
		RunE: func(cmd *cobra.Command, args []string) error {
			changed := false
			for _, name := range []string{"publication", "headline", "author", "date", "url", "text"} {
				changed = changed || cmd.Flags().Changed(name)
			}
			if !changed {
				return misused(cmd, "nothing to change: give --publication, --headline, --author, --date, --url or --text")
			}
			return env.decide(cmd, args, intake.Change{Verdict: feed.Edited, Edit: e.edits(cmd.Flags().Changed).Apply})
		},
	}
	addSettings(cmd, storeFlags...)
	cmd.Flags().StringVar(&e.publication, "publication", "", "`name` of the publication")
	cmd.Flags().StringVar(&e.headline, "headline", "", "`headline` of the article")
	cmd.Flags().StringArrayVar(&e.authors, "author", nil, "`name` of an author; may be repeated")
	cmd.Flags().StringVar(&e.date, "date", "", "`date` of the article, YYYY-MM-DD")
	cmd.Flags().StringVar(&e.url, "url", "", "`URL` of the article")
	cmd.Flags().StringVar(&e.text, "text", "", "the `passage`, as it is in the post")
	return cmd
}

// edits returns the edits that the given flags specify.
func (e *editedCredit) edits(given func(name string) bool) intake.Edits {
	var x intake.Edits
	for name, field := range map[string]struct {
		to    **string
		value *string
	}{
		"publication": {&x.Publication, &e.publication}, "headline": {&x.Headline, &e.headline},
		"date": {&x.Date, &e.date}, "url": {&x.URL, &e.url}, "text": {&x.Text, &e.text},
	} {
		if given(name) {
			*field.to = field.value
		}
	}
	if given("author") {
		x.Authors = &e.authors
	}
	return x
}
