package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"feedpub/feed"
	"feedpub/feed/intake"
)

func newPost(env *environment) *cobra.Command {
	cmd := &cobra.Command{
		Use:     "post",
		Short:   "Put, get, list, delete or check single posts",
		Example: "  feedpub post put hello.json\n  feedpub post list",
		Args:    noArgs,
		RunE:    func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(newPostPut(env), newPostGet(env), newPostList(env), newPostDelete(env), newPostCheck(env))
	return cmd
}

func newPostPut(env *environment) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "put [FILE]",
		Short: "Store a post",
		Long: `Store a post, new or in place of its earlier version, from a file or standard input.
It is a JSON Feed item, perhaps with quotes, via, status and attribution beside it.
A post that could not be published is refused, with the place and the reason.

Its id is printed once it is stored for good.`,
		Example: `  feedpub post put hello.json
  echo '{"id": "hello", "content_text": "Hello."}' | feedpub post put`,
		Args: atMostOneArg,
		RunE: func(cmd *cobra.Command, args []string) error {
			source, doneReading, err := env.openInput(args)
			if err != nil {
				return err
			}
			defer doneReading()
			raw, err := io.ReadAll(io.LimitReader(source, intake.MaxSize+1))
			if err != nil {
				return fmt.Errorf("read the post: %w", err)
			}
			post, err := decodePost(raw)
			if err != nil {
				return fmt.Errorf("the post was not stored: %w", err)
			}
			w, _, done, err := env.openToWrite(cmd)
			if err != nil {
				return err
			}
			defer done()
			if err := w.Put(cmd.Context(), post); err != nil {
				return fmt.Errorf("store the post: %w", err)
			}
			fmt.Fprintln(env.stdout, post.ID)
			return nil
		},
	}
	addSettings(cmd, storeFlags...)
	return cmd
}

func newPostGet(env *environment) *cobra.Command {
	cmd := &cobra.Command{
		Use:     "get ID",
		Short:   "Print a post as it was stored",
		Example: "  feedpub post get hello | jq .title",
		Args:    exactArgs("the id of a post"),
		RunE: func(cmd *cobra.Command, args []string) error {
			w, err := env.open(cmd)
			if err != nil {
				return err
			}
			defer w.close()
			raw, err := w.Post(cmd.Context(), args[0])
			if errors.Is(err, feed.ErrNotFound) {
				return noPost(args[0])
			}
			if err != nil {
				return fmt.Errorf("get the post: %w", err)
			}
			if !bytes.HasSuffix(raw, []byte("\n")) {
				raw = append(raw, '\n')
			}
			if _, err := env.stdout.Write(raw); err != nil {
				return fmt.Errorf("write the post: %w", err)
			}
			return nil
		},
	}
	addSettings(cmd, storeFlags...)
	return cmd
}

func newPostDelete(env *environment) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "delete ID...",
		Short: "Delete posts",
		Long: `Delete posts. They leave the feeds with the next build. Deleting a post that went
missing confirms that it is gone.`,
		Example: "  feedpub post delete hello",
		Args:    someArgs("id of a post"),
		RunE: func(cmd *cobra.Command, args []string) error {
			w, _, done, err := env.openToWrite(cmd)
			if err != nil {
				return err
			}
			defer done()
			for _, id := range args {
				if err := w.Delete(cmd.Context(), id); errors.Is(err, feed.ErrNotFound) {
					return noPost(id)
				} else if err != nil {
					return fmt.Errorf("delete the post %q: %w", id, err)
				}
			}
			return nil
		},
	}
	addSettings(cmd, storeFlags...)
	return cmd
}

func noPost(id string) error {
	return fmt.Errorf("there is no post with the id %q; 'feedpub post list' lists those there are", id)
}

// postLine is what the list of posts says of one.
type postLine struct {
	ID            string      `json:"id"`
	Title         string      `json:"title,omitempty"`
	DatePublished time.Time   `json:"date_published,omitzero"` // when it was first seen if it has no date
	Status        feed.Status `json:"status"`                  // "rejected" for one that cannot be read
}

// statusRejected stands in the list for the status of a post that cannot be read.
const statusRejected feed.Status = "rejected"

func newPostList(env *environment) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:     "list",
		Short:   "List the posts by id",
		Long:    "List all posts by id: published ones, drafts, private ones, and those that cannot be read.",
		Example: "  feedpub post list\n  feedpub post list --json | jq -r '.[] | select(.status == \"draft\").id'",
		Args:    noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			w, err := env.open(cmd)
			if err != nil {
				return err
			}
			defer w.close()
			lines, err := w.listPosts(cmd.Context())
			if err != nil {
				return fmt.Errorf("list posts: %w", err)
			}
			if asJSON {
				return env.printJSON(lines)
			}
			rows := [][]string{{"ID", "STATUS", "PUBLISHED", "TITLE"}}
			for _, l := range lines {
				date := ""
				if !l.DatePublished.IsZero() {
					date = l.DatePublished.Format(time.RFC3339)
				}
				rows = append(rows, []string{l.ID, string(l.Status), date, l.Title})
			}
			return env.printTable(rows)
		},
	}
	addSettings(cmd, storeFlags...)
	addJSON(cmd, &asJSON)
	return cmd
}

func (w *workplace) listPosts(ctx context.Context) ([]postLine, error) {
	ids, err := w.sortedIDs(ctx)
	if err != nil {
		return nil, err
	}
	lines := make([]postLine, 0, len(ids))
	err = w.load(ctx, ids, func(s feed.StoredPost) error {
		if s.Raw == nil {
			return nil // deleted since
		}
		l := postLine{ID: s.ID, Status: statusRejected}
		if p, err := intake.Decode(s.ID, s.Raw); err == nil {
			l.Title, l.DatePublished, l.Status = p.Title, p.DatePublished, p.Status
			if l.Status == "" {
				l.Status = feed.Published
			}
			if l.DatePublished.IsZero() {
				l.DatePublished = s.Record.FirstSeen
			}
		}
		lines = append(lines, l)
		return nil
	})
	return lines, err
}

// sortedIDs returns the ids of all posts in order, each once.
func (w *workplace) sortedIDs(ctx context.Context) ([]string, error) {
	var ids []string
	for batch, err := range w.PostIDs(ctx) {
		if err != nil {
			return nil, err
		}
		ids = append(ids, batch...)
	}
	slices.Sort(ids)
	return slices.Compact(ids), nil
}

// decodePost returns a post as it is to be stored, from JSON that has to have an id. It checks what [intake.Decode] does.
func decodePost(raw []byte) (feed.RawPost, error) {
	raw = bytes.TrimSpace(bytes.TrimPrefix(raw, []byte("\ufeff")))
	// There is no key yet that the post could be kept under, so it is asked for its id first. What is wrong with it is
	// told by Decode.
	var own struct{ ID string }
	if err := json.Unmarshal(raw, &own); err == nil && own.ID == "" {
		return feed.RawPost{}, &intake.Error{Place: "id", Reason: "is missing; give the post one that never changes"}
	}
	if _, err := intake.Decode(own.ID, raw); err != nil {
		return feed.RawPost{}, err
	}
	return feed.RawPost{ID: own.ID, Raw: raw}, nil
}
