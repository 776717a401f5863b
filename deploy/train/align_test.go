package main

import (
	"strings"
	"testing"

	"feedpub/feed/attribution"
)

// TestAlign checks the labels of the units and tokens of a post with a lead, a passage and a comment.
func TestAlign(t *testing.T) {
	p := &Post{
		ID: "a", Format: "html",
		Body: "<p>The pier, again. Ann Ross in the Ferry Gazette, October 3, 2025:</p>" +
			"<blockquote><p>The pier is shut from Friday. It opens in March.</p></blockquote><p>I shall miss the noise.</p>",
		Expect: Expected{
			Quotes: []Quote{{Publication: new("Ferry Gazette"), Authors: []string{"Ann Ross"}, Date: new("2025-10-03"),
				First: new("The pier is shut"), Last: new("It opens in March"), Kind: "excerpt"}},
			Commentary: []string{"The pier, again", "I shall miss"},
		},
	}
	reader, err := attribution.New(attribution.Options{Model: attribution.NewModel()})
	if err != nil {
		t.Fatal(err)
	}
	in, err := p.input()
	if err != nil {
		t.Fatal(err)
	}
	e := align(p, reader.Examine(in))
	want := []int{own, lead, passage, passage, own}
	if len(e.labels) != len(want) {
		t.Fatalf("the post has %d units, want %d: %+v", len(e.labels), len(want), e.units)
	}
	for i, label := range want {
		if e.labels[i] != label {
			t.Errorf("unit %q has the label %s, want %s", e.units[i].Text, attribution.UnitLabels[e.labels[i]],
				attribution.UnitLabels[label])
		}
	}
	if len(e.credits) != 1 {
		t.Fatalf("the post has %d credits, want 1", len(e.credits))
	}
	got := map[string]string{}
	for k, tok := range e.credits[0].tokens {
		got[tok.Text] = attribution.TokenLabels[e.credits[0].labels[k]]
	}
	for text, label := range map[string]string{"Ann": "author", "Ross": "author+", "in": "none", "Ferry": "publication",
		"Gazette": "publication+", "October": "date", "2025": "date+"} {
		if got[text] != label {
			t.Errorf("token %q has the label %q, want %q", text, got[text], label)
		}
	}
}

// TestAlignNames checks that a name with a possessive inside is labeled, and that of two words that match a name, the
// capitalized one is.
func TestAlignNames(t *testing.T) {
	for _, tt := range []struct {
		body, publication, want string
	}{
		{"<p>Here is Ann Ross in the Mariner's Mirror:</p><blockquote>The pier is shut from Friday.</blockquote>",
			"Mariner's Mirror", "Mariner/publication 's/publication+ Mirror/publication+"},
		{"<p>I know which paper says this. It is from Which:</p><blockquote>The pier is shut from Friday.</blockquote>",
			"Which", "Which/publication"},
	} {
		p := &Post{Format: "html", Body: tt.body, Expect: Expected{Quotes: []Quote{{Publication: new(tt.publication),
			First: new("The pier is"), Last: new("from Friday"), Kind: "excerpt"}}}}
		reader, err := attribution.New(attribution.Options{Model: attribution.NewModel()})
		if err != nil {
			t.Fatal(err)
		}
		in, err := p.input()
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, c := range align(p, reader.Examine(in)).credits {
			for k, tok := range c.tokens {
				if label := attribution.TokenLabels[c.labels[k]]; strings.HasPrefix(label, "publication") {
					got = append(got, tok.Text+"/"+label)
				}
			}
		}
		if strings.Join(got, " ") != tt.want {
			t.Errorf("the labels of %s are %q, want %q", tt.body, got, tt.want)
		}
	}
}

// TestScore checks the scores of correct, incomplete and wrong readings of a post.
func TestScore(t *testing.T) {
	post := &Post{Expect: Expected{
		Quotes:     []Quote{{Publication: new("The Gazette"), First: new("The pier is shut"), Last: new("in March"), Kind: "excerpt"}},
		Commentary: []string{"I shall miss the noise"},
	}}
	quote := func(publication, text string) attribution.Quote {
		var q attribution.Quote
		q.Source.Publication, q.Text = publication, text
		return q
	}
	for _, tt := range []struct {
		name                         string
		quotes                       []attribution.Quote
		found, spurious, whole, text int
		swallowed                    int
	}{
		{"right", []attribution.Quote{quote("Gazette", "The pier is shut. It opens in March.")}, 1, 0, 1, 1, 0},
		{"without a passage", []attribution.Quote{quote("Gazette", "")}, 1, 0, 1, 0, 0},
		{"one too many", []attribution.Quote{quote("Gazette", ""), quote("Herald", "")}, 1, 1, 1, 0, 0},
		{"a comment in the passage", []attribution.Quote{quote("Gazette", "The pier is shut. It opens in March. I shall miss the noise.")},
			1, 0, 0, 0, 1},
		{"nothing", nil, 0, 0, 0, 0, 0},
	} {
		var got tally
		got.score(post, attribution.Result{Quotes: tt.quotes})
		if got.found != tt.found || got.spurious != tt.spurious || got.whole != tt.whole || got.text != tt.text ||
			got.swallowed != tt.swallowed {
			t.Errorf("%s: %+v, want found %d, spurious %d, whole %d, text %d, swallowed %d", tt.name, got, tt.found,
				tt.spurious, tt.whole, tt.text, tt.swallowed)
		}
	}
}

// TestFolds checks that posts of the same form are in the same fold, and that no fold is much smaller than the others.
func TestFolds(t *testing.T) {
	posts, err := readPosts("posts/*.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	for way := range 3 {
		of, size := map[string]int{}, make([]int, foldCount)
		for i, k := range folds(posts, foldCount, way) {
			if other, ok := of[posts[i].Form]; ok && other != k {
				t.Fatalf("posts of the form %q are in folds %d and %d, want a single fold", posts[i].Form, other, k)
			}
			of[posts[i].Form] = k
			size[k]++
		}
		for k, n := range size {
			if n < len(posts)/foldCount/2 {
				t.Errorf("fold %d of division %d has %d of %d posts, want at least %d", k, way, n, len(posts), len(posts)/foldCount/2)
			}
		}
	}
}
