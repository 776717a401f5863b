package main

import (
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"feedpub/feed/posttest"
)

// server is a running server.
type server struct {
	url  string
	pid  int // id of the process that serves requests
	cmd  *exec.Cmd
	tag  string // entity tag of the gzipped document
	addr string
	done chan struct{} // closed when the process has ended
}

// start runs the command.
func (s *server) start(cmd *exec.Cmd) error {
	if err := cmd.Start(); err != nil {
		return err
	}
	done := make(chan struct{})
	s.cmd, s.pid, s.done = cmd, cmd.Process.Pid, done
	go func() {
		defer close(done)
		_ = cmd.Wait() // the exit status does not matter
	}()
	return nil
}

func (s *server) stop() {
	_ = s.cmd.Process.Signal(syscall.SIGTERM)
	<-s.done
}

// document is the document that both servers serve at /feed.xml.
type document struct {
	gzip   []byte
	length int
	header http.Header // header of the response with status 200
	paths  []string    // paths of the other feeds
}

// freePort returns an unused port on the loopback interface.
func freePort() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	addr := l.Addr().String()
	return addr, l.Close()
}

// pinned returns a command that runs on one core.
func pinned(ctx context.Context, cpu, name string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, "taskset", append([]string{"-c", cpu, name}, args...)...)
	cmd.Stderr = os.Stderr
	return cmd
}

// startFeedpub publishes posts, waits until all feeds are built, and returns the server.
func startFeedpub(ctx context.Context, dir string, o options) (*server, document, error) {
	var doc document
	folder := filepath.Join(dir, "posts")
	if err := writePosts(folder, &doc, o.feeds); err != nil {
		return nil, doc, err
	}
	addr, err := freePort()
	if err != nil {
		return nil, doc, err
	}
	adminAddr, err := freePort()
	if err != nil {
		return nil, doc, err
	}
	config := filepath.Join(dir, "feedpub.yml")
	text := fmt.Sprintf("listen: %s\nadmin: {listen: %q}\ndata: %s\nsite: {limit: %d}\nlog: {level: error}\n"+
		"server: {engine: %s}\n", addr, adminAddr, filepath.Join(dir, "data"), o.limit, o.engine)
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		return nil, doc, err
	}
	// The server builds on all cores. Then it is restarted as a replica without Redis, which only serves files from
	// disk.
	dead, err := freePort()
	if err != nil {
		return nil, doc, err
	}
	builder := exec.CommandContext(ctx, o.binary, "serve", "--config", config, "--dir", folder)
	builder.Stderr = os.Stderr
	replica := pinned(ctx, o.serverCPU, o.binary, "serve", "--config", config, "--redis", "redis://"+dead)
	s := &server{url: "http://" + addr, addr: addr}
	for _, cmd := range []*exec.Cmd{builder, replica} {
		if s.cmd != nil {
			s.stop()
		}
		if err := s.start(cmd); err != nil {
			return nil, doc, err
		}
		// The main feed comes last, since an earlier version of it may be served first.
		for _, path := range append(slices.Clone(doc.paths), "/feed.xml") {
			if err := s.await(ctx, path, &doc); err != nil {
				s.stop()
				return nil, doc, err
			}
		}
		if err := awaitFiles(ctx, filepath.Join(dir, "data", "documents", "main", "heads"), len(doc.paths)); err != nil {
			s.stop()
			return nil, doc, err
		}
	}
	s.tag = doc.header.Get("Etag")
	return s, doc, nil
}

// awaitFiles waits until a folder contains n files.
func awaitFiles(ctx context.Context, folder string, n int) error {
	for end := time.Now().Add(5 * time.Minute); ; {
		entries, err := os.ReadDir(folder)
		if len(entries) >= n {
			return nil
		}
		if time.Now().After(end) {
			return fmt.Errorf("%s has %d files, want %d: %w", folder, len(entries), n, errors.Join(err, context.DeadlineExceeded))
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(200 * time.Millisecond):
		}
	}
}

