package publish

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"feedpub/feed"
	"feedpub/feed/intake"
	"feedpub/feed/pathname"
)

// notice is a reason to look at a post.
type notice struct {
	id string
	at time.Time // when the post was submitted or found
	// expected says that somebody told us of it: then a post that does not exist was deleted. Without it, it is missing.
	expected bool
	// due says that the time of a post with a future date has come.
	due bool
}

// absorbDue publishes the items whose time has come.
func (p *Publisher) absorbDue(ctx context.Context, token feed.Token) error {
	for {
		now := p.Clock()
		ids, err := p.Store.Due(ctx, now, batch)
		if err != nil {
			return fmt.Errorf("absorb due: %w", err)
		}
		if len(ids) == 0 {
			p.dueUntil = now
			return nil
		}
		if err := p.absorbFound(ctx, token, ids, true); err != nil {
			return err
		}
	}
}

// absorbFound takes in posts that were found rather than submitted; the cursor stays where it is.
func (p *Publisher) absorbFound(ctx context.Context, token feed.Token, ids []string, due bool) error {
	cursor, err := p.Store.Cursor(ctx)
	if err != nil {
		return fmt.Errorf("absorb: %w", err)
	}
	now := p.Clock()
	notices := make([]notice, len(ids))
	for i, id := range ids {
		notices[i] = notice{id: id, at: now, due: due}
	}
	return p.absorb(ctx, token, cursor, cursor, notices)
}

// absorb takes in the posts of the notices in one step.
func (p *Publisher) absorb(ctx context.Context, token feed.Token, cursor, next string, notices []notice) error {
	ids := make([]string, len(notices))
	for i, n := range notices {
		ids[i] = n.id
	}
	stored, err := p.Store.Load(ctx, ids)
	if err != nil {
		return fmt.Errorf("absorb: %w", err)
	}
	b := &inboxBatch{cursor: cursor, next: next, notices: notices, decided: p.decideAll(stored, notices)}
	return p.write(ctx, token, b)
}

// write makes what was decided about a batch of posts. If a writer or another builder was faster, nothing is written and
// the error is of kind [feed.ErrStale]: the caller's next run starts from the new state.
func (p *Publisher) write(ctx context.Context, token feed.Token, b *inboxBatch) error {
	if len(b.decided) == 0 && b.cursor == b.next {
		return nil
	}
	// After the posts: an archive that is closed from now on is closed by who has the greater token, and this is refused.
	if err := p.loadHistory(ctx); err != nil {
		return fmt.Errorf("absorb: %w", err)
	}
	a := feed.Absorption{
		Token: token, Cursor: b.cursor, Next: b.next,
		Names: map[feed.Name]string{}, Removals: map[feed.Name]time.Time{},
	}
	if err := p.place(ctx, &a, b.decided); err != nil {
		return fmt.Errorf("absorb: %w", err)
	}
	if err := p.Store.Absorb(ctx, a); err != nil {
		return fmt.Errorf("absorb: %w", err)
	}
	for _, c := range a.Changes {
		p.told.post(p.Logger, c.ID, c.Problem)
	}
	return nil
}

// decision is what becomes of one post, before its feeds are known.
type decision struct {
	feed.Change
	notice notice
	was    *feed.Item
}

// keep leaves the item that there is: where it is, or waiting for its time, or published if that has come.
func (d *decision) keep(now time.Time) {
	d.Keep, d.Item, d.Due = true, nil, time.Time{}
	switch {
	case d.was == nil:
	case d.was.Published.After(now):
		d.Due = d.was.Published
	case d.notice.due:
		d.Entered = append([]feed.Name{feed.Main}, d.was.Feeds...)
	}
}

// decide says what becomes of one post, and false if nothing does.
func (p *Publisher) decide(st feed.StoredPost, n notice) (decision, bool) {
	d := decision{notice: n, was: st.Item}
	d.Change = feed.Change{ID: st.ID, ItemSum: st.ItemSum, Record: st.Record}
	d.Record.ID = st.ID
	if st.Unreadable != "" {
		d.Problem = problem(st, errors.New(st.Unreadable), n.at)
		d.keep(p.Clock())
		return d, true
	}
	if st.Raw == nil {
		if !n.expected && st.Item != nil {
			d.keep(p.Clock())
			d.Problem = &feed.Problem{ID: st.ID, Kind: feed.KindMissing, Since: n.at, Serving: true,
				Reason: "the post is gone from the store and nobody deleted it; it stays published until that is confirmed by deleting it"}
			return d, true
		}
		return d, n.expected || n.due
	}

	if !n.expected && st.Item != nil && readByNewer(st.Item.Intake, p.reading) && st.Item.RawSum == feed.HashOf(st.Raw) {
		// A newer program has read it since. To read it again would change documents, and change them back when the newer
		// program builds: nobody but it, or a writer, changes what it has read.
		d.keep(p.Clock())
		return d, n.due
	}

	tentative := st.Record
	if tentative.FirstSeen.IsZero() {
		tentative.FirstSeen = n.at.UTC().Truncate(time.Millisecond)
	}
	result, err := p.Intake.Item(st.ID, st.Raw, tentative)
	if err != nil {
		// What can be read as withdrawn is withdrawn, however broken the rest: to go on publishing it could do harm
		// that nobody can undo.
		d.Problem = problem(st, err, n.at)
		if intake.StatusOf(st.Raw) == feed.Published {
			d.keep(p.Clock())
		} else {
			d.Problem.Serving = false
		}
		return d, true
	}
	if result.Item == nil {
		return d, true
	}
	d.Item = result.Item
	d.Item.Intake = p.reading
	d.Record.Removed = time.Time{}
	if d.Item.Published.Equal(tentative.FirstSeen) {
		d.Record.FirstSeen = tentative.FirstSeen
	}
	if d.Item.Published.After(p.Clock()) {
		d.Due = d.Item.Published
	}
	d.Problem = flaws(st.ID, result, n.at)
	return d, true
}

