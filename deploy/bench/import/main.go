// Import measures "feedpub import". It writes a file of posts, as JSON Lines and as a WordPress export, starts a Redis
// server, imports each file twice with a feedpub that it builds, and prints the time, CPU time and memory of each
// import. Then it imports a generated stream of several gigabytes to check that memory use does not grow. It does not
// measure building or serving.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"encoding/xml"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"feedpub/deploy/bench/internal/program"
	"feedpub/feed"
	"feedpub/feed/posttest"
)

func main() {
	n := flag.Int("posts", 100_000, "how many posts")
	stream := flag.Int64("stream", 2000, "size of the stream in megabytes; 0 for no stream")
	flag.Parse()
	if err := run(*n, *stream<<20); err != nil {
		fmt.Fprintln(os.Stderr, "import:", err)
		os.Exit(1)
	}
}

// form describes a file format: the text before and after the posts, and a function that writes a post.
type form struct {
	name, head, foot string
	write            func(io.Writer, feed.RawPost) error
}

func forms() []form {
	return []form{{"posts.jsonl", "", "", writeLine}, {"posts.xml", wxrHead, "</channel></rss>\n", writeItem}}
}

func run(n int, stream int64) error {
	dir, err := os.MkdirTemp("", "feedpub-import-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	binary := filepath.Join(dir, "feedpub")
	if err := program.Build(context.Background(), binary); err != nil {
		return err
	}
	for _, f := range forms() {
		if err := withRedis(dir, func(url string) error { return files(dir, binary, url, f, n) }); err != nil {
			return fmt.Errorf("%s: %w", f.name, err)
		}
	}
	if stream == 0 {
		return nil
	}
	for _, f := range forms() {
		if err := withRedis(dir, func(url string) error { return streams(dir, binary, url, f, stream) }); err != nil {
			return fmt.Errorf("stream of %s: %w", f.name, err)
		}
	}
	return nil
}

// files imports the same file twice.
func files(dir, binary, url string, f form, n int) error {
	name := filepath.Join(dir, f.name)
	size, err := create(name, f, n)
	if err != nil {
		return err
	}
	for _, turn := range []string{"first", "again"} {
		if err := measure(dir, binary, url, f.name, turn, name, nil, func() int64 { return size }); err != nil {
			return err
		}
	}
	return os.Remove(name)
}

// distinct is the number of different posts in a stream. The stream repeats them in new versions, so that the data in
// Redis does not grow.
const distinct = 20_000

// streams imports a stream through a pipe.
func streams(dir, binary, url string, f form, size int64) error {
	r, w, err := os.Pipe()
	if err != nil {
		return err
	}
	defer func() { _ = r.Close() }()
	made := &counter{w: bufio.NewWriterSize(w, 1<<20)}
	failed := make(chan error, 1)
	go func() {
		_, err := io.WriteString(made, f.head)
		for i := 0; err == nil && made.n.Load() < size; i++ {
			err = f.write(made, posttest.Version(i%distinct, i/distinct))
		}
		if err == nil {
			_, err = io.WriteString(made, f.foot)
		}
		failed <- errors.Join(err, made.w.Flush(), w.Close())
	}()
	err = measure(dir, binary, url, f.name, "stream", "-", r, func() int64 { return made.n.Load() })
	// The command has ended. If it has not read all of its input, closing the reader makes the writer stop.
	return errors.Join(err, r.Close(), <-failed)
}

// counter counts the bytes written.
type counter struct {
	w *bufio.Writer
	n atomic.Int64 // atomic, since it may be read while the writer still runs if the command fails
}

func (c *counter) Write(p []byte) (int, error) {
	n, err := c.w.Write(p)
	c.n.Add(int64(n))
	return n, err
}

// create writes a file with n posts and returns its size.
func create(name string, f form, n int) (int64, error) {
	file, err := os.Create(name)
	if err != nil {
		return 0, err
	}
	w := &counter{w: bufio.NewWriter(file)}
	_, err = io.WriteString(w, f.head)
	for p := range posttest.All(n) {
		if err == nil {
			err = f.write(w, p)
		}
	}
	if err == nil {
		_, err = io.WriteString(w, f.foot)
	}
	return w.n.Load(), errors.Join(err, w.w.Flush(), file.Close())
}

func writeLine(w io.Writer, p feed.RawPost) error {
	_, err := w.Write(append(p.Raw, '\n'))
	return err
}

const wxrHead = xml.Header + `<rss version="2.0" xmlns:excerpt="http://wordpress.org/export/1.2/excerpt/" ` +
	`xmlns:content="http://purl.org/rss/1.0/modules/content/" xmlns:dc="http://purl.org/dc/elements/1.1/" ` +
	`xmlns:wp="http://wordpress.org/export/1.2/"><channel><title>Blog</title>` + "\n"

func writeItem(w io.Writer, raw feed.RawPost) error {
	var p feed.Post
	if err := json.Unmarshal(raw.Raw, &p); err != nil {
		return err
	}
	var b strings.Builder
	fmt.Fprintf(&b, "<item><title>%s</title><link>%s</link><guid isPermaLink=\"false\">%s</guid><dc:creator><![CDATA[%s]]></dc:creator>\n",
		p.Title, p.URL, p.ID, p.Authors[0].Name)
	fmt.Fprintf(&b, "<content:encoded><![CDATA[%s]]></content:encoded><wp:post_date_gmt>%s</wp:post_date_gmt><wp:status>publish</wp:status><wp:post_type>post</wp:post_type>\n",
		p.ContentHTML, p.DatePublished.Format(time.DateTime))
	for _, t := range p.Tags {
		fmt.Fprintf(&b, "<category domain=\"post_tag\" nicename=\"t\"><![CDATA[%s]]></category>\n", t)
	}
	b.WriteString("</item>\n")
	_, err := io.WriteString(w, b.String())
	return err
}

// withRedis starts a Redis server and calls do with its URL.
func withRedis(dir string, do func(url string) error) error {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	_, port, _ := net.SplitHostPort(l.Addr().String())
	if err := l.Close(); err != nil {
		return err
	}
	redis := exec.Command("redis-server", "--port", port, "--bind", "127.0.0.1", "--save", "", "--dir", dir)
	if err := redis.Start(); err != nil {
		return err
	}
	defer func() {
		_ = redis.Process.Signal(syscall.SIGTERM)
		_ = redis.Wait()
	}()
	for range 100 {
		if c, err := net.Dial("tcp", "127.0.0.1:"+port); err == nil {
			_ = c.Close()
			break
		}
		time.Sleep(50 * time.Millisecond)
	}
	return do("redis://127.0.0.1:" + port)
}

// measure imports a file or standard input and prints the cost. It calls size after the import.
func measure(dir, program, url, name, turn, file string, stdin *os.File, size func() int64) error {
	cmd := exec.Command(program, "import", "--redis", url, file)
	out, err := os.CreateTemp(dir, "out")
	if err != nil {
		return err
	}
	cmd.Stdout, cmd.Stderr = out, os.Stderr
	if stdin != nil {
		cmd.Stdin = stdin
	}
	began := time.Now()
	err = cmd.Run()
	took := time.Since(began)
	if err := errors.Join(err, out.Close(), os.Remove(out.Name())); err != nil {
		return err
	}
	usage, _ := cmd.ProcessState.SysUsage().(*syscall.Rusage)
	fmt.Printf("%-11s  %-6s  %7.1f MB  %7.2f s  CPU %7.2f s  memory %d MB\n", name, turn, float64(size())/1e6,
		took.Seconds(), (cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()).Seconds(), usage.Maxrss/1024)
	return nil
}
