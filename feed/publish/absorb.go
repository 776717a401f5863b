package publish

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"feedpub/feed"
	"feedpub/feed/intake"
)

// waitingReader reads what a builder may have to absorb.
type waitingReader interface {
	// Waiting returns up to n due posts and up to n submissions.
	Waiting(ctx context.Context, n int) (feed.Waiting, error)
}

// dueLister lists unpublished posts whose publication date has passed.
type dueLister interface {
	// Due returns the ids of up to n unpublished posts whose publication date is not later than now.
	Due(ctx context.Context, now time.Time, n int) ([]string, error)
}

type postLoader interface {
	Load(ctx context.Context, ids []string) ([]feed.StoredPost, error)
}

type itemWriter interface {
	// Absorb writes all changes or none. The error is of kind [feed.ErrStale] if the state that the changes were
	// computed from is no longer current.
	Absorb(ctx context.Context, a feed.Absorption) error
}

// absorber turns posts into items, and decides which feeds they enter and leave. Its methods are called with the work
// lock held.
type absorber struct {
	waiting  waitingReader
	inbox    inboxReader
	due      dueLister
	posts    postLoader
	items    itemWriter
	heads    headReader
	index    indexReader
	store    storeClock
	known    publicationLister
	catalog  feed.Catalog
	language string // of the site
	// withPublications is [Config.WithPublications]; may be nil.
	withPublications func([]feed.Publication) (*intake.Intake, func(string) feed.Source, error)
	reading          atomic.Pointer[reading] // atomic, because scans load it without the work lock
	rendering        *rendering
	feeds            feedAssigner
	archives         *archiveSet
	replica          Replica
	rejected         func(feed.Problem) []feed.StoredNotice // may be nil
	problems         *problemLog
	history          *history
	guard            *guard
	logger           *slog.Logger

	// dates decides whether an item is published. Absorbing and building share it, so they agree.
	dates dates

	// itemsLost is set once a post without an item has been found. The feeds that contain an earlier version of such a
	// post are unknown.
	itemsLost bool
	// unread contains the rejected posts without an item. Their items may have been lost, so itemsLost is set once such a
	// post can be read again.
	unread map[string]bool
}

// isDue reports whether the publication date of an item has passed.
func (a *absorber) isDue(it *feed.Item, record feed.Record) bool {
	return a.dates.passed(it.ID, it.Published, record.FirstSeen)
}

// candidate is a post to absorb, and the reason for absorbing it.
type candidate struct {
	id string
	at time.Time // when the post was submitted or found
	// submitted is set for an inbox entry. A post that does not exist was deleted if submitted is set, and is missing
	// otherwise.
	submitted bool
	// due is set if the post's publication date has passed.
	due bool
}

// publishDue publishes the items whose publication date has passed, and updates a.dates. It returns what the builder
// had to absorb when it was called.
func (a *absorber) publishDue(ctx context.Context, token feed.Token) (feed.Waiting, error) {
	var w feed.Waiting
	g, reading := errgroup.WithContext(ctx)
	g.Go(func() error { return a.loadTable(reading) })
	g.Go(func() (err error) {
		w, err = a.waiting.Waiting(reading, batchSize)
		return err
	})
	if err := g.Wait(); err != nil {
		return w, err
	}
	// Load the table before the guard, which tries posts with the intake that uses the table.
	if err := a.guard.load(ctx, token, w.Costly); err != nil {
		return w, err
	}
	next, err := a.readDates(ctx, token, w)
	if err != nil {
		return w, fmt.Errorf("publish due posts: %w", err)
	}
	for ids := w.Due; len(ids) > 0; {
		if err := a.absorb(ctx, token, ids, next, true); err != nil {
			return w, err
		}
		if ids, err = a.due.Due(ctx, next.now, batchSize); err != nil {
			return w, fmt.Errorf("publish due posts: %w", err)
		}
	}
	a.dates = next
	return w, nil
}

// absorbFound absorbs posts that were found rather than submitted. If due is set, items that need no change enter
// their feeds again.
func (a *absorber) absorbFound(ctx context.Context, token feed.Token, ids []string, due bool) error {
	if _, err := a.publishDue(ctx, token); err != nil {
		return err
	}
	return a.absorb(ctx, token, ids, a.dates, due)
}

