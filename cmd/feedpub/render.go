package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"feedpub/feed"
	"feedpub/feed/coding"
	"feedpub/store"
)

func newRender(env *environment) *cobra.Command {
	format := string(feed.Atom)
	cmd := &cobra.Command{
		Use:   "render [FEED]",
		Short: "Write one document to standard output",
		Long: `Write the document of a feed, by default of the main feed, to standard output. It is
the published document; if the posts are in a folder that no server has open, the
folder is built first.`,
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
			site, err := env.openBuilt(cmd)
			if err != nil {
				return err
			}
			defer site.Close()
			body, err := document(cmd.Context(), site.Store, name, f)
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
	cmd.Flags().StringVar(&format, "format", format, "write "+feed.OneOf(feed.Formats()))
	return cmd
}

// document returns the uncompressed bytes of a feed's document.
func document(ctx context.Context, site *store.Site, name feed.Name, format feed.Format) ([]byte, error) {
	head, err := site.Head(ctx, name)
	if errors.Is(err, feed.ErrNotFound) {
		return nil, fmt.Errorf("there is no feed %q; 'feedpub feeds' lists the feeds", name)
	}
	if err != nil {
		return nil, fmt.Errorf("render: %w", err)
	}
	ref, ok := head.Document(format)
	if !ok {
		return nil, fmt.Errorf("the feed %s has no document in the format %s", name, format)
	}
	blob, err := site.Blob(ctx, ref.Hash)
	if err != nil {
		return nil, fmt.Errorf("render: %w", err)
	}
	body, err := coding.Body(blob)
	if err != nil {
		return nil, fmt.Errorf("render: document %s: %w", ref.Hash, err)
	}
	return body, nil
}
