package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"feedpub/cmd/internal/hosting"
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
		Long: `Store a post from a file or standard input, and replace its earlier version. The post
is a JSON Feed item that may also have quotes, via, status and attribution. A post
that cannot be read is not stored; the location of the error and the reason are printed.

Print the id of the post when it is durable.`,
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
			w, _, err := env.openWriter(cmd)
			if err != nil {
				return err
			}
			defer w.Close()
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
		Long:    "Print a post as it was stored to standard output, and its status to standard error.",
		Example: "  feedpub post get hello | jq .title",
		Args:    exactArgs("the id of a post"),
		RunE: func(cmd *cobra.Command, args []string) error {
			site, err := env.openBuilt(cmd)
			if err != nil {
				return err
			}
			defer site.Close()
			raw, err := site.Store.Post(cmd.Context(), args[0])
			if errors.Is(err, feed.ErrNotFound) {
				return noPost(args[0])
			}
			if err != nil {
				return getError(cmd.Context(), site, args[0], err)
			}
			if !bytes.HasSuffix(raw, []byte("\n")) {
				raw = append(raw, '\n')
			}
			if _, err := env.stdout.Write(raw); err != nil {
				return fmt.Errorf("write the post: %w", err)
			}
			x, err := site.Explain(cmd.Context(), args[0], "")
			if err != nil {
				return err
			}
			fmt.Fprintf(env.stderr, "%s: %s\n", x.Status, visible(x.Reason))
			return nil
		},
	}
	addSettings(cmd, storeFlags...)
	return cmd
}

// getError returns an error for a post that could not be read. If the value stored under its key is
// not a post, the error says so instead of repeating the store's error.
func getError(ctx context.Context, site *hosting.Site, id string, err error) error {
	if x, explainErr := site.Explain(ctx, id, ""); explainErr == nil && x.Status == feed.PostRejected {
		return fmt.Errorf("the post %q is %s: %s", id, x.Status, visible(x.Reason))
	}
	return fmt.Errorf("get the post: %w", err)
}

func newPostDelete(env *environment) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "delete ID...",
		Short: "Delete posts",
		Long: `Delete posts. The next rebuild removes them from the feeds. Deleting a post
that is listed as missing confirms that it was deleted.`,
		Example: "  feedpub post delete hello",
		Args:    someArgs("id of a post"),
		RunE: func(cmd *cobra.Command, args []string) error {
			w, _, err := env.openWriter(cmd)
			if err != nil {
				return err
			}
			defer w.Close()
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

// noPost returns the error for a post that does not exist.
func noPost(id string) error {
	return fmt.Errorf("there is no post with the id %q; 'feedpub post list' lists all posts", id)
}

// postLine describes a post in the list.
type postLine struct {
	ID            string          `json:"id"`
	Title         string          `json:"title,omitempty"`
	DatePublished time.Time       `json:"date_published,omitzero"` // when the post was first seen, if it has no date
	Status        feed.PostStatus `json:"status"`
}

func newPostList(env *environment) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List the posts by id",
		Long: `List all posts by id with their status: published, scheduled, draft, private, rejected, or
waiting to be absorbed. 'feedpub explain ID' explains the status of one.`,
		Example: "  feedpub post list\n  feedpub post list --json | jq -r '.[] | select(.status == \"draft\").id'",
		Args:    noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			site, err := env.openBuilt(cmd)
			if err != nil {
				return err
			}
			defer site.Close()
			lines, err := listPosts(cmd.Context(), site)
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

// listPosts returns all posts, sorted by id.
func listPosts(ctx context.Context, site *hosting.Site) ([]postLine, error) {
	ids, err := site.PostIDs(ctx)
	if err != nil {
		return nil, err
	}
	status, err := site.Statuses(ctx)
	if err != nil {
		return nil, err
	}
	lines := make([]postLine, 0, len(ids))
	err = site.Load(ctx, ids, func(s feed.StoredPost) error {
		if s.Raw == nil && s.Unreadable == "" {
			return nil // the post was deleted after it was listed
		}
		l := postLine{ID: s.ID, Status: status(s)}
		if p, err := intake.Decode(s.ID, s.Raw); err == nil {
			l.Title, l.DatePublished = p.Title, p.DatePublished
			if l.DatePublished.IsZero() {
				l.DatePublished = s.Record.FirstSeen
			}
		}
		lines = append(lines, l)
		return nil
	})
	return lines, err
}

// decodePost decodes a post in JSON, which must have an id. It returns the errors of [intake.Decode].
func decodePost(raw []byte) (feed.RawPost, error) {
	raw = bytes.TrimSpace(bytes.TrimPrefix(raw, []byte("\ufeff")))
	// If the id is missing, Decode takes it from the key of the post, but this post has no key yet.
	var own struct{ ID string }
	if err := json.Unmarshal(raw, &own); err == nil && own.ID == "" {
		return feed.RawPost{}, &intake.Error{Place: "id", Reason: "is missing; give the post an id that never changes"}
	}
	if _, err := intake.Decode(own.ID, raw); err != nil {
		return feed.RawPost{}, err
	}
	return feed.RawPost{ID: own.ID, Raw: raw}, nil
}
