// Import measures what feedpub import costs: it makes a file of posts, in JSON Lines or as an export of WordPress,
// starts a Redis, imports the file into it twice with the program built from this module, and prints time and memory of
// each. It measures no building or serving.
package main

import (
	"bufio"
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
	"syscall"
	"time"

	"feedpub/deploy/bench/posts"
	"feedpub/feed"
)

func main() {
	n := flag.Int("posts", 100_000, "how many posts")
	flag.Parse()
	if err := run(*n); err != nil {
		fmt.Fprintln(os.Stderr, "import:", err)
		os.Exit(1)
	}
}

func run(n int) error {
	dir, err := os.MkdirTemp("", "feedpub-import-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	program := filepath.Join(dir, "feedpub")
	build := exec.Command("go", "build", "-o", program, "feedpub/cmd/feedpub")
	build.Stderr = os.Stderr
	if err := build.Run(); err != nil {
		return fmt.Errorf("build: %w", err)
	}
	for _, form := range []struct {
		name  string
		write func(io.Writer, int) error
	}{{"posts.jsonl", writeLines}, {"posts.xml", writeWXR}} {
		file := filepath.Join(dir, form.name)
		if err := create(file, n, form.write); err != nil {
			return err
		}
		if err := measure(dir, program, file); err != nil {
			return fmt.Errorf("%s: %w", form.name, err)
		}
		if err := os.Remove(file); err != nil {
			return err
		}
	}
	return nil
}

func create(name string, n int, write func(io.Writer, int) error) error {
	f, err := os.Create(name)
	if err != nil {
		return err
	}
	w := bufio.NewWriter(f)
	return errors.Join(write(w, n), w.Flush(), f.Close())
}

func writeLines(w io.Writer, n int) error {
	for p := range posts.All(n) {
		if _, err := w.Write(append(p.Raw, '\n')); err != nil {
			return err
		}
	}
	return nil
}

func writeWXR(w io.Writer, n int) error {
	if _, err := io.WriteString(w, xml.Header+`<rss version="2.0" xmlns:excerpt="http://wordpress.org/export/1.2/excerpt/" `+
		`xmlns:content="http://purl.org/rss/1.0/modules/content/" xmlns:dc="http://purl.org/dc/elements/1.1/" `+
		`xmlns:wp="http://wordpress.org/export/1.2/"><channel><title>Blog</title>`+"\n"); err != nil {
		return err
	}
	for raw := range posts.All(n) {
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
		if _, err := io.WriteString(w, b.String()); err != nil {
			return err
		}
	}
	_, err := io.WriteString(w, "</channel></rss>\n")
	return err
}

// measure imports the file twice into a Redis of its own.
func measure(dir, program, file string) error {
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
	info, err := os.Stat(file)
	if err != nil {
		return err
	}
	for _, turn := range []string{"first", "again"} {
		cmd := exec.Command(program, "import", "--redis", "redis://127.0.0.1:"+port, file)
		out, err := os.CreateTemp(dir, "out")
		if err != nil {
			return err
		}
		cmd.Stdout, cmd.Stderr = out, os.Stderr
		began := time.Now()
		err = cmd.Run()
		took := time.Since(began)
		if err := errors.Join(err, out.Close(), os.Remove(out.Name())); err != nil {
			return err
		}
		usage, _ := cmd.ProcessState.SysUsage().(*syscall.Rusage)
		fmt.Printf("%-11s  %-5s  %6.1f MB  %6.2f s  processor %6.2f s  memory %d MB\n", filepath.Base(file), turn, float64(info.Size())/1e6,
			took.Seconds(), (cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()).Seconds(), usage.Maxrss/1024)
	}
	return nil
}
