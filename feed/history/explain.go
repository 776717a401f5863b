// Package history explains the status and the history of posts, from the data that a store holds about them. It only
// reads: it does not absorb, build or commit.
package history

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"feedpub/feed"
	"feedpub/feed/build"
	"feedpub/feed/intake"
)

// Store is the part of a site's store that an [Explainer] needs.
type Store interface {
	Load(ctx context.Context, ids []string) ([]feed.StoredPost, error)
	Problems(ctx context.Context) ([]feed.Problem, error)
	Heads(ctx context.Context) ([]feed.Head, error)
	DirtyFeeds(ctx context.Context) ([]feed.DirtyFeed, error)
	Cursor(ctx context.Context) (string, error)
	Inbox(ctx context.Context, after string, n int) ([]feed.Submission, error)
	// Elsewhere returns keys under which a post may have been stored by mistake.
	Elsewhere(ctx context.Context, id string) ([]string, error)
	// Milestones returns when a post was first absorbed, committed and served.
	Milestones(ctx context.Context, id string) (feed.Milestones, error)
}

// Explainer explains posts of one site. All fields are required. It is safe for concurrent use.
type Explainer struct {
	Store    Store
	Site     feed.Site
	Catalog  feed.Catalog
	Selector *build.Selector
	// Now returns the current time. Posts with a later publication date are scheduled.
	Now func() time.Time
	// Prefix precedes the id in the key of a post; empty if the posts are files.
	Prefix string
}

// inboxBatch and inboxLimit bound the number of inbox entries that are read.
const (
	inboxBatch = 1000
	inboxLimit = 100_000
)

// evidence is the data that the store holds about a post.
type evidence struct {
	post     feed.StoredPost
	problems []feed.Problem // problems of the post
	held     map[feed.Name]string
	heads    []feed.Head
	dirty    map[feed.Name]bool
	files    []string // files that cannot be read
	waiting  bool     // the post has an inbox entry that has not been absorbed yet
	now      time.Time
}

// Explain explains a post. If name is not empty, it also says why the post is or is not in that feed. There is an
// explanation for every id, even if there is no such post.
func (e *Explainer) Explain(ctx context.Context, id string, name feed.Name) (feed.Explanation, error) {
	if err := feed.ValidatePostID(id); err != nil {
		return feed.Explanation{}, fmt.Errorf("post id: %w", err)
	}
	v, err := e.gather(ctx, id)
	if err != nil {
		return feed.Explanation{}, fmt.Errorf("explain %q: %w", id, err)
	}
	x := feed.Explanation{
		ID: id, Stored: v.post.Raw != nil || v.post.Unreadable != "", Feeds: []feed.Place{},
		FirstSeen: v.post.Record.FirstSeen, Removed: v.post.Record.Removed,
	}
	if e.Prefix != "" {
		x.Key = e.Prefix + id
	}
	x.Status, x.Reason = v.status()
	m, err := e.Store.Milestones(ctx, id)
	if err != nil {
		return x, fmt.Errorf("explain %q: %w", id, err)
	}
	x.Absorbed, x.FirstCommitted, x.FirstServed = m.Absorbed, m.Committed, m.Served
	e.places(&x, v)
	e.credits(&x, v)
	if err := e.hints(ctx, &x, v); err != nil {
		return x, fmt.Errorf("explain %q: %w", id, err)
	}
	if name != "" {
		x.Question = e.answer(x, v, name)
	}
	return x, nil
}

func (e *Explainer) gather(ctx context.Context, id string) (v evidence, err error) {
	stored, err := e.Store.Load(ctx, []string{id})
	if err != nil {
		return v, err
	}
	of, err := e.snapshot(ctx)
	if err != nil {
		return v, err
	}
	if len(stored) == 1 {
		return of(stored[0]), nil
	}
	return of(feed.StoredPost{ID: id}), nil
}

// Statuses reads from the store everything that the statuses of posts depend on, except the posts themselves. It
// returns a function that determines the status of a post from this data.
func (e *Explainer) Statuses(ctx context.Context) (func(feed.StoredPost) feed.PostStatus, error) {
	of, err := e.snapshot(ctx)
	if err != nil {
		return nil, fmt.Errorf("statuses of posts: %w", err)
	}
	return func(st feed.StoredPost) feed.PostStatus {
		status, _ := of(st).status()
		return status
	}, nil
}