// writePosts writes posts, each of which has three feeds of its own, and records the paths of these feeds.
func writePosts(folder string, doc *document, feeds int) error {
	if err := os.MkdirAll(folder, 0o750); err != nil {
		return err
	}
	for i := range (feeds + 2) / 3 {
		raw := posttest.Post(i)
		var post map[string]any
		if err := json.Unmarshal(raw.Raw, &post); err != nil {
			return err
		}
		tags := []string{}
		for j := range 3 {
			tag := fmt.Sprintf("tag-%d-%d", i, j)
			tags = append(tags, tag)
			doc.paths = append(doc.paths, "/tags/"+tag+"/feed.xml")
		}
		post["tags"] = tags
		data, err := json.Marshal(post)
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(folder, raw.ID+".json"), data, 0o600); err != nil {
			return err
		}
	}
	return nil
}

// await waits until the path is served, and records the document at /feed.xml.
func (s *server) await(ctx context.Context, path string, doc *document) error {
	for end := time.Now().Add(5 * time.Minute); ; {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.url+path, nil)
		if err != nil {
			return err
		}
		req.Header.Set("Accept-Encoding", "gzip")
		res, err := http.DefaultClient.Do(req)
		if err == nil {
			body, readErr := io.ReadAll(res.Body)
			_ = res.Body.Close()
			switch {
			case res.StatusCode == http.StatusOK && path == "/feed.xml":
				doc.gzip, doc.header = body, res.Header
				return errors.Join(readErr, doc.measure())
			case res.StatusCode == http.StatusOK:
				return readErr
			}
			err = fmt.Errorf("status %d", res.StatusCode)
		}
		if time.Now().After(end) {
			return fmt.Errorf("%s%s: %w", s.url, path, err)
		}
		select {
		case <-s.done:
			return fmt.Errorf("%s has ended", s.cmd)
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(200 * time.Millisecond):
		}
	}
}

// measure records the length of the document without compression.
func (d *document) measure() error {
	zr, err := gzip.NewReader(strings.NewReader(string(d.gzip)))
	if err != nil {
		return err
	}
	n, err := io.Copy(io.Discard, zr)
	d.length = int(n)
	return err
}

// startNginx starts an nginx that serves the document from a file, with the same header as feedpub. It also has a file
// for the path of each other feed.
func startNginx(ctx context.Context, dir string, doc document, o options) (*server, error) {
	root := filepath.Join(dir, "root")
	files := map[string][]byte{"feed.xml": make([]byte, doc.length), "feed.xml.gz": doc.gzip}
	for _, path := range doc.paths {
		files[path], files[path+".gz"] = doc.gzip[:1], doc.gzip[:1] // only requested with If-None-Match
	}
	for name, data := range files {
		name = filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			return nil, err
		}
		if err := os.WriteFile(name, data, 0o600); err != nil {
			return nil, err
		}
	}
	addr, err := freePort()
	if err != nil {
		return nil, err
	}
	var fields strings.Builder
	for name, values := range doc.header {
		switch name {
		case "Date", "Etag", "Last-Modified", "Content-Type", "Content-Length", "Content-Encoding", "Vary":
			continue // nginx sets this field itself
		}
		fmt.Fprintf(&fields, "    add_header %s '%s';\n", name, values[0])
	}
	cache := ""
	if o.cached {
		cache = "  open_file_cache max=10000;\n  open_file_cache_valid 60s;\n"
	}
	config := filepath.Join(dir, "nginx.conf")
	text := "worker_processes 1;\ndaemon off;\nuser root;\npid " + filepath.Join(dir, "nginx.pid") + ";\nerror_log stderr crit;\n" +
		"events { worker_connections 20000; }\nhttp {\n  access_log off;\n  sendfile on;\n  tcp_nopush on;\n" +
		"  keepalive_requests 1000000000;\n  default_type 'application/rss+xml; charset=utf-8';\n  types {}\n" + cache +
		"  server {\n    listen " + addr + " backlog=4096;\n    root " + root + ";\n    gzip_static on;\n    gzip_vary on;\n" +
		fields.String() + "  }\n}\n"
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		return nil, err
	}
	s := &server{url: "http://" + addr, addr: addr}
	if err := s.start(pinned(ctx, o.serverCPU, "nginx", "-c", config, "-p", dir)); err != nil {
		return nil, err
	}
	var got document
	if err := s.await(ctx, "/feed.xml", &got); err != nil {
		s.stop()
		return nil, err
	}
	s.tag = got.header.Get("Etag")
	if s.pid, err = childOf(s.cmd.Process.Pid); err != nil {
		s.stop()
		return nil, err
	}
	return s, nil
}
