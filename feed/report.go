package feed

import (
	"fmt"
	"slices"
	"time"
)

// Problem describes to the operator why a post, or a part of it, is not in the documents.
type Problem struct {
	ID   string      `json:"id"` // id of the post, name of the feed (KindHeld), path (KindFile), or RollbackID
	Kind ProblemKind `json:"kind"`
	// Place is the position of the problem in the post: a JSON path or "line 3". It may be empty. For KindRollback, it is
	// the folder that was replaced, or empty if the store is Redis.
	Place  string `json:"place,omitempty"`
	Reason string `json:"reason"` // a sentence
	// Since is the time at which the problem was first found.
	Since time.Time `json:"since,omitzero"`
	// Serving is set if an earlier version of the post is still published.
	Serving bool `json:"serving,omitempty"`
}

// ProblemKind is the kind of a [Problem]. The methods of a kind that is not in the table of kinds panic, so a kind from
// a store must be checked with [ProblemKind.Known] first: a later release may have written it.
type ProblemKind string

// The kinds of problems.
const (
	KindRejected   ProblemKind = "rejected"   // the post cannot be read
	KindMissing    ProblemKind = "missing"    // the post was deleted without an inbox entry
	KindSuggestion ProblemKind = "suggestion" // a credit is not certain enough to publish
	KindCharacters ProblemKind = "characters" // invalid characters were replaced by U+FFFD
	KindMedia      ProblemKind = "media"      // files that the post refers to are missing
	KindNote       ProblemKind = "note"       // a probable mistake, such as a misspelled front matter key
	KindHeld       ProblemKind = "held"       // a commit is held: posts vanished from the feed without explanation
	KindFile       ProblemKind = "file"       // a file, or the folder ".", cannot be read; the ID is its path
	KindReplica    ProblemKind = "replica"    // the store's documents are damaged, or older than those served
	KindFleet      ProblemKind = "fleet"      // the processes of a site are incompatible; the ID identifies a process
	// KindRollback means that the store was replaced by an older copy while no process was running. Changes are held until
	// an operator accepts the copy. The ID is RollbackID.
	KindRollback ProblemKind = "rollback"
)

// RollbackID is the ID of the problem of kind [KindRollback]; there is at most one.
const RollbackID = "store"

// kindInfo is a row in the table of problem kinds.
type kindInfo struct {
	kind ProblemKind
	// rejects is set if something that was submitted is not published because of the problem.
	rejects bool
	// published describes the version of the post that is published despite the problem. It is empty if that depends on
	// Problem.Serving.
	published string
}

// kindTable is never modified.
var kindTable = []kindInfo{
	{kind: KindRejected, rejects: true},
	{kind: KindMissing, published: "yes"},
	{kind: KindSuggestion, published: "without it"},
	{kind: KindCharacters, published: "with U+FFFD"},
	{kind: KindMedia, published: "without them"},
	{kind: KindNote, published: "yes"},
	{kind: KindHeld},
	{kind: KindFile, rejects: true},
	{kind: KindReplica},
	{kind: KindFleet},
	{kind: KindRollback, published: "last documents"},
}

// ProblemKinds returns all kinds of problems.
func ProblemKinds() []ProblemKind {
	list := make([]ProblemKind, len(kindTable))
	for i, row := range kindTable {
		list[i] = row.kind
	}
	return list
}

// Known reports whether the kind is in the table.
func (k ProblemKind) Known() bool { return slices.Contains(ProblemKinds(), k) }

func (k ProblemKind) info() kindInfo {
	for _, row := range kindTable {
		if row.kind == k {
			return row
		}
	}
	panic(fmt.Sprintf("feed: problem kind %q is not in the table of kinds", string(k)))
}

// Rejects reports whether a problem of the kind keeps something that was submitted from being published.
func (k ProblemKind) Rejects() bool { return k.info().rejects }

// Published describes the version of the post that is published despite a problem of the kind. It is empty if that
// depends on [Problem.Serving].
func (k ProblemKind) Published() string { return k.info().published }

// Outcome is the outcome of a rebuild of one feed. The methods of an outcome that is not in the table of outcomes
// panic.
type Outcome string

// The outcomes.
const (
	Committed Outcome = "committed" // new documents were committed
	Unchanged Outcome = "unchanged" // the documents are equal to the committed ones
	Held      Outcome = "held"      // posts vanished without explanation, or KindRollback; the last documents are kept
	Failed    Outcome = "failed"    // the feed could not be built; the last documents are kept
)

// outcomeInfo is a row in the table of outcomes.
type outcomeInfo struct {
	outcome Outcome
	current bool // the committed documents contain the current posts
}

// outcomeTable is never modified.
var outcomeTable = []outcomeInfo{
	{outcome: Committed, current: true},
	{outcome: Unchanged, current: true},
	{outcome: Held},
	{outcome: Failed},
}

// Outcomes returns all outcomes.
func Outcomes() []Outcome {
	list := make([]Outcome, len(outcomeTable))
	for i, row := range outcomeTable {
		list[i] = row.outcome
	}
	return list
}

// Current reports whether the committed documents contain the current posts after a rebuild with the outcome. If they
// do not, the [FeedReport] contains the reason.
func (o Outcome) Current() bool {
	for _, row := range outcomeTable {
		if row.outcome == o {
			return row.current
		}
	}
	panic(fmt.Sprintf("feed: outcome %q is not in the table of outcomes", string(o)))
}

// Report is the result of a rebuild.
type Report struct {
	Feeds []FeedReport `json:"feeds"`
	// Problems are the problems of the site after the rebuild.
	Problems []Problem `json:"problems"`
	// Run is the record of the rebuild.
	Run Run `json:"run,omitzero"`
}

// FeedReport is the result of a rebuild for one feed.
type FeedReport struct {
	Feed    Name    `json:"feed"`
	Outcome Outcome `json:"outcome"`
	Items   int     `json:"items"`
	Reason  string  `json:"reason"` // reason for Held or Failed, otherwise empty
}
