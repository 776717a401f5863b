//go:build !race && unix

// The race detector distorts times, so "make test" runs this file without it.

package attribution

import (
	"strings"
	"testing"
	"time"

	"feedpub/feed/markup"
	"feedpub/feed/posttest"
)

// TestHostilePostsLinearTime checks that hostile posts are read in linear time. If a post grows by a factor of four,
// linear time grows by a factor of four and quadratic time by a factor of sixteen.
func TestHostilePostsLinearTime(t *testing.T) {
	r := newReader(t)
	read := func(h hostilePost) time.Duration {
		n, err := markup.Parse(markup.Format(h.format), h.body)
		if err != nil {
			t.Fatal(err)
		}
		start := posttest.CPUTime()
		r.Read(Input{Body: n})
		return posttest.CPUTime() - start
	}
	small, large := hostilePosts(1<<16), hostilePosts(1<<18)
	for i, h := range large {
		t.Run(h.name, func(t *testing.T) {
			short, long := read(small[i]), read(h)
			// Ratios of short times are meaningless. Retry, because another process may have delayed one of the runs.
			for try := 0; long > 10*short && long > 300*time.Millisecond && try < 5; try++ {
				short, long = max(short, read(small[i])), min(long, read(h))
			}
			if long > 10*short && long > 300*time.Millisecond {
				t.Errorf("%d bytes took %v and %d bytes took %v, want linear time", len(small[i].body), short, len(h.body), long)
			}
		})
	}
}

// TestUnknownNamesLinearTime checks that a post that credits thousands of unknown names is read in linear time.
func TestUnknownNamesLinearTime(t *testing.T) {
	r := newReader(t)
	read := func(size int) time.Duration {
		n, err := markup.Parse(markup.Text, strings.Repeat("From X:\n\n", size/9))
		if err != nil {
			t.Fatal(err)
		}
		start := posttest.CPUTime()
		r.Read(Input{Body: n})
		return posttest.CPUTime() - start
	}
	short, long := read(1<<18), read(1<<19)
	for try := 0; long > 3*short && long > 100*time.Millisecond && try < 5; try++ {
		short, long = max(short, read(1<<18)), min(long, read(1<<19))
	}
	if long > 3*short && long > 100*time.Millisecond {
		t.Errorf("%d bytes took %v and %d bytes took %v, want linear time", 1<<18, short, 1<<19, long)
	}
}

// hostilePost is a post that is designed to be slow to read.
type hostilePost struct{ name, format, body string }

// crew is a long sentence. With it, a large post has no more than maxUnits units, so that the model reads it.
const crew = "The crew of the dredger went home before noon, with the buckets and the long rope and the lamp, and nobody on the quay " +
	"asked them where the sand was, or who had paid for it, or when they would be back to take the rest of it away."

// hostilePosts returns hostile posts of about size bytes, one for each type of hostile input.
func hostilePosts(size int) []hostilePost {
	fill := func(s string) string { return strings.Repeat(s, size/len(s)) }
	return []hostilePost{
		{"one paragraph", "text", fill("From the Guardian and A of the Times, ")},
		{"paragraphs of credits", "text", fill(strings.Repeat("From Anna Brandt and X: ", 50) + "\n\n")},
		{"paragraphs of links", "html", fill("<p>" + strings.Repeat(`From <a href="https://harbour.example/a/b">Anna Brandt</a>: `, 50) + "</p>")},
		{"leads", "text", fill("From the Guardian:\n\n")},
		{"leads with passages", "text", fill("From the Guardian:\n\nIt rained, he said.\n\nI know.\n\n")},
		{"open quotes", "text", fill("“")},
		{"open quotes and words", "text", fill("“a ")},
		{"open brackets", "text", fill("(a ")},
		{"links and credits", "html", fill("<a href=b>[</a>Source: X\n\nquotes: \"a")},
		{"colons, then brackets", "text", fill("a:")[:size/2] + fill(")")[:size/2]},
		{"names", "text", fill("Anna Brandt, ")},
		{"capitals", "text", fill("A ")},
		{"colons", "text", fill("Anna: ")},
		{"dash lines", "text", fill("— Anna Brandt, The Times\n")},
		{"tails", "text", fill("It rained.\n\nRead entire article at NYT\n\n")},
		{"unmatched tails", "text", fill("It rained.\n\n") + fill("(The Times)\n\n")},
		{"line breaks in italics", "html", "<i>" + fill("<br>") + fill("a<br>") + "</i>"},
		{"blockquotes", "html", fill("<blockquote>It rained.</blockquote>")},
		{"blockquotes with leads", "html", fill("<p>From Wired:</p><blockquote>It rained.</blockquote>")},
		{"links", "html", "<p>" + fill(`<a href="https://example.com/a/b">x</a> `) + "</p>"},
		{"vias", "text", fill("via Anna, ")},
		{"dates", "text", fill("June 5, 2011 ")},
		{"noise", "text", fill("Read more\n\n")},
		{"quoted lines", "text", "From the Guardian:\n\n" + fill("“It rained.\n\n")},
		{"dots", "text", fill("It rained... ")},
		{"people and linked titles", "html", fill("<p>Ann Reed: <a href=\"https://notes.example/a/b\">Sand Comes Back</a></p>")},
		{"quotations and links", "html", fill("<blockquote>It rained.</blockquote><p>Link: <a href=\"https://notes.example/a/b\">Sand Comes Back</a></p>")},
		{"references to the rest", "text", fill("But now......more from the Washington Post.\n\n")},
		{"linked headings", "html", fill("<h3><a href=\"https://notes.example/a/b\">Sand Comes Back</a></h3><p>" + crew + "</p>")},
		{"linked headings and quotations", "html", fill("<h3><a href=\"https://notes.example/a/b\">Sand Comes Back</a></h3><p>" + crew + "</p><blockquote>It rained.</blockquote>")},
		{"a linked heading above quotations", "html", "<h3><a href=\"https://notes.example/a/b\">Sand Comes Back</a></h3>" + fill("<blockquote>It rained.</blockquote><p>"+crew+"</p>")},
		{"linked pieces above a quotation", "html", fill("<p>"+crew+" I have read <a href=\"https://notes.example/a/b\">this article</a>.</p>") + "<blockquote>It rained.</blockquote>"},
		{"list entries with a publication", "html", "<ul>" + fill("<li><a href=\"https://www.wired.com/a/b\">Sand Comes Back to the Bar</a> — <i>Wired</i>. "+crew+"</li>") + "</ul>"},
		{"named sites", "html", fill("<p>" + crew + " The people at Gullfeed <a href=\"https://gullfeed.example/a/b\">wonder about it</a>:</p><blockquote>It rained.</blockquote>")},
		{"a paragraph of named sites", "html", "<p>" + fill(crew+" The people at Gullfeed <a href=\"https://gullfeed.example/a/b\">wonder about it</a>. ") + "</p>"},
		{"weak names", "text", fill(crew + " HSO notes that “it rained on the bell of the mole”.\n\n")},
		{"a paragraph of weak names", "text", fill(crew + " HSO notes that “it rained on the bell of the mole”. ")},
		{"links without names", "html", fill("<p>" + crew + " There are <a href=\"https://www.theguardian.com/a/b\">nine of them now</a>.</p>")},
		{"citations", "text", fill(crew + "\n\nOakham Daily Gazette (Oakham), 14 March 1893, page 3\n\n")},
		{"papers and their words", "text", fill("And the Vienna paper Die Presse on Friday: “" + crew + "”\n\n")},
	}
}