// absorb absorbs posts in one step, without advancing the inbox cursor.
func (a *absorber) absorb(ctx context.Context, token feed.Token, ids []string, by dates, due bool) error {
	cursor, err := a.inbox.Cursor(ctx)
	if err != nil {
		return fmt.Errorf("absorb: %w", err)
	}
	stored, err := a.posts.Load(ctx, ids)
	if err != nil {
		return fmt.Errorf("absorb: %w", err)
	}
	candidates := make([]candidate, len(ids))
	for i, id := range ids {
		candidates[i] = candidate{id: id, at: by.now, due: due}
	}
	decisions, err := a.decideAll(ctx, stored, candidates, by)
	if err != nil {
		return fmt.Errorf("absorb: %w", err)
	}
	return a.write(ctx, token, &batch{cursor: cursor, next: cursor, candidates: candidates, decisions: decisions})
}

// write writes the decisions about a batch of posts. If a post has changed or another builder has taken over since the
// posts were read, it writes nothing and returns an error of kind [feed.ErrStale]; the next run starts from the new
// state.
func (a *absorber) write(ctx context.Context, token feed.Token, b *batch) error {
	if len(b.decisions) == 0 && b.cursor == b.next {
		return nil
	}
	// Load the archives after the posts: if another builder closes an archive later, it has a greater token, and this
	// write fails.
	var names *nameTable
	g, reading := errgroup.WithContext(ctx)
	g.Go(func() error { return a.archives.load(reading) })
	g.Go(func() (err error) {
		names, err = a.loadNames(reading, b.decisions)
		return err
	})
	if err := g.Wait(); err != nil {
		return fmt.Errorf("absorb: %w", err)
	}
	counted, err := a.history.count(ctx, b)
	if err != nil {
		return fmt.Errorf("absorb: %w", err)
	}
	absorption, err := a.place(ctx, b.decisions, names)
	if err != nil {
		return fmt.Errorf("absorb: %w", err)
	}
	for i := range absorption.Changes {
		if c := &absorption.Changes[i]; a.rejected != nil && c.Problem != nil && c.Problem.Kind == feed.KindRejected {
			c.Notices = a.rejected(*c.Problem)
		}
	}
	absorption.Token, absorption.Cursor, absorption.Next = token, b.cursor, b.next
	if err := a.items.Absorb(ctx, absorption); err != nil {
		return fmt.Errorf("absorb: %w", err)
	}
	for _, c := range absorption.Changes {
		a.problems.post(c.ID, c.Problem)
	}
	a.history.note(ctx, b, counted)
	return nil
}

// decision is the change to write for a post, and the data that it was computed from.
type decision struct {
	feed.Change
	candidate candidate
	previous  *feed.Item // the stored item; nil if there is none
	costly    string     // the reason why the post must not be read again; empty if it may be
	removed   bool       // the post was published and later removed
}

// keep leaves the stored item unchanged. An item that is now due enters its feeds.
func (d *decision) keep(by dates) {
	d.Keep, d.Item, d.Due = true, nil, time.Time{}
	switch {
	case d.previous == nil:
	case !by.passed(d.ID, d.previous.Published, d.Record.FirstSeen):
		d.Due = d.previous.Published
	case d.candidate.due:
		d.Entered = append([]feed.Name{feed.Main}, d.previous.Feeds...)
	}
}

// decide returns the decision about a post, and false if there is nothing to write. It may be called concurrently.
func (a *absorber) decide(st feed.StoredPost, n candidate, by dates) (decision, bool) {
	d := decision{candidate: n, previous: st.Item, removed: !st.Record.Removed.IsZero()}
	d.Change = feed.Change{ID: st.ID, ItemSum: st.ItemSum, Record: st.Record}
	if st.Raw != nil {
		d.Raw = feed.HashOf(st.Raw)
	}
	d.Record.ID = st.ID
	switch {
	case st.Unreadable != "":
		d.Problem = rejection(st, errors.New(st.Unreadable), n.at)
		d.keep(by)
	case st.Raw == nil && st.Item != nil && !n.submitted:
		d.keep(by)
		d.Problem = &feed.Problem{
			ID: st.ID, Kind: feed.KindMissing, Since: n.at, Serving: true,
			Reason: "the post is missing from the store and was not deleted; it stays published until you confirm the loss " +
				"by deleting it",
		}
	case st.Raw == nil:
		return d, n.submitted || n.due
	case !n.submitted && st.Item != nil && newerIntake(st.Item.Intake, a.version()) &&
		st.Item.RawSum == feed.HashOf(st.Raw):
		// A newer release has read this post. Reading it again would change documents, which would change back when that
		// release builds.
		d.keep(by)
		return d, n.due
	default:
		a.read(&d, st, by)
	}
	return d, true
}

