package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"time"

	"feedpub/feed"
	"feedpub/store"
)

// client is a process of its own that writes posts and reads documents, like a writer and a feed reader on a different
// machine. This process is the builder, and uses all processors after a change, so it could not tell when a document is
// first served.
type client struct {
	cmd *exec.Cmd
	in  io.WriteCloser
	to  *json.Encoder
	out *json.Decoder
}

// changeRequest asks a client to write a post, and to wait until the documents of feeds change.
type changeRequest struct {
	ID    string       `json:"id"`
	Raw   []byte       `json:"raw"`
	Feeds [][]location `json:"feeds"` // the documents of each feed
}

// location is where a document is served.
type location struct {
	Base string `json:"base"`
	Path string `json:"path"`
}

// changeReply reports the times from the beginning of the write until the first feed was served with the change, and
// until all of them were.
type changeReply struct {
	First time.Duration `json:"first"`
	All   time.Duration `json:"all"`
	Error string        `json:"error,omitempty"`
}

// startClient starts this program again as a client of the same store.
func (b *bench) startClient() (*client, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	c := &client{cmd: exec.Command(self, "-client", b.server.url())}
	c.cmd.Stderr = os.Stderr
	if c.in, err = c.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	out, err := c.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	c.to, c.out = json.NewEncoder(c.in), json.NewDecoder(out)
	return c, c.cmd.Start()
}

// stop ends the process.
func (c *client) stop() {
	_ = c.in.Close()
	_ = c.cmd.Wait()
}

// change writes a post, and returns the times until the first of the feeds was served with the change, and until all of
// them were.
func (c *client) change(p feed.RawPost, feeds [][]location) (changeReply, error) {
	var reply changeReply
	if err := c.to.Encode(changeRequest{p.ID, p.Raw, feeds}); err != nil {
		return reply, err
	}
	if err := c.out.Decode(&reply); err != nil {
		return reply, fmt.Errorf("client: %w", err)
	}
	if reply.Error != "" {
		return reply, errors.New(reply.Error)
	}
	return reply, nil
}

// runClient performs the requests that it reads, until there are no more.
func runClient(ctx context.Context, url string, in io.Reader, out io.Writer) error {
	c, err := store.Open(store.Options{URL: url, Compress: true})
	if err != nil {
		return err
	}
	defer func() { _ = c.Close() }()
	site, requests, replies := c.Site("main"), json.NewDecoder(in), json.NewEncoder(out)
	for {
		var request changeRequest
		switch err := requests.Decode(&request); {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return err
		}
		reply, err := request.perform(ctx, site)
		if err != nil {
			reply.Error = err.Error()
		}
		if err := replies.Encode(reply); err != nil {
			return err
		}
	}
}

// perform writes the post when the feeds that contain it have been unchanged for a second. It polls the first document
// of each feed. The formats of a feed are served in one step, so its other documents must have changed at the same
// time.
func (r changeRequest) perform(ctx context.Context, site *store.Site) (reply changeReply, err error) {
	readers := map[string]*reader{}
	for _, d := range slices.Concat(r.Feeds...) {
		if readers[d.Base] == nil {
			readers[d.Base] = &reader{base: d.Base, tags: map[string]string{}}
		}
		if err := readers[d.Base].get(ctx, d.Path, ""); err != nil {
			return reply, err
		}
	}
	time.Sleep(time.Second + 50*time.Millisecond) // a feed is built at most once a second
	start := time.Now()
	if err := site.Put(ctx, feed.RawPost{ID: r.ID, Raw: r.Raw}); err != nil {
		return reply, err
	}
	for i, documents := range r.Feeds {
		x, d := readers[documents[0].Base], documents[0]
		if err := x.get(ctx, d.Path, x.tags[d.Path]); err != nil {
			return reply, err
		}
		if reply.All = time.Since(start); i == 0 {
			reply.First = reply.All
		}
	}
	for _, documents := range r.Feeds {
		for _, d := range documents[1:] {
			x := readers[d.Base]
			changed, err := x.request(ctx, d.Path, x.tags[d.Path])
			if err != nil {
				return reply, err
			}
			if !changed {
				return reply, fmt.Errorf("%s has not changed with the other documents of its feed", d.Path)
			}
		}
	}
	return reply, nil
}