// snapshot reads the data that concerns more than one post. The returned function combines it with a stored post.
func (e *Explainer) snapshot(ctx context.Context) (of func(feed.StoredPost) evidence, err error) {
	common := evidence{held: map[feed.Name]string{}, dirty: map[feed.Name]bool{}}
	problems, err := e.Store.Problems(ctx)
	if err != nil {
		return nil, err
	}
	byPost := map[string][]feed.Problem{}
	for _, p := range problems {
		if p.Kind == feed.KindHeld {
			common.held[feed.Name(p.ID)] = p.Reason
			continue
		}
		if p.Kind == feed.KindFile {
			common.files = append(common.files, p.ID)
		}
		byPost[p.ID] = append(byPost[p.ID], p)
	}
	dirty, err := e.Store.DirtyFeeds(ctx)
	if err != nil {
		return nil, err
	}
	for _, d := range dirty {
		common.dirty[d.Name] = true
	}
	if common.heads, err = e.Store.Heads(ctx); err != nil {
		return nil, err
	}
	common.now = e.Now()
	waiting, err := e.waiting(ctx)
	return func(st feed.StoredPost) evidence {
		v := common
		v.post, v.problems, v.waiting = st, byPost[st.ID], waiting[st.ID]
		return v
	}, err
}

// waiting returns the ids of the posts that have an inbox entry that has not been absorbed yet.
func (e *Explainer) waiting(ctx context.Context) (map[string]bool, error) {
	after, err := e.Store.Cursor(ctx)
	if err != nil {
		return nil, err
	}
	ids := map[string]bool{}
	for n := 0; n < inboxLimit; n += inboxBatch {
		entries, err := e.Store.Inbox(ctx, after, inboxBatch)
		if err != nil || len(entries) == 0 {
			return ids, err
		}
		for _, s := range entries {
			ids[s.ID] = true
		}
		after = entries[len(entries)-1].Entry
	}
	return ids, nil
}

// problem returns the post's problem of kind k, or nil if it has none.
func (v evidence) problem(k feed.ProblemKind) *feed.Problem {
	for i := range v.problems {
		if v.problems[i].Kind == k {
			return &v.problems[i]
		}
	}
	return nil
}

// status returns the status of the post, and a sentence about it.
func (v evidence) status() (feed.PostStatus, string) {
	st := v.post
	file := v.problem(feed.KindFile)
	switch {
	case file != nil:
		return feed.PostRejected, sentence("The file cannot be read: "+placed(file.Place, file.Reason)) + v.earlier()
	case st.Raw == nil && st.Unreadable == "":
		return v.statusOfAbsent()
	case v.waiting:
		return feed.PostWaiting, "The post is in the inbox and will be absorbed in the next run."
	case st.Unreadable != "":
		return feed.PostRejected, sentence("The post cannot be read: "+st.Unreadable) + v.earlier()
	}
	status, decodeErr := v.statusOfRaw()
	switch rejected := v.problem(feed.KindRejected); {
	case status != feed.PostPublished:
		return status, "The status of the post is " + string(status) + ", so it is in no feed." + v.alsoInvalid(decodeErr)
	case rejected != nil:
		return feed.PostRejected, sentence("The post was rejected: "+placed(rejected.Place, rejected.Reason)) + v.earlier()
	case decodeErr != nil:
		return feed.PostRejected, sentence("The post will be rejected: "+decodeErr.Error()) + v.earlier()
	case st.Item == nil:
		return feed.PostWaiting, "The post is stored but has not been absorbed, and the inbox has no entry for it: whoever wrote " +
			"it did not add one. The next rebuild will find it."
	case st.Item.Published.After(v.now) && !v.isListed():
		return feed.PostScheduled, "The post will be published at " + st.Item.Published.UTC().Format(time.RFC3339) + "."
	case st.Item.RawSum != feed.HashOf(st.Raw):
		return feed.PostPublished, "The post is published, but a later version was stored without an inbox entry. The " +
			"next rebuild will find that version."
	}
	return feed.PostPublished, "The post is published."
}

