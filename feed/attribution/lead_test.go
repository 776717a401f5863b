package attribution

import (
	"bufio"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestLeads reads each sentence of testdata/leads.txt above a passage: in a quotation element, in quotation marks, and
// in unmarked plain text.
func TestLeads(t *testing.T) {
	const passage = "Seven boats lay in the harbour, and the eighth was late."
	f, err := os.Open("testdata/leads.txt")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	r := newReader(t)
	type credit struct {
		Publication, Text string
		Authors, Via      []string
	}
	lines := 0
	for sc := bufio.NewScanner(f); sc.Scan(); {
		line := sc.Text()
		if line == "" || line[0] == '#' {
			continue
		}
		lines++
		field := strings.Split(line, "|")
		if len(field) != 4 {
			t.Fatalf("line %q has %d fields, want 4", line, len(field))
		}
		var want []credit
		if field[1]+field[2] != "" {
			want = []credit{{publicationKey(field[1]), passage, splitList(field[2]), splitList(field[3])}}
		}
		for format, body := range map[string]string{
			"html": fmt.Sprintf("<p>%s</p><blockquote><p>%s</p></blockquote><p>I knew that already.</p>", field[0], passage),
			"text": fmt.Sprintf("%s\n\n“%s”\n\nI knew that already.", field[0], passage),
			// An unmarked passage is not published.
			"text without marks": fmt.Sprintf("%s\n\n%s\n\nI knew that already.", field[0], passage),
		} {
			syntax, _, unmarked := strings.Cut(format, " ")
			res := read(t, r, syntax, "", body)
			var got []credit
			for _, q := range res.Quotes {
				var vias []string
				for _, v := range res.Via {
					vias = append(vias, v.Name)
				}
				got = append(got, credit{publicationKey(q.Source.Publication), strings.Trim(q.Text, "“”"),
					splitList(strings.Join(authorNames(q.Source.Authors), ";")), vias})
			}
			if unmarked {
				for _, g := range got {
					g.Text += passage
					if len(want) == 0 || g.Text != passage || cmp.Diff(want[0], g) != "" {
						t.Errorf("%q above unmarked text: got %+v, want the credit without a passage, or a suggestion", field[0], g)
					}
				}
			} else if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("%q above a passage in %s (-want +got):\n%s", field[0], format, diff)
			}
			if !slices.Contains(res.Commentary, "I knew that already.") {
				t.Errorf("%q above a passage in %s: the paragraph after it is not in the commentary %q",
					field[0], format, res.Commentary)
			}
		}
	}
	if lines < 150 {
		t.Errorf("testdata/leads.txt has %d sentences, want at least 150", lines)
	}
}

func splitList(s string) []string {
	if s == "" {
		return nil
	}
	return strings.Split(s, ";")
}
