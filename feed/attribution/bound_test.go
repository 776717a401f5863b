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
