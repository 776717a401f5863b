package attribution

import (
	"strings"
	"testing"
	"time"

	"feedpub/feed/markup"
)

// checkResult checks the properties that every result must have: passages and commentary are text of the post, indexes
// are in range, and confidences and dates are valid.
func checkResult(t *testing.T, text string, got Result) {
	t.Helper()
	flat := func(s string) string { return strings.Join(strings.Fields(s), "") }
	post := flat(text)
	for _, q := range append(append([]Quote(nil), got.Quotes...), got.Suggestions...) {
		rest := post
		for p := range strings.SplitSeq(q.Text, "\n\n") {
			_, after, ok := strings.Cut(rest, flat(p))
			if !ok {
				t.Fatalf("passage paragraph %q does not follow the previous paragraph in the post:\n%q", p, text)
			}
			rest = after
		}
		for _, list := range [][]int{q.Passage, q.Credit} {
			for _, k := range list {
				if k < 0 || k >= len(got.Blocks) {
					t.Fatalf("a quote refers to block %d, but there are %d blocks", k, len(got.Blocks))
				}
			}
		}
		if q.Confidence < 0 || q.Confidence > 1 {
			t.Fatalf("confidence is %v, want 0 to 1", q.Confidence)
		}
		if d := q.Source.DatePublished; d != "" {
			if _, err := time.Parse(time.DateOnly, d); err != nil {
				t.Fatalf("date of a source is %q, want YYYY-MM-DD", d)
			}
		}
	}
	for _, q := range got.Quotes {
		for _, k := range q.Passage {
			if got.Blocks[k].Role != Passage {
				t.Fatalf("block %d of a passage has the role %q, want %q", k, got.Blocks[k].Role, Passage)
			}
		}
	}
	for _, c := range got.Commentary {
		if !strings.Contains(post, flat(c)) {
			t.Fatalf("commentary %q is not in the post", c)
		}
	}
	for i, b := range got.Blocks {
		if b.Quote >= len(got.Quotes) {
			t.Fatalf("block %d belongs to quote %d, but there are %d quotes", i, b.Quote, len(got.Quotes))
		}
	}
}

func FuzzRead(f *testing.F) {
	for _, p := range readGold(f, "testdata/own.jsonl") {
		f.Add(p.Format, p.Title, p.Body)
	}
	f.Add("text", "A Bridge Too Few", longPost)
	f.Add("html", "", strings.Repeat("<blockquote>", 300)+"— A, The Times")
	f.Add("html", "", "<i>“"+strings.Repeat("<br>x ", 50)+"”</i>")
	f.Add("html", "", "<p>Ann Reed: <a href=\"https://notes.example/a/b\">Sand Comes Back</a></p><blockquote>It rained <cite>Tony Hale</cite></blockquote>"+
		"<p>Link: <a href=\"https://notes.example/a/c\">Sand Again</a></p>")
	f.Add("text", "Sand Comes Back to the Bar", "AP: OSLO — It rained.\n\nAnn Reed, in “Sand at the Bar,” writes that\n\nBut now......more from the Guardian.")
	f.Add("text", "(Reuters)", strings.Repeat("((", 50)+"From the Guardian: "+strings.Repeat("“", 60))
	r := newReader(f)
	f.Fuzz(func(t *testing.T, format, title, body string) {
		n, err := markup.Parse(markup.Format(format), body)
		if err != nil {
			return
		}
		checkResult(t, markup.PlainText(n), r.Read(Input{Body: n, Title: title}))
	})
}

// TestHostilePostsLinearTime checks that hostile posts are read in linear time. If a post grows by a factor of four,
// linear time grows by a factor of four and quadratic time by a factor of sixteen.
func TestHostilePostsLinearTime(t *testing.T) {
	r := newReader(t)
	read := func(h hostilePost) time.Duration {
		n, err := markup.Parse(markup.Format(h.format), h.body)
		if err != nil {
			t.Fatal(err)
		}
		start := time.Now()
		r.Read(Input{Body: n})
		return time.Since(start)
	}
	small, large := hostilePosts(1<<16), hostilePosts(1<<18)
	for i, h := range large {
		t.Run(h.name, func(t *testing.T) {
			short, long := read(small[i]), read(h)
			// Ratios of short times are meaningless. Retry, because another process may have delayed one of the runs.
			for try := 0; long > 10*short && long > 3*time.Second && try < 5; try++ {
				short, long = max(short, read(small[i])), min(long, read(h))
			}
			if long > 10*short && long > 3*time.Second {
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
		start := time.Now()
		r.Read(Input{Body: n})
		return time.Since(start)
	}
	short, long := read(1<<18), read(1<<19)
	for try := 0; long > 3*short && long > time.Second && try < 5; try++ {
		short, long = max(short, read(1<<18)), min(long, read(1<<19))
	}
	if long > 3*short && long > time.Second {
		t.Errorf("%d bytes took %v and %d bytes took %v, want linear time", 1<<18, short, 1<<19, long)
	}
}

// hostilePost is a post that is designed to be slow to read.
type hostilePost struct{ name, format, body string }

// hostilePosts returns hostile posts of about size bytes, one for each type of hostile input.
func hostilePosts(size int) []hostilePost {
	fill := func(s string) string { return strings.Repeat(s, size/len(s)) }
	return []hostilePost{
		{"one paragraph", "text", fill("From the Guardian and A of the Times, ")},
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
	}
}

func BenchmarkRead(b *testing.B) {
	r := newReader(b)
	for _, bb := range []struct {
		name   string
		format markup.Format
		body   string
	}{
		{"text", markup.Text, strings.Replace(longPost, "\n\nLess than", "\n\n"+longPost[280:900]+"\n\nLess than", 1)},
		{"html", markup.HTML, "<p>From <a href=\"https://www.theguardian.com/a/b\">the Guardian</a>:</p><blockquote><p>" +
			strings.ReplaceAll(longPost[200:len(longPost)-300]+longPost[200:1000], "\n\n", "</p><p>") +
			"</p></blockquote><p>What a sorry lot they are.</p>"},
	} {
		b.Run(bb.name, func(b *testing.B) {
			b.ReportAllocs()
			b.SetBytes(int64(len(bb.body)))
			for b.Loop() {
				n, err := markup.Parse(bb.format, bb.body)
				if err != nil {
					b.Fatal(err)
				}
				r.Read(Input{Body: n, Title: "A Bridge Too Few"})
			}
		})
	}
}