// read makes an item from a post, or rejects the post.
func (a *absorber) read(d *decision, st feed.StoredPost, by dates) {
	record := st.Record
	if record.FirstSeen.IsZero() {
		record.FirstSeen = d.candidate.at.UTC().Truncate(time.Millisecond)
	}
	if err := a.guard.errCostly(st); err != nil {
		d.reject(st, err, by)
		return
	}
	type reply struct {
		result intake.Result
		err    error
	}
	reading, ticker := a.reading.Load(), time.NewTicker(readTick)
	defer ticker.Stop()
	read, ok := bounded(int(maxReadTime/readTick), ticker.C, func() (r reply) {
		r.result, r.err = reading.intake.Item(st.ID, st.Raw, record, st.Decisions...)
		return r
	})
	if !ok {
		d.costly = fmt.Sprintf("reading it takes longer than %v", maxReadTime)
		d.reject(st, errors.New(d.costly), by)
		return
	}
	result, err := read.result, read.err
	if err != nil {
		d.reject(st, err, by)
		return
	}
	if result.Item == nil { // the post is a draft or private
		return
	}
	d.Item = result.Item
	d.Item.Intake = a.version()
	d.Record.Removed = time.Time{}
	if d.Item.Published.Equal(record.FirstSeen) {
		d.Record.FirstSeen = record.FirstSeen
	}
	if !by.passed(d.ID, d.Item.Published, record.FirstSeen) {
		d.Due = d.Item.Published
	}
	d.Problem = flaws(st.ID, result, d.candidate.at)
}

// reject rejects a post that cannot be read.
func (d *decision) reject(st feed.StoredPost, err error, by dates) {
	d.Problem = rejection(st, err, d.candidate.at)
	if intake.StatusOf(st.Raw) == feed.Published {
		d.keep(by)
	} else {
		// A draft or private post is withdrawn even if the rest of it cannot be read: publishing it could do harm.
		d.Problem.Serving = false
	}
}

// newerIntake reports whether the first of two intake fingerprints is that of a newer version. Fingerprints begin with
// the version of the intake.
func newerIntake(fingerprint, than string) bool {
	version := func(s string) int {
		s, _, _ = strings.Cut(s, "-")
		n, err := strconv.Atoi(s)
		if err != nil {
			return 0
		}
		return n
	}
	return version(fingerprint) > version(than)
}

// placement turns decisions into the changes of one absorption.
type placement struct {
	*absorber
	absorption feed.Absorption
	names      *nameTable
	documents  map[string][]feed.Name // the feeds and archives whose documents contain a post; nil until loaded
	contents   documentContents
}

// loadNames loads the full names of the feeds that the items of decisions are likely to be in.
func (a *absorber) loadNames(ctx context.Context, decisions []decision) (*nameTable, error) {
	items := make([]*feed.Item, 0, len(decisions))
	for _, d := range decisions {
		if d.Item != nil {
			items = append(items, d.Item)
		}
	}
	return a.feeds.loadNames(ctx, items)
}

// place adds to each decision the feeds that the item enters and leaves, their names, and the removal times.
func (a *absorber) place(ctx context.Context, decisions []decision, names *nameTable) (feed.Absorption, error) {
	p := placement{
		absorber: a, names: names, contents: documentContents{},
		absorption: feed.Absorption{Names: map[feed.Name]string{}, Removals: map[feed.Name]time.Time{}},
	}
	for _, d := range decisions {
		if err := p.add(ctx, d); err != nil {
			return feed.Absorption{}, err
		}
	}
	return p.absorption, nil
}

