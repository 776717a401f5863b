package feed

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"unicode"
)

// Decision is a person's decision about one credit of a post. It is primary data and is stored apart from the post, so
// a new version of the post does not change it.
type Decision struct {
	// Key is the [CreditKey] of Read. A later decision with the same key replaces this one.
	Key     string  `json:"key"`
	Verdict Verdict `json:"verdict"`
	// Read is the credit as it was read from the post when the decision was made.
	Read Quote `json:"read"`
	// Edited is published in place of Read. It is set only if the verdict is [Edited].
	Edited *Quote `json:"edited,omitempty"`
}

// Credit returns the quote as it is published: the edited one if there is one.
func (d Decision) Credit() Quote {
	if d.Edited != nil {
		return *d.Edited
	}
	return d.Read
}

// Validate returns nil if the decision is complete, else an error of kind [ErrInvalid].
func (d Decision) Validate() error {
	switch {
	case d.Key == "":
		return fmt.Errorf("decision: key: missing: %w", ErrInvalid)
	case !d.Verdict.Known():
		return fmt.Errorf("decision: verdict %q: want accepted, rejected or edited: %w", string(d.Verdict), ErrInvalid)
	case (d.Verdict == Edited) != (d.Edited != nil):
		return fmt.Errorf("decision: want an edited member if and only if the verdict is edited: %w", ErrInvalid)
	}
	return nil
}

// Verdict is the outcome of a decision about a credit.
type Verdict string

// The verdicts.
const (
	Accepted Verdict = "accepted" // publish the credit as it was read
	Rejected Verdict = "rejected" // do not publish the credit
	Edited   Verdict = "edited"   // publish the credit with changes
)

// Verdicts returns all verdicts.
func Verdicts() []Verdict { return []Verdict{Accepted, Rejected, Edited} }

// Known reports whether the verdict is one of [Verdicts].
func (v Verdict) Known() bool { return slices.Contains(Verdicts(), v) }

// Decisions are all decisions about the credits of one post, in the order in which they were first made.
type Decisions struct {
	ID   string     `json:"id"` // id of the post, which need not exist
	List []Decision `json:"decisions"`
}

// With returns the decisions with d in place of the decision with the same key, or with d added if there is none.
func (ds Decisions) With(d Decision) Decisions {
	list := slices.Clone(ds.List)
	if i := slices.IndexFunc(list, func(e Decision) bool { return e.Key == d.Key }); i >= 0 {
		list[i] = d
	} else {
		list = append(list, d)
	}
	return Decisions{ID: ds.ID, List: list}
}

// Without returns the decisions other than the one with the given key.
func (ds Decisions) Without(key string) Decisions {
	list := slices.DeleteFunc(slices.Clone(ds.List), func(d Decision) bool { return d.Key == key })
	return Decisions{ID: ds.ID, List: list}
}

// Merge returns the decisions, followed by those from another list about the same post that have different keys.
func (ds Decisions) Merge(others []Decision) Decisions {
	for _, d := range others {
		if !slices.ContainsFunc(ds.List, func(e Decision) bool { return e.Key == d.Key }) {
			ds = ds.With(d)
		}
	}
	return ds
}

// CreditKey returns the key that identifies a credit within its post. It depends on the content: the words of the
// passage or, if there is no passage, the source. Punctuation, case and white space are ignored. A key consists of 16
// hexadecimal digits.
func CreditKey(q Quote) string {
	content := "passage:" + letters(q.Text)
	if content == "passage:" {
		content = "source:" + strings.Join([]string{
			letters(q.Source.Publication), letters(q.Source.Headline), letters(joinNames(q.Source.Authors)),
		}, "|")
	}
	sum := sha256.Sum256([]byte(content))
	return hex.EncodeToString(sum[:8])
}

func joinNames(authors []Author) string {
	names := make([]string, len(authors))
	for i, a := range authors {
		names[i] = a.Name
	}
	return strings.Join(names, " ")
}

// letters returns the letters and digits of s in lower case.
func letters(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsLetter(r) || unicode.IsDigit(r) {
			return unicode.ToLower(r)
		}
		return -1
	}, s)
}

// Publication is a publication that a person has accepted as the source of a credit. From then on, the site recognizes
// it when reading credits.
type Publication struct {
	Name   string `json:"name"`
	Domain string `json:"domain,omitempty"` // host of the accepted article, without "www."; empty if unknown
}