// statusOfAbsent returns the status of a post that is not stored.
func (v evidence) statusOfAbsent() (feed.PostStatus, string) {
	st := v.post
	switch missing := v.problem(feed.KindMissing); {
	case v.waiting:
		return feed.PostWaiting, "The post is not stored, and the inbox has an entry for it: the next run will remove it."
	case missing != nil:
		return feed.PostPublished, sentence("The post is published: " + missing.Reason)
	case st.Item != nil:
		return feed.PostPublished, "The post is published, but it is missing from the store and was not deleted. The next " +
			"rebuild will list it as a problem."
	case !st.Record.Removed.IsZero():
		return feed.PostRemoved, "The post was removed at " + st.Record.Removed.UTC().Format(time.RFC3339) + "."
	case v.isListed():
		return feed.PostPublished, "The post is in published documents, but it is missing from the store and was not " +
			"deleted. It stays published until it is restored, or the loss is confirmed with 'feedpub post delete'."
	case !st.Record.FirstSeen.IsZero():
		return feed.PostUnknown, "There is no post with this id. There was one, first seen at " +
			st.Record.FirstSeen.UTC().Format(time.RFC3339) + "."
	}
	return feed.PostUnknown, "There is no post with this id, and there never was."
}

// statusOfRaw returns the status that a stored post specifies, and an error if the post must be rejected.
func (v evidence) statusOfRaw() (feed.PostStatus, error) {
	p, err := intake.Decode(v.post.ID, v.post.Raw)
	status := p.Status
	if err != nil {
		status = intake.StatusOf(v.post.Raw)
	}
	switch status {
	case feed.Draft:
		return feed.PostDraft, err
	case feed.Private:
		return feed.PostPrivate, err
	case intake.Deleted:
		return feed.PostRejected, err
	case feed.Published:
	}
	return feed.PostPublished, err
}

// alsoInvalid returns a sentence about the error in a post that would not be published anyway.
func (v evidence) alsoInvalid(err error) string {
	if err == nil {
		return ""
	}
	return " " + sentence("It also cannot be read: "+err.Error())
}

// earlier returns a sentence about the earlier version of the post that is published, or "" if there is none.
func (v evidence) earlier() string {
	if v.post.Item == nil || !v.isListed() {
		return ""
	}
	return " Its last valid version stays published."
}

// isListed reports whether any published document contains the post.
func (v evidence) isListed() bool {
	return slices.ContainsFunc(v.heads, func(h feed.Head) bool { return slices.Contains(h.IDs, v.post.ID) })
}

// places sets x.Feeds to the feeds that contain the post and the feeds that should contain it.
func (e *Explainer) places(x *feed.Explanation, v evidence) {
	index := map[feed.Name]int{}
	for _, h := range v.heads {
		if h.Feed == feed.Pages || !slices.Contains(h.IDs, x.ID) {
			continue
		}
		of, _ := h.Feed.Archived()
		p := feed.Place{Feed: of, Listed: true}
		for _, d := range h.Documents {
			p.Paths = append(p.Paths, d.Path)
			if of == feed.Main && d.Modified.After(x.Committed) {
				x.Committed = d.Modified
			}
		}
		if reason, held := v.held[h.Feed]; held {
			p.Reason = "the feed is held, and its last documents stay published: " + reason
		}
		if i, known := index[of]; known {
			x.Feeds[i].Paths = append(x.Feeds[i].Paths, p.Paths...)
			continue
		}
		index[of] = len(x.Feeds)
		x.Feeds = append(x.Feeds, p)
	}
	if it := v.post.Item; it != nil {
		x.Published = it.Published
		for _, n := range append([]feed.Name{feed.Main}, it.Feeds...) {
			if _, known := index[n]; !known && x.Status == feed.PostPublished {
				x.Feeds = append(x.Feeds, feed.Place{Feed: n, Reason: e.whyUnlisted(v, n)})
			}
		}
	}
	slices.SortStableFunc(x.Feeds, func(a, b feed.Place) int {
		if a.Listed != b.Listed {
			return map[bool]int{true: -1, false: 1}[a.Listed]
		}
		return a.Feed.Compare(b.Feed)
	})
}