// add adds the change of one post.
func (p *placement) add(ctx context.Context, d decision) error {
	if d.Keep {
		p.addKept(d)
		return nil
	}
	// An item that was not due until now is in no document yet.
	published := d.previous != nil && !d.candidate.due && p.isDue(d.previous, d.Record)
	if d.Item != nil {
		address := d.Item.URL
		list, holder, err := p.feeds.assign(ctx, p.names, p.absorption.Names, d.Item)
		if err != nil {
			return err
		}
		if d.Item.Feeds = list; holder != "" {
			d.noteSharedURL(address, holder)
		}
		if published && reflect.DeepEqual(d.previous, d.Item) {
			// Resubmitted unchanged. Even so, the post's problem may have changed.
			d.keep(p.dates)
			p.addKept(d)
			return nil
		}
	}
	p.noteLost(d)
	if err := p.noteNew(ctx, &d); err != nil {
		return err
	}
	before, err := p.placesBefore(ctx, d, published)
	if err != nil {
		return err
	}
	var after places
	if d.Item != nil && d.Due.IsZero() {
		after = p.places(d.Item)
	}
	p.move(&d, before, after)
	if published && sameContent(d.previous, d.Item) {
		d.Touched = []feed.Name{} // no documents change; nil would mean all
	}
	p.absorption.Changes = append(p.absorption.Changes, d.Change)
	return nil
}

// noteSharedURL records, in the problem of a post, that a different post has its URL.
func (d *decision) noteSharedURL(address, holder string) {
	reason := fmt.Sprintf("the URL %s belongs to the post %q, which was published first; give this post a different slug "+
		"or url", address, holder)
	if d.Problem == nil {
		d.Problem = &feed.Problem{ID: d.ID, Kind: feed.KindNote, Since: d.candidate.at, Serving: true}
	} else {
		reason += "; " + d.Problem.Reason
	}
	d.Problem.Reason = reason
}

// move sets the feeds that a post enters and leaves, the documents that change, and the removal times.
func (p *placement) move(d *decision, before, after places) {
	// A rescheduled post whose date is in the future is in no feed, but may still be in documents that have not been
	// rebuilt yet.
	if d.Item == nil && (len(before.feeds) > 0 || d.previous != nil) && d.Record.Removed.IsZero() {
		d.Record.Removed = d.candidate.at
	}
	d.Entered = after.feeds
	for _, n := range before.feeds {
		if !slices.Contains(after.feeds, n) {
			d.Left = append(d.Left, n)
		}
	}
	for _, n := range before.documents {
		if !slices.Contains(after.documents, n) && d.candidate.at.After(p.absorption.Removals[n]) {
			p.absorption.Removals[n] = d.candidate.at
		}
	}
	d.Touched = append(slices.Clone(before.documents), after.documents...)
}

// noteLost sets itemsLost if the stored item of a post may have been lost.
func (p *placement) noteLost(d decision) {
	if d.previous == nil && (!d.candidate.submitted || p.unread[d.ID]) {
		p.itemsLost = true
	}
	delete(p.unread, d.ID)
}

// addKept adds the change of a post whose stored item, if it has one, is kept.
func (p *placement) addKept(d decision) {
	if d.previous == nil {
		p.unread[d.ID] = true
	}
	if len(d.Entered) > 0 {
		d.Touched = p.places(d.previous).documents
	}
	p.absorption.Changes = append(p.absorption.Changes, d.Change)
}

// placesBefore returns the feeds and documents that a post was in before the change.
func (p *placement) placesBefore(ctx context.Context, d decision, published bool) (places, error) {
	if published {
		return p.places(d.previous), nil
	}
	if d.previous != nil || d.Item != nil {
		return places{}, nil
	}
	// The item of the withdrawn post was lost: only the documents show which feeds contain the post.
	if p.documents == nil {
		var err error
		if p.documents, err = p.documentsByPost(ctx); err != nil {
			return places{}, err
		}
	}
	var before places
	for _, n := range p.documents[d.ID] {
		before.add(feedOf(n), n)
	}
	return before, nil
}

