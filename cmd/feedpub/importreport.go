package main

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"sync"
)

// result is what became of a post.
type result int

const (
	isNew result = iota
	isChanged
	isUnchanged
	isRefused // set aside or left out
)

// kindCount counts the posts of one kind.
type kindCount struct {
	New       int `json:"new"`
	Changed   int `json:"changed"`
	Unchanged int `json:"unchanged"`
}

// maxSetAside is how many of the posts that were set aside are kept for the report; all are counted and told about.
const maxSetAside = 10_000

// importReport is what an import did. It is filled by the reading and the storing side at once.
type importReport struct {
	mu     sync.Mutex
	DryRun bool `json:"dry_run,omitempty"`
	// Posts counts what is in the store now, or would be: new, changed or not.
	Posts   int                   `json:"posts"`
	Deleted int                   `json:"deleted,omitempty"` // with --undo
	Records int                   `json:"records"`           // of export: first seen, names, removals, archives
	Kinds   map[string]*kindCount `json:"kinds"`             // by status
	// LeftOut counts what is no post, by what it is: page, attachment, trash, older than --since.
	LeftOut map[string]int `json:"left_out,omitempty"`
	// Notes are what could not be taken over as it was; the first [maxSetAside] of them.
	Notes         []string `json:"notes,omitempty"`
	WithoutURL    int      `json:"without_url,omitempty"` // of folders: new or changed posts whose page is not known
	SetAsideCount int      `json:"set_aside_count"`
	SetAside      []string `json:"set_aside"` // places and reasons
	Stopped       string   `json:"stopped,omitempty"`
}

func newImportReport(dry bool) *importReport {
	return &importReport{DryRun: dry, Kinds: map[string]*kindCount{}, LeftOut: map[string]int{}, SetAside: []string{}}
}

func (r *importReport) post(kind string, was result) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.Posts++
	c := r.Kinds[kind]
	if c == nil {
		c = &kindCount{}
		r.Kinds[kind] = c
	}
	switch was {
	case isNew:
		c.New++
	case isChanged:
		c.Changed++
	case isUnchanged:
		c.Unchanged++
	}
}

func (r *importReport) deleted() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.Deleted++
}

func (r *importReport) records(n int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.Records += n
}

func (r *importReport) leave(kind string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.LeftOut[kind]++
}

func (r *importReport) unaddressed() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.WithoutURL++
}

// note keeps a note and tells about it.
func (r *importReport) note(note string, stderr io.Writer) {
	r.mu.Lock()
	defer r.mu.Unlock()
	fmt.Fprintf(stderr, "feedpub: note: %s\n", note)
	if len(r.Notes) < maxSetAside {
		r.Notes = append(r.Notes, note)
	}
}

// setAside counts what was set aside and tells about it.
func (r *importReport) setAside(what string, stderr io.Writer) {
	r.mu.Lock()
	defer r.mu.Unlock()
	fmt.Fprintf(stderr, "feedpub: set aside: %s\n", what)
	r.SetAsideCount++
	if len(r.SetAside) < maxSetAside {
		r.SetAside = append(r.SetAside, what)
	}
}

// summarize tells a person what was done.
func (i *importer) summarize() {
	r, out := i.report, i.env.stdout
	rows := [][]string{{"POSTS", "NEW", "CHANGED", "UNCHANGED"}}
	for _, kind := range slices.Sorted(maps.Keys(r.Kinds)) {
		c := r.Kinds[kind]
		rows = append(rows, []string{kind, strconv.Itoa(c.New), strconv.Itoa(c.Changed), strconv.Itoa(c.Unchanged)})
	}
	if len(rows) > 1 {
		if err := i.env.printTable(rows); err != nil {
			return // the last line would not arrive either
		}
	}
	for _, kind := range slices.Sorted(maps.Keys(r.LeftOut)) {
		fmt.Fprintf(out, "left out: %d %s\n", r.LeftOut[kind], kind)
	}
	if n := r.WithoutURL; n > 0 {
		fmt.Fprintf(out, "without an address: %s; a reader can't open the page of such a post\n", count(n, "post"))
	}
	where := i.place.config.Redis.String()
	if i.place.folder() {
		where = string(i.place.config.Dir)
	}
	n, verb := r.Posts, "stored in"
	if i.undo {
		n, verb = r.Deleted, "deleted from"
	}
	if r.DryRun {
		verb = "would be " + verb
	}
	same := 0
	for _, c := range r.Kinds {
		same += c.Unchanged
	}
	fmt.Fprintf(out, "%s %s %s", count(n-same, "post"), verb, where)
	if same > 0 {
		fmt.Fprintf(out, ", %d unchanged", same)
	}
	if n := r.Records; n > 0 {
		fmt.Fprintf(out, ", %s", count(n, "record"))
	}
	if n := r.SetAsideCount; n > 0 {
		fmt.Fprintf(out, ", %d set aside", n)
	}
	fmt.Fprintln(out)
}
