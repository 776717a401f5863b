package attribution

import "testing"

// TestRelease checks that the blocks of a suggestion become commentary or an uncredited quotation, except those of a
// published credit.
func TestRelease(t *testing.T) {
	rd, _ := newCredit(t, newReader(t), "From the Guardian and the Bugle:\n\nThe pier is shut.\n\nAnn Reed said so.\n\n> It rained.", citation{})
	for k, role := range []Role{Credit, Passage, Credit, Passage} {
		rd.doc.blocks[k].role, rd.doc.blocks[k].ownText = role, []string{"own"}
	}
	published := &candidate{source: &source{creditBlocks: []int{0}, passageBlocks: []int{1}}}
	suggested := &candidate{source: &source{creditBlocks: []int{0, 2}}, rule: &source{creditBlocks: []int{0}, passageBlocks: []int{1, 3}}}
	rd.release([]*candidate{published, suggested}, map[*candidate]Quote{suggested: {}})
	for k, want := range []Role{Credit, Passage, Commentary, Uncredited} {
		b := rd.doc.blocks[k]
		if b.role != want || (len(b.ownText) > 0) != (k < 2) {
			t.Errorf("block %d: role %q and own text %q, want role %q", k, b.role, b.ownText, want)
		}
	}
}

// TestCertaintyOfSuggestions checks that what is only suggested has a certainty below the threshold.
func TestCertaintyOfSuggestions(t *testing.T) {
	const pier = "https://www.theguardian.com/uk/2012/may/03/pier"
	r := newReader(t)
	n := 0
	for _, body := range []string{
		"*This post originally appeared on [the Guardian](" + pier + ").*\n\nI counted the boats.",
		"I have [asked](" + pier + ") the Guardian.\n\nNobody knew.",
		"From [the Guardian](" + pier + "):" + formBlock,
		"My brother reads the Guardian.\n\nI do not.",
	} {
		for _, q := range read(t, r, "markdown", "", body).Suggestions {
			if n++; q.Confidence >= DefaultThreshold || q.Confidence <= 0 {
				t.Errorf("%q: the suggestion of %q has the certainty %v", body, q.Source.Publication, q.Confidence)
			}
		}
	}
	if n < 2 {
		t.Errorf("%d suggestions, want at least 2", n)
	}
}
