package importer

import (
	"fmt"
	"io"
	"sync"
)

// result describes what happened to a post.
type result int

const (
	resultNone result = iota // skipped or rejected
	resultNew
	resultChanged
	resultUnchanged
)

// StatusCount counts the posts with one status.
type StatusCount struct {
	New       int `json:"new"`
	Changed   int `json:"changed"`
	Unchanged int `json:"unchanged"`
}

// maxReported is the maximum length of the lists in a report. All entries are counted and written to standard error.
const maxReported = 10_000

// Report is the result of an import.
type Report struct {
	mu     sync.Mutex // the goroutines that read and store both write to the report
	stderr io.Writer

	DryRun bool `json:"dry_run,omitempty"`
	// Posts counts the new, changed and unchanged posts. They are in the store or, after a dry run, would be in it.
	Posts   int `json:"posts"`
	Deleted int `json:"deleted,omitempty"` // set only with Undo
	Records int `json:"records"`           // records of an export, see [feed.ExportLine]
	// RecordChanges counts the records by what would be done with them. It is set only by a dry run.
	RecordChanges *RecordCount            `json:"record_changes,omitempty"`
	Statuses      map[string]*StatusCount `json:"statuses"`
	// Changed lists the ids of the first [maxReported] stored posts that a dry run would replace.
	Changed []string `json:"changed,omitempty"`
	// Skipped counts entries by reason: page, attachment, trash, older than Since.
	Skipped map[string]int `json:"skipped,omitempty"`
	// Notes lists the first [maxReported] notes on content that could not be imported unchanged.
	Notes []string `json:"notes,omitempty"`
	// Files counts the images in the content of posts that were stored as files. In a dry run, it counts the images that
	// would have been stored.
	Files int `json:"files,omitempty"`
	// WithoutURL counts the new or changed posts from folders whose pages have no known URL.
	WithoutURL    int      `json:"without_url,omitempty"`
	RejectedCount int      `json:"rejected_count"`
	Rejected      []string `json:"rejected"` // the first [maxReported], each with its place and reason
	Stopped       string   `json:"stopped,omitempty"`
}

func newReport(dry bool, stderr io.Writer) *Report {
	return &Report{
		stderr: stderr, DryRun: dry, Statuses: map[string]*StatusCount{}, Skipped: map[string]int{}, Rejected: []string{},
	}
}

// post counts a post with the status, unless it was skipped or rejected.
func (r *Report) post(status string, x result) {
	if x == resultNone {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.Posts++
	c := r.Statuses[status]
	if c == nil {
		c = &StatusCount{}
		r.Statuses[status] = c
	}
	switch x {
	case resultNew:
		c.New++
	case resultChanged:
		c.Changed++
	case resultUnchanged:
		c.Unchanged++
	case resultNone: // handled above
	}
}

func (r *Report) deleted() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.Deleted++
}

func (r *Report) records(n int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.Records += n
}

// record counts a record of a dry run.
func (r *Report) record(add func(*RecordCount)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.RecordChanges == nil {
		r.RecordChanges = new(RecordCount)
	}
	add(r.RecordChanges)
}

func (r *Report) wouldChange(id string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.Changed) < maxReported {
		r.Changed = append(r.Changed, id)
	}
}

func (r *Report) skip(reason string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.Skipped[reason]++
}

func (r *Report) file() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.Files++
}

func (r *Report) withoutURL() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.WithoutURL++
}

// note adds a note and writes it to standard error.
func (r *Report) note(note string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	fmt.Fprintf(r.stderr, "feedpub: note: %s\n", note)
	if len(r.Notes) < maxReported {
		r.Notes = append(r.Notes, note)
	}
}

// reject counts a rejected post and writes the reason to standard error.
func (r *Report) reject(reason string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	fmt.Fprintf(r.stderr, "feedpub: rejected: %s\n", reason)
	r.RejectedCount++
	if len(r.Rejected) < maxReported {
		r.Rejected = append(r.Rejected, reason)
	}
}