// documentsByPost returns, by post, the feeds and archives whose committed or served documents contain it.
func (a *absorber) documentsByPost(ctx context.Context) (map[string][]feed.Name, error) {
	heads, err := a.heads.Heads(ctx)
	if err != nil {
		return nil, err
	}
	documents := map[string][]feed.Name{}
	for _, h := range append(heads, a.replica.Heads()...) {
		for _, id := range h.IDs {
			if !slices.Contains(documents[id], h.Feed) {
				documents[id] = append(documents[id], h.Feed)
			}
		}
	}
	return documents, nil
}

// sameContent reports whether two items differ at most in Intake and RawSum, which do not affect documents.
func sameContent(previous, item *feed.Item) bool {
	if previous == nil || item == nil {
		return false
	}
	a, b := *previous, *item
	a.Intake, a.RawSum = b.Intake, b.RawSum
	return reflect.DeepEqual(a, b)
}

// places holds the feeds that an item is in, and for each feed the document that contains the item: the feed's own
// document or an archive.
type places struct {
	feeds, documents []feed.Name
}

func (x *places) add(n, document feed.Name) {
	if !slices.Contains(x.feeds, n) {
		x.feeds = append(x.feeds, n)
	}
	x.documents = append(x.documents, document)
}

func (a *absorber) places(it *feed.Item) places {
	var x places
	position := feed.PositionOf(it)
	x.add(feed.Main, a.archives.documentAt(feed.Main, position))
	for _, n := range it.Feeds {
		x.add(n, a.archives.documentAt(n, position))
	}
	return x
}

// rejection returns the problem for a post that cannot be read.
func rejection(st feed.StoredPost, err error, at time.Time) *feed.Problem {
	pr := &feed.Problem{ID: st.ID, Kind: feed.KindRejected, Reason: err.Error(), Since: at, Serving: st.Item != nil}
	if placed, ok := errors.AsType[*intake.Error](err); ok {
		pr.Place, pr.Reason = placed.Place, placed.Reason
	}
	return pr
}

// flaws returns the problem for a post that is published with changes or without some credits, or nil if it has no
// problem. A post has only one problem at a time; in order of precedence: replaced characters, missing files,
// notes about the file, and suggestions.
func flaws(id string, result intake.Result, at time.Time) *feed.Problem {
	pr := &feed.Problem{ID: id, Since: at, Serving: true}
	var reasons []string
	if result.Replaced.Count > 0 {
		pr.Kind, pr.Place = feed.KindCharacters, result.Replaced.Place
		reasons = append(reasons, result.Replaced.String())
	}
	if len(result.Missing) > 0 {
		pr.Kind = cmp.Or(pr.Kind, feed.KindMedia)
		reasons = append(reasons, "missing files: "+strings.Join(result.Missing, ", "))
	}
	if len(result.Notes) > 0 {
		pr.Kind = cmp.Or(pr.Kind, feed.KindNote)
		reasons = append(reasons, strings.Join(result.Notes, "; "))
	}
	if list := doubts(result.Suggestions); list != "" {
		pr.Kind = cmp.Or(pr.Kind, feed.KindSuggestion)
		reasons = append(reasons, list)
	}
	if dormant := dormantDecisions(result.Credits); dormant != "" {
		pr.Kind = cmp.Or(pr.Kind, feed.KindSuggestion)
		reasons = append(reasons, dormant)
	}
	if len(reasons) == 0 {
		return nil
	}
	pr.Reason = strings.Join(reasons, "; ")
	return pr
}

// dormantDecisions lists the decisions about words that a post no longer contains, or returns "".
func dormantDecisions(credits []intake.Credit) string {
	var list []string
	for _, c := range credits {
		if c.State == intake.CreditDormant {
			list = append(list, c.Source.Label()+
				" ("+string(c.Decision.Verdict)+")")
		}
	}
	if len(list) == 0 {
		return ""
	}
	return "decisions about words that the post no longer contains: " + strings.Join(list, "; ")
}

// doubts lists the suggested quotes that are likely enough to need a decision, or returns "".
func doubts(quotes []feed.Quote) string {
	var list []string
	for _, q := range quotes {
		if q.IsDoubt() {
			list = append(list, q.Source.Label()+" (confidence "+strconv.FormatFloat(q.Confidence, 'f', 2, 64)+")")
		}
	}
	if len(list) == 0 {
		return ""
	}
	return "sources left out because their confidence is too low: " + strings.Join(list, "; ")
}