// readByNewer reports whether a version of the intake is newer than another, by their fingerprints, which begin with it.
func readByNewer(fingerprint, than string) bool {
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

// place adds the decisions to the absorption: with the feeds that each item enters and leaves, the path names of those,
// and the times of removals.
func (p *Publisher) place(ctx context.Context, a *feed.Absorption, decided []decision) error {
	var plain []feed.Name
	for _, d := range decided {
		for _, m := range p.memberships(d.Item) {
			plain = append(plain, pathname.Plain(m.family, m.full))
		}
	}
	names, err := p.known(ctx, plain)
	if err != nil {
		return err
	}
	var documents map[string][]feed.Name // which feeds' documents hold a post; loaded when first needed
	for _, d := range decided {
		if d.Keep {
			a.Changes = append(a.Changes, p.keepPlaces(d))
			continue
		}
		// An item that waited for its time until now is in no document yet, whatever becomes of it.
		published := d.was != nil && !d.notice.due && !d.was.Published.After(p.dueUntil)
		var was places
		switch {
		case published:
			was = p.places(d.was)
		case d.was == nil && d.Item == nil:
			// Withdrawn, and no item tells where it was, as after a loss of data: the documents that hold it do.
			if documents == nil {
				if documents, err = p.holders(ctx); err != nil {
					return err
				}
			}
			for _, n := range documents[d.ID] {
				of, _ := n.Archived()
				was.add(of, n)
			}
		}
		var now places
		if d.Item != nil {
			if d.Item.Feeds, err = p.assign(ctx, names, a.Names, d.Item); err != nil {
				return err
			}
			if published && reflect.DeepEqual(d.was, d.Item) {
				// Submitted again as it was. The change still clears or sets its problem.
				d.keep(p.Clock())
				a.Changes = append(a.Changes, p.keepPlaces(d))
				continue
			}
			if d.Due.IsZero() {
				now = p.places(d.Item)
			}
		} else if len(was.feeds) > 0 && d.Record.Removed.IsZero() {
			d.Record.Removed = d.notice.at
		}
		d.Entered = now.feeds
		for _, n := range was.feeds {
			if !slices.Contains(now.feeds, n) {
				d.Left = append(d.Left, n)
			}
		}
		for _, n := range was.documents {
			if !slices.Contains(now.documents, n) && d.notice.at.After(a.Removals[n]) {
				a.Removals[n] = d.notice.at
			}
		}
		d.Touched = append(slices.Clone(was.documents), now.documents...)
		if published && readAlike(d.was, d.Item) {
			d.Touched = []feed.Name{} // not nil, which would be all
		}
		a.Changes = append(a.Changes, d.Change)
	}
	return nil
}

// readAlike reports whether two items differ in nothing but what they were made from: then documents show no difference.
func readAlike(was, now *feed.Item) bool {
	if was == nil || now == nil {
		return false
	}
	a, b := *was, *now
	a.Intake, a.RawSum = b.Intake, b.RawSum
	return reflect.DeepEqual(a, b)
}

// keepPlaces returns the change of a decision that leaves the item: if it enters feeds, its time has come.
func (p *Publisher) keepPlaces(d decision) feed.Change {
	if len(d.Entered) > 0 {
		d.Touched = p.places(d.was).documents
	}
	return d.Change
}

// places are where an item stands: in which feeds, and in which document of each: the feed's own or an archive.
type places struct {
	feeds, documents []feed.Name
}

func (x *places) add(of, document feed.Name) {
	if !slices.Contains(x.feeds, of) {
		x.feeds = append(x.feeds, of)
	}
	x.documents = append(x.documents, document)
}

func (p *Publisher) places(it *feed.Item) places {
	var x places
	x.add(feed.Main, p.history.at(feed.Main, feed.PositionOf(it)))
	for _, n := range it.Feeds {
		x.add(n, p.history.at(n, feed.PositionOf(it)))
	}
	return x
}

// membership is a feed of a family that an item belongs to, by the full name that the item gives.
type membership struct {
	family feed.Family
	full   string
}

// memberships returns the feeds of the families that an item belongs to, in the item's order; nil for a nil item.
func (p *Publisher) memberships(it *feed.Item) []membership {
	if it == nil {
		return nil
	}
	var out []membership
	add := func(f feed.Family, full string) {
		if full = strings.TrimSpace(full); full != "" {
			out = append(out, membership{f, full})
		}
	}
	for _, t := range it.Tags {
		add(feed.Tags, t)
	}
	for _, author := range it.Authors {
		add(feed.Authors, author.Name)
	}
	for _, q := range it.Quotes {
		if !q.Certain {
			continue // one mention in prose makes no feed
		}
		add(feed.Sources, p.Canonical(q.Source.Publication).Publication)
	}
	return out
}

// assign returns the names of the item's feeds, sorted, and adds those of families to record.
func (p *Publisher) assign(ctx context.Context, names *nameTable, record map[feed.Name]string, it *feed.Item) ([]feed.Name, error) {
	var feeds []feed.Name
	var lookup error
	for _, m := range p.memberships(it) {
		n := pathname.Assign(m.family, m.full, func(n feed.Name) (string, bool) {
			full, ok, err := names.of(ctx, n)
			lookup = errors.Join(lookup, err)
			return full, ok
		})
		if names.full[n] == "" {
			names.full[n] = m.full
		}
		// All names in use are recorded again, not only the new ones: a store that was rolled back has forgotten some.
		record[n] = names.full[n]
		feeds = append(feeds, n)
	}
	feeds = append(feeds, p.selector.Select(it)...)
	feeds = slices.DeleteFunc(feeds, func(n feed.Name) bool { return slices.Contains(it.ExcludeFrom, n) })
	slices.Sort(feeds)
	return slices.Compact(feeds), lookup
}

// holders returns by post the feeds and archives whose documents hold it, those that are committed and those that are served.
func (p *Publisher) holders(ctx context.Context) (map[string][]feed.Name, error) {
	heads, err := p.Store.Heads(ctx)
	if err != nil {
		return nil, err
	}
	if p.Seen != nil {
		heads = append(heads, p.Seen.Heads()...)
	}
	out := map[string][]feed.Name{}
	for _, h := range heads {
		for _, id := range h.IDs {
			if !slices.Contains(out[id], h.Feed) {
				out[id] = append(out[id], h.Feed)
			}
		}
	}
	return out, nil
}

// known loads what the feed names stand for.
func (p *Publisher) known(ctx context.Context, names []feed.Name) (*nameTable, error) {
	t := &nameTable{full: map[feed.Name]string{}, store: p.Store}
	if len(names) == 0 {
		return t, nil
	}
	slices.Sort(names)
	names = slices.Compact(names)
	recorded, err := p.Store.Names(ctx, names...)
	if err != nil {
		return nil, err
	}
	for _, n := range names {
		t.full[n] = recorded[n]
	}
	return t, nil
}

// nameTable is what path names stand for, "" for those that are free, as far as it was looked up.
type nameTable struct {
	full  map[feed.Name]string
	store Items
}

// of returns what n stands for; it asks the store for names that nobody thought of beforehand, the contested ones.
func (t *nameTable) of(ctx context.Context, n feed.Name) (string, bool, error) {
	full, ok := t.full[n]
	if !ok {
		recorded, err := t.store.Names(ctx, n)
		if err != nil {
			return "", false, err
		}
		full = recorded[n]
		t.full[n] = full
	}
	return full, full != "", nil
}

// problem says why a post is set aside.
func problem(st feed.StoredPost, err error, at time.Time) *feed.Problem {
	pr := &feed.Problem{ID: st.ID, Kind: feed.KindRejected, Reason: err.Error(), Since: at, Serving: st.Item != nil}
	if placed, ok := errors.AsType[*intake.Error](err); ok {
		pr.Place, pr.Reason = placed.Place, placed.Reason
	}
	return pr
}

// flaws says what of a post is not published as it came, or nil. A post has one problem at a time: the worse one leads.
func flaws(id string, result intake.Result, at time.Time) *feed.Problem {
	pr := &feed.Problem{ID: id, Since: at, Serving: true}
	var reasons []string
	if len(result.Doubtful) > 0 {
		pr.Kind, reasons = feed.KindSuggestion, append(reasons, doubts(result.Doubtful))
	}
	if result.Replaced.Count > 0 {
		pr.Kind, pr.Place = feed.KindCharacters, result.Replaced.Place
		reasons = append([]string{result.Replaced.String()}, reasons...)
	}
	if len(reasons) == 0 {
		return nil
	}
	pr.Reason = strings.Join(reasons, "; ")
	return pr
}

// doubts lists sources that were left out, for the operator.
func doubts(quotes []feed.Quote) string {
	var b strings.Builder
	b.WriteString("left out, too little certain: ")
	for i, q := range quotes {
		if i > 0 {
			b.WriteString("; ")
		}
		b.WriteString(cmp.Or(q.Source.Publication, q.Source.Headline, "a source without a name"))
		b.WriteString(" (confidence " + strconv.FormatFloat(q.Confidence, 'f', 2, 64) + ")")
	}
	return b.String()
}