// whyUnlisted returns why the documents of a feed do not contain the post although the post belongs in the feed.
func (e *Explainer) whyUnlisted(v evidence, n feed.Name) string {
	if reason, held := v.held[n]; held {
		return "the feed is held: " + reason
	}
	if v.dirty[n] {
		return "the feed has changed and will be built in the next run"
	}
	i := slices.IndexFunc(v.heads, func(h feed.Head) bool { return h.Feed == n })
	if i < 0 {
		return "the feed has not been built yet"
	}
	if limit := e.Catalog.Channel(e.Site, n).Limit; len(v.heads[i].IDs) >= limit {
		return fmt.Sprintf("the feed contains only the newest %d posts, and this post is older", limit)
	}
	return "the feed was built before the post was absorbed, or the post could not be rendered"
}

// credits sets x.Credited and x.Suggestion.
func (e *Explainer) credits(x *feed.Explanation, v evidence) {
	if it := v.post.Item; it != nil && x.Status != feed.PostRemoved {
		for _, q := range it.Quotes {
			x.Credited = append(x.Credited, q.Source)
		}
	}
	for _, k := range []feed.ProblemKind{feed.KindSuggestion, feed.KindCharacters} {
		if p := v.problem(k); p != nil && x.Suggestion == "" {
			x.Suggestion = p.Reason
		}
	}
}

// hints adds hints to x. A hint tells the user what to do about the status of the post.
func (e *Explainer) hints(ctx context.Context, x *feed.Explanation, v evidence) error {
	add := func(format string, args ...any) { x.Hints = append(x.Hints, fmt.Sprintf(format, args...)) }
	switch x.Status {
	case feed.PostWaiting:
		add("Absorb it now with: feedpub rebuild. If it keeps waiting, no server builds the site.")
		if !v.waiting {
			add("Writers add an inbox entry in the same transaction: MULTI, SET, XADD %s * id ID, EXEC.", e.inboxKey())
		}
	case feed.PostRejected:
		add("Correct the post and store it again; 'feedpub post check FILE' checks it first.")
	case feed.PostPublished:
		if !x.Stored {
			add("Store the post again, or confirm the loss with: feedpub post delete %s", x.ID)
		}
	case feed.PostScheduled:
		add("Change date_published to publish it earlier.")
	case feed.PostDraft, feed.PostPrivate:
		add(`Store it with "status": "published", or without a status, to publish it.`)
	case feed.PostUnknown, feed.PostRemoved:
		if n := len(v.files); n > 0 {
			const most = 5
			add("Some files cannot be read, so the ids of their posts are unknown; 'feedpub problems' lists them: %s",
				strings.Join(v.files[:min(n, most)], ", "))
		}
	}
	if x.Stored || x.Status == feed.PostPublished {
		return nil
	}
	return e.findMisplaced(ctx, x)
}

// findMisplaced adds hints about posts that may have been meant, if there is no post with the id x.ID.
func (e *Explainer) findMisplaced(ctx context.Context, x *feed.Explanation) error {
	add := func(format string, args ...any) { x.Hints = append(x.Hints, fmt.Sprintf(format, args...)) }
	keys, err := e.Store.Elsewhere(ctx, x.ID)
	if err != nil && !errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	if e.Prefix == "" {
		return e.findFiles(ctx, x, keys)
	}
	for _, key := range keys {
		if id, own := strings.CutPrefix(key, e.Prefix); own {
			add("There is a post with the id %q.", id)
			continue
		}
		add("There is a key %s, but the posts of this site have keys such as %s.", key, x.Key)
	}
	return e.findByOwnID(ctx, x)
}

// findFiles adds a hint for each stored post whose id is similar to x.ID: an id in keys that differs only in case, or
// x.ID with a file extension such as .md.
func (e *Explainer) findFiles(ctx context.Context, x *feed.Explanation, keys []string) error {
	var ids []string
	for _, key := range keys {
		if _, id, ok := strings.Cut(key, "}:post:"); ok {
			ids = append(ids, id)
		}
	}
	for _, extension := range []string{".md", ".markdown", ".html", ".htm", ".txt"} {
		ids = append(ids, x.ID+extension)
	}
	ids = slices.DeleteFunc(ids, func(id string) bool { return feed.ValidatePostID(id) != nil })
	stored, err := e.Store.Load(ctx, ids)
	if err != nil {
		return err
	}
	for _, st := range stored {
		if st.Raw != nil {
			x.Hints = append(x.Hints, fmt.Sprintf("There is a post with the id %q.", st.ID))
		}
	}
	return nil
}

