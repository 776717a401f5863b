package transfer

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"feedpub/feed"
	"feedpub/feed/attribution"
	"feedpub/feed/intake"
)

var update = flag.Bool("update", false, "rewrite the expected results in testdata/odd")

// TestOddDates checks that unusual dates are parsed correctly or rejected.
func TestOddDates(t *testing.T) {
	const file = "testdata/odd/dates.txt"
	var written strings.Builder
	for line := range strings.Lines(readFile(t, file)) {
		line = strings.TrimSuffix(line, "\n")
		if strings.HasPrefix(line, "#") {
			written.WriteString(line + "\n")
			continue
		}
		text, want, _ := strings.Cut(line, " => ")
		got := "-"
		date, err := parseDate(text, time.UTC)
		switch {
		case err == nil:
			got = date.Format(time.RFC3339Nano)
		case !errors.Is(err, feed.ErrInvalid) || !strings.Contains(err.Error(), `"`):
			t.Errorf("parseDate(%q): got error %v, want an error of kind ErrInvalid that quotes the date", text, err)
		}
		written.WriteString(text + " => " + got + "\n")
		if got != want && !*update {
			t.Errorf("parseDate(%q): got %s, want %s", text, got, want)
		}
	}
	writeFile(t, file, written.String())
}

// TestOddInputs checks the posts, skipped items and errors that result from broken and unusual files.
func TestOddInputs(t *testing.T) {
	const golden = "testdata/odd/cases.golden"
	want := map[string]string{}
	if !*update {
		for part := range strings.SplitSeq(readFile(t, golden), "=== ") {
			name, result, _ := strings.Cut(part, "\n")
			want[name] = result
		}
	}
	reader, err := attribution.New(attribution.Options{})
	if err != nil {
		t.Fatal(err)
	}
	var written strings.Builder
	cases := 0
	for line := range strings.Lines(readFile(t, "testdata/odd/cases.txt")) {
		if strings.HasPrefix(line, "#") {
			continue
		}
		cases++
		parts := strings.SplitN(strings.TrimSuffix(line, "\n"), " | ", 3)
		if len(parts) != 3 {
			t.Fatalf("want name | file | text, got %q", line)
		}
		name, content := wrap(parts[1], unescape(t, parts[2]))
		got := readAll(Options{Reader: reader}, name, content)
		written.WriteString("=== " + parts[0] + "\n" + got)
		if diff := cmp.Diff(want[parts[0]], got); diff != "" && !*update {
			t.Errorf("%s: Read of %q (-want +got):\n%s", parts[0], content, diff)
		}
	}
	if !*update && cases != len(want)-1 {
		t.Errorf("cases.txt has %d cases, but cases.golden has %d", cases, len(want)-1)
	}
	writeFile(t, golden, written.String())
}

// readAll reads a file and returns one line for each post, skipped item and error.
func readAll(o Options, name, content string) string {
	var b strings.Builder
	for e, err := range o.Read(strings.NewReader(content), name) {
		switch {
		case err != nil:
			fmt.Fprintf(&b, "error: %v\n", err)
		case e.Skipped != "":
			fmt.Fprintf(&b, "skipped: %s\n", e.Skipped)
		case e.Post != nil:
			if _, err := intake.Decode(e.Post.ID, e.Post.Raw); err != nil {
				fmt.Fprintf(&b, "rejected: %v: ", err)
			}
			fmt.Fprintf(&b, "%s\n", e.Post.Raw)
		}
	}
	return b.String()
}

// wrap returns the name and content of a file of the given kind that contains the text.
func wrap(kind, text string) (name, content string) {
	const wxr = `<rss version="2.0" xmlns:excerpt="http://wordpress.org/export/1.2/excerpt/" xmlns:content="http://purl.org/rss/1.0/modules/content/"` +
		` xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:wp="http://wordpress.org/export/1.2/"><channel><link>https://b.example</link>` +
		`<wp:author><wp:author_login>ann</wp:author_login><wp:author_display_name>Ann Lee</wp:author_display_name></wp:author>`
	switch kind {
	case "wp":
		return "f", wxr + "<item><title>T</title><guid>g</guid><wp:status>publish</wp:status>" +
			"<wp:post_type>post</wp:post_type><content:encoded><![CDATA[" + text + "]]></content:encoded></item></channel></rss>"
	case "wxr":
		return "f", wxr + text + "</channel></rss>"
	case "rss":
		return "f", `<rss version="2.0" xmlns:content="http://purl.org/rss/1.0/modules/content/" xmlns:dc="http://purl.org/dc/elements/1.1/"` +
			` xmlns:atom="http://www.w3.org/2005/Atom" xmlns:media="http://search.yahoo.com/mrss/" xmlns:itunes="http://www.itunes.com/dtds/podcast-1.0.dtd">` +
			"<channel><link>https://b.example/</link>" + text + "</channel></rss>"
	case "atom":
		return "f", `<feed xmlns="http://www.w3.org/2005/Atom"><link href="https://b.example/"/>` + text + "</feed>"
	default:
		return kind, text
	}
}

var repeated = regexp.MustCompile(`\{\{([0-9]+)\*(.*?)\}\}`)

// unescape expands the escapes and repetitions in the text of a test case.
func unescape(t *testing.T, s string) string {
	t.Helper()
	var b strings.Builder
	for s != "" {
		if s[0] != '\\' {
			b.WriteByte(s[0])
			s = s[1:]
			continue
		}
		r, multibyte, rest, err := strconv.UnquoteChar(s, 0)
		if err != nil {
			t.Fatalf("%q: %v", s, err)
		}
		if multibyte || r < 0x80 {
			b.WriteRune(r)
		} else {
			b.WriteByte(byte(r))
		}
		s = rest
	}
	return repeated.ReplaceAllStringFunc(b.String(), func(m string) string {
		parts := repeated.FindStringSubmatch(m)
		n, _ := strconv.Atoi(parts[1])
		return strings.Repeat(parts[2], n)
	})
}

func readFile(t *testing.T, name string) string {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func writeFile(t *testing.T, name, content string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(name, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// FuzzFormats checks for every format that reading terminates, every post has a valid id, and every error has a known
// kind.
func FuzzFormats(f *testing.F) {
	reader, err := attribution.New(attribution.Options{})
	if err != nil {
		f.Fatal(err)
	}
	for line := range strings.Lines(readFileF(f, "testdata/odd/cases.txt")) {
		if parts := strings.SplitN(strings.TrimSuffix(line, "\n"), " | ", 3); len(parts) == 3 {
			name, content := wrap(parts[1], strings.NewReplacer(`\n`, "\n").Replace(parts[2]))
			f.Add(name, []byte(content))
		}
	}
	f.Fuzz(func(t *testing.T, name string, content []byte) {
		for _, format := range append(ReadFormats(), Detect) {
			o := Options{Format: format, Reader: reader}
			for e, err := range o.Read(strings.NewReader(string(content)), "f"+name) {
				if err != nil && !errors.Is(err, feed.ErrInvalid) && !errors.Is(err, ErrDamaged) {
					t.Errorf("%s: error %v has an unexpected kind", format, err)
				}
				if err == nil && e.Post != nil && intake.CheckID(e.Post.ID) != nil {
					t.Errorf("%s: a post has the invalid id %q", format, e.Post.ID)
				}
			}
		}
	})
}

func readFileF(f *testing.F, name string) string {
	f.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		f.Fatal(err)
	}
	return string(b)
}
