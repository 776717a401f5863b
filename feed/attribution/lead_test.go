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

// TestLeads reads each sentence of testdata/leads.txt above a passage, once in HTML and once in plain text.
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
			want = []credit{{field[1], passage, list(field[2]), list(field[3])}}
		}
		for format, body := range map[string]string{
			"html": fmt.Sprintf("<p>%s</p><blockquote><p>%s</p></blockquote><p>I knew that already.</p>", field[0], passage),
			"text": fmt.Sprintf("%s\n\n%s\n\nI knew that already.", field[0], passage),
		} {
			res := read(t, r, format, "", body)
			var got []credit
			for _, q := range res.Quotes {
				var vias []string
				for _, v := range res.Via {
					vias = append(vias, v.Name)
				}
				got = append(got, credit{publicationKey(q.Source.Publication), q.Text, slices.Clip(names(q.Source.Authors)), vias})
			}
			for i := range want {
				want[i].Publication = publicationKey(want[i].Publication)
			}
			for i := range got {
				if len(got[i].Authors) == 0 {
					got[i].Authors = nil
				}
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("%q above a passage in %s (-want +got):\n%s", field[0], format, diff)
			}
			if !slices.Contains(res.Commentary, "I knew that already.") {
				t.Errorf("%q above a passage in %s: the comment after it is not commentary: %q", field[0], format, res.Commentary)
			}
		}
	}
	if lines < 150 {
		t.Errorf("testdata/leads.txt has %d sentences, want at least 150", lines)
	}
}

func list(s string) []string {
	if s == "" {
		return nil
	}
	return strings.Split(s, ";")
}
