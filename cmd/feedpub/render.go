package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"feedpub/feed"
	"feedpub/feed/coding"
)

func newRender(env *environment) *cobra.Command {
	format := string(feed.Atom)
	cmd := &cobra.Command{
		Use:   "render [FEED]",
		Short: "Write one document to standard output",
		Long: `Write the document of a feed, by default the main one, to standard output: the
published one while a server builds, else as the posts are now, if they are in a
folder.`,
		Example: "  feedpub render\n  feedpub render tags/go --format json | jq .items[0]",
		Args:    atMostOneArg,
		RunE: func(cmd *cobra.Command, args []string) error {
			f, err := feed.ParseFormat(format)
			if err != nil {
				return misused(cmd, err.Error())
			}
			name := feed.Main
			if len(args) > 0 {
				name = feed.Name(args[0])
			}
			w, err := env.openBuilt(cmd)
			if err != nil {
				return err
			}
			defer w.close()
			body, err := w.document(cmd.Context(), name, f)
			if err != nil {
				return err
			}
			if _, err := env.stdout.Write(body); err != nil {
				return fmt.Errorf("write the document: %w", err)
			}
			return nil
		},
	}
	addSettings(cmd, storeFlags...)
	cmd.Flags().StringVar(&format, "format", format, "rss, atom or json")
	return cmd
}

// document returns the identity bytes of a feed's document.
func (w *workplace) document(ctx context.Context, name feed.Name, format feed.Format) ([]byte, error) {
	head, err := w.Head(ctx, name)
	if errors.Is(err, feed.ErrNotFound) {
		return nil, fmt.Errorf("there is no feed %q; 'feedpub feeds' lists those there are", name)
	}
	if err != nil {
		return nil, fmt.Errorf("render: %w", err)
	}
	ref, ok := head.Document(format)
	if !ok {
		return nil, fmt.Errorf("the feed %s has no document in the format %s", name, format)
	}
	blob, err := w.Blob(ctx, ref.Hash)
	if err != nil {
		return nil, fmt.Errorf("render: %w", err)
	}
	body, err := coding.Body(blob)
	if err != nil {
		return nil, fmt.Errorf("render: document %s: %w", ref.Hash, err)
	}
	return body, nil
}