func (e *Explainer) inboxKey() string { return strings.TrimSuffix(e.Prefix, "post:") + "inbox" }

// findByOwnID adds a hint for each rejected post whose id member is x.ID, although its key ends with a different id.
func (e *Explainer) findByOwnID(ctx context.Context, x *feed.Explanation) error {
	const most = 500
	problems, err := e.Store.Problems(ctx)
	if err != nil {
		return err
	}
	var ids []string
	for _, p := range problems {
		if p.Kind == feed.KindRejected && p.Place == "id" && len(ids) < most {
			ids = append(ids, p.ID)
		}
	}
	if len(ids) == 0 {
		return nil
	}
	stored, err := e.Store.Load(ctx, ids)
	if err != nil {
		return err
	}
	for _, st := range stored {
		var own struct{ ID string }
		if json.Unmarshal(st.Raw, &own) == nil && own.ID == x.ID {
			x.Hints = append(x.Hints, fmt.Sprintf(
				"A post with this id is stored under the key %s%s, so it was rejected: the key must end with the id.",
				e.Prefix, st.ID))
		}
	}
	return nil
}

// answer returns a sentence that says why the post is or is not in a feed.
func (e *Explainer) answer(x feed.Explanation, v evidence, name feed.Name) string {
	if i := slices.IndexFunc(x.Feeds, func(p feed.Place) bool { return p.Feed == name }); i >= 0 {
		p := x.Feeds[i]
		switch {
		case p.Listed && p.Reason != "":
			return sentence(fmt.Sprintf("The post is in %s: %s", name, p.Reason))
		case p.Listed:
			return fmt.Sprintf("The post is in %s, at %s.", name, strings.Join(p.Paths, ", "))
		}
		return sentence(fmt.Sprintf("The post belongs in %s, but is not there yet: %s", name, p.Reason))
	}
	it := v.post.Item
	if it == nil || x.Status != feed.PostPublished {
		return fmt.Sprintf("The post is not in %s: %s", name, lowerFirst(x.Reason))
	}
	if slices.Contains(it.ExcludeFrom, name) {
		return fmt.Sprintf("The post is not in %s: its exclude_from lists the feed.", name)
	}
	if why, err := e.Selector.Why(it, name); err == nil {
		return sentence(fmt.Sprintf("The post is not in %s: %s", name, cmp.Or(why, "it was absorbed before the feed was configured")))
	}
	return fmt.Sprintf("The post is not in %s: %s", name, whyNotInFamily(it, name))
}

// whyNotInFamily returns the reason why an item is not in a feed of a family, such as tags/go. The reason may be that
// there is no such feed.
func whyNotInFamily(it *feed.Item, name feed.Name) string {
	family, rest, ok := strings.Cut(string(name), "/")
	switch {
	case ok && feed.Family(family) == feed.Tags:
		return fmt.Sprintf("it does not have the tag %q; its tags are %q.", rest, it.Tags)
	case ok && feed.Family(family) == feed.Authors:
		var names []string
		for _, a := range it.Authors {
			names = append(names, a.Name)
		}
		return fmt.Sprintf("it is not by %q; its authors are %q.", rest, names)
	case ok && feed.Family(family) == feed.Sources:
		var names []string
		for _, q := range it.Quotes {
			names = append(names, q.Source.Publication)
		}
		return fmt.Sprintf("%q is not a published source of the post; its sources are %q.", rest, names)
	}
	return "there is no such feed; 'feedpub feeds' lists all feeds."
}

// placed returns reason, preceded by place and a colon if place is not empty.
func placed(place, reason string) string {
	if place == "" {
		return reason
	}
	return place + ": " + reason
}

// sentence returns s with a period at its end.
func sentence(s string) string { return strings.TrimRight(s, ".") + "." }

// lowerFirst returns s with its first letter in lower case.
func lowerFirst(s string) string {
	if s == "" {
		return s
	}
	return strings.ToLower(s[:1]) + s[1:]
}
