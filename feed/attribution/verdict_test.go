package attribution

import (
	"slices"
	"strconv"
	"strings"
	"testing"
)

// TestVerdictEvidence checks the features of a verdict that do not come from the reading of the names.
func TestVerdictEvidence(t *testing.T) {
	const u = "https://www.theguardian.com/environment/2019/may/02/harbour-closes-winter"
	r := newReader(t)
	guardian := (&reading{r: r}).publisherNamed("The Guardian")
	for _, tt := range []struct {
		name, text string
		c          candidate // its source is made of the next field
		source     citation
		passages   []string
		kind       Kind
		others     []int // certainties of the other candidates
		want       string
	}{
		{"nothing but a name", "From Quayside.", candidate{}, citation{pub: publisher{name: "Quayside"}}, nil, Summary, nil,
			"certainty=0 has-passage=0 doubt=0 doubts=0..1 forms=0 kind=1 members=0 final-name=1 certain-others=0 forms-and-doubts=1 final-name-and-doubts=6 " +
				"certainty-and-doubts=1 list=0"},
		{"a passage", "From [the Guardian](" + u + "):" + formBlock, candidate{certainty: 94, passageCertain: 51, forms: []form{formExcerpt, formClear}},
			citation{pub: guardian, url: u}, []string{formQuote}, Excerpt, nil,
			"certainty=0..18 has-passage=1 passage-certainty=0..2 doubt=5 form=2 form=0 doubts=0..1 forms=0..2 kind=0 members=8 final-name=2 certain-others=0 " +
				"forms-and-doubts=11 final-name-and-doubts=11 certainty-and-doubts=37 list=0"},
		{"an uncertain passage", "From the Guardian.", candidate{passage: passageReading{units: []int{0}}, passageCertain: 29}, citation{pub: guardian}, nil, Summary, nil,
			"certainty=0 has-passage=2 passage-certainty=0 doubts=0 forms=0 kind=1 members=0 final-name=2 certain-others=0 forms-and-doubts=0 final-name-and-doubts=10 " +
				"certainty-and-doubts=0 list=0"},
		{"doubts", "From [the film](https://www.imdb.com/title/tt0123456/).", candidate{certainty: 12, doubts: 1<<doubtReference | 1<<doubtNamed},
			citation{pub: (&reading{r: r}).publisherNamed("IMDb"), url: "https://www.imdb.com/title/tt0123456/"}, nil, Summary, nil,
			"certainty=0..1 has-passage=0 doubt=7 doubt=14 doubt=16 doubts=0..3 forms=0 kind=1 members=8 final-name=2 certain-others=0 forms-and-doubts=3 " +
				"final-name-and-doubts=13 certainty-and-doubts=3 list=0"},
		{"an entry of a list, all members and other candidates", "- Sand Comes Back, Ann Reed, The Guardian, 2 May 2019",
			candidate{}, citation{pub: guardian, headline: "Sand Comes Back", authors: []string{"Ann Reed"}, date: date{2019, 5, 2}}, nil, HeadlineOnly, []int{80, 79, 99},
			"certainty=0 has-passage=0 doubt=6 doubt=10 doubts=0..2 forms=0 kind=2 members=7 final-name=2 certain-others=0..2 forms-and-doubts=2 final-name-and-doubts=12 " +
				"certainty-and-doubts=1 list=0..1"},
	} {
		rd, s := newCredit(t, r, tt.text, tt.source)
		s.passages, s.kind = tt.passages, tt.kind
		c := tt.c
		c.source = s
		all := []*candidate{&c}
		for _, n := range tt.others {
			all = append(all, &candidate{certainty: n})
		}
		var got []string
		for _, id := range rd.verdictEvidence(&c, all)[1:] { // the first is the bias
			got = append(got, verdictFeatures.name(int(id)))
		}
		if want := expand(tt.want); !slices.Equal(got, want) {
			t.Errorf("%s: features %q, want %q", tt.name, got, want)
		}
	}
}

// expand returns the fields of s, with one such as "forms=0..2" replaced by "forms=0", "forms=1" and "forms=2".
func expand(s string) []string {
	var out []string
	for f := range strings.FieldsSeq(s) {
		name, last, ok := strings.Cut(f, "0..")
		if !ok {
			out = append(out, f)
			continue
		}
		for k := 0; ; k++ {
			one := name + strconv.Itoa(k)
			out = append(out, one)
			if one == name+last {
				break
			}
		}
	}
	return out
}

// TestJudge checks that the verdict is the certainty that the trees give, whatever the doubts and the form are.
func TestJudge(t *testing.T) {
	r := newReader(t)
	for weight, want := range map[int32]int{-4: 49, 0: 50, 300: 95} {
		rd, s := newCredit(t, r, "From [the Guardian](https://www.theguardian.com/a/sand-comes-back).", citation{url: "https://www.theguardian.com/a/sand-comes-back"})
		s.pub, s.clear = rd.publisherOfHost(s.url), true
		var one Tree
		for k := range one.Leaves {
			one.Leaves[k] = weight
		}
		m := *r.model
		m.verdict.trees = []Tree{one}
		rd.r = &Reader{model: &m, pubs: r.pubs, lx: r.lx}
		c := &candidate{source: s, forms: []form{formClear}, doubts: 1 << doubtReference}
		if rd.judge(c, []*candidate{c}); c.verdict != want {
			t.Errorf("weight %d: verdict %d, want %d", weight, c.verdict, want)
		}
	}
}

// TestKinds checks that each kind of quote has a number.
func TestKinds(t *testing.T) {
	for _, k := range []Kind{Excerpt, Summary, HeadlineOnly, Nested, Reblog, Tweet} {
		if !slices.Contains(kinds, k) {
			t.Errorf("kinds lacks %q", k)
		}
	}
}
