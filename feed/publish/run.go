package publish

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"feedpub/feed"
)

const (
	// leaseTTL is how long a builder that died keeps others from building.
	leaseTTL = 4 * time.Second
	// changeInterval is how often at most a change builds one feed.
	changeInterval = time.Second
	// block is how long a read waits in the store for something to happen. Then the state is looked at all the same, which
	// is half a dozen commands: too many for each of a thousand sites every other second, and whatever goes on shows in
	// the streams.
	block = 10 * time.Second
	// retryAfter is the pause after an error.
	retryAfter = time.Second
	// askTimeout is how long a trigger waits for the builder's answer.
	askTimeout = 10 * time.Minute
	// holderInterval is how often one who asks, or who waits to build, looks whether the builder is still there.
	holderInterval = 500 * time.Millisecond
	// requestAge is how old a request may be that a new builder still answers; who asked earlier has given up.
	requestAge = time.Minute
)

const (
	// giveBackTime is how long a builder waits for replicas to give back what the store has lost: they notice within
	// their poll of five seconds.
	giveBackTime = 30 * time.Second
	// giveBackInterval is how often it looks.
	giveBackInterval = 500 * time.Millisecond
)

// errSuperseded ends the work of a builder when a decision was made since it began, or when documents were committed
// after it: it begins anew, with a greater token.
var errSuperseded = errors.New("a later decision or commit than this builder's is known")

// errLeaseLost ends the work of a builder whose lease was lost.
var errLeaseLost = errors.New("lease lost")

// Run builds until ctx ends, as long as this builder holds the site's lease, and waits for the lease while another
// holds it. A store that is away is waited for. Run returns nil when ctx ends.
func (p *Publisher) Run(ctx context.Context) error {
	const locked = "locked"
	waiting := ""
	for ctx.Err() == nil {
		err := p.lead(ctx, p.serve)
		state := ""
		switch {
		case ctx.Err() != nil || err == nil:
		case errors.Is(err, errSuperseded):
			p.Logger.Info("building begins anew", "reason", err)
			continue
		case errors.Is(err, feed.ErrOutdated):
			if state = err.Error(); state != waiting {
				p.Logger.Error("this process stands aside; another has to build", "reason", err)
			}
		case errors.Is(err, feed.ErrLocked):
			if state = locked; state != waiting {
				p.Logger.Info("another builder is at work; waiting")
			}
		default:
			if state = err.Error(); state != waiting {
				p.Logger.Error("building stopped; trying again", "error", err)
			}
		}
		waiting = state
		if state == locked {
			pause(ctx, holderInterval)
			continue
		}
		pause(ctx, retryAfter)
	}
	return nil
}

// Rebuild absorbs what was submitted and rebuilds the named feeds, or all when none is named, wherever the builder
// runs: if another process holds the lease it is asked, and if none does this one builds. The error is of kind
// [feed.ErrNotFound] if there is no feed of a name.
func (p *Publisher) Rebuild(ctx context.Context, names ...feed.Name) (feed.Report, error) {
	if token, ok := p.leading(); ok {
		if report, err := p.rebuildNow(ctx, token, names, nil); !errors.Is(err, errSuperseded) {
			return report, err
		}
	}
	for {
		var report feed.Report
		err := p.lead(ctx, func(ctx context.Context, token feed.Token) error {
			var err error
			report, err = p.rebuildNow(ctx, token, names, nil)
			return err
		})
		switch {
		case errors.Is(err, errSuperseded):
			continue
		case !errors.Is(err, feed.ErrLocked):
			return report, err
		}
		if report, err = p.askWhileHeld(ctx, names); !errors.Is(err, errNobodyBuilds) {
			return report, err
		}
	}
}

// errNobodyBuilds says that the builder which was asked has gone without an answer.
var errNobodyBuilds = errors.New("nobody builds")

// askWhileHeld asks the builder that holds the lease, for as long as it is held: who built once and went, as a rebuild
// from the command line does, answers nobody. The error is errNobodyBuilds then.
func (p *Publisher) askWhileHeld(ctx context.Context, names []feed.Name) (feed.Report, error) {
	asking, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	go func() {
		for asking.Err() == nil {
			if _, held, err := p.Store.Holder(asking, Job); err == nil && !held {
				cancel(errNobodyBuilds)
				return
			}
			pause(asking, holderInterval)
		}
	}()
	report, err := Ask(asking, p.Store, names)
	if err != nil && errors.Is(context.Cause(asking), errNobodyBuilds) {
		return feed.Report{}, errNobodyBuilds
	}
	return report, err
}

// Tick is the run of a schedule: of the default one, which is for all feeds but those with a schedule of their own, or
// of the named feeds' own. The default one's also packs documents that have become quiet. It does nothing if another process builds, whose schedules are the same, nor for named feeds
// that no post belongs to yet.
func (p *Publisher) Tick(ctx context.Context, names ...feed.Name) error {
	token, ok := p.leading()
	if !ok {
		return nil
	}
	var except []feed.Name
	if len(names) == 0 {
		except = p.Scheduled
	}
	_, err := p.rebuildNow(ctx, token, names, except)
	if len(names) > 0 && errors.Is(err, feed.ErrNotFound) {
		return nil
	}
	if err == nil && len(names) == 0 {
		err = p.packQuiet(ctx, token)
	}
	return err
}

// rebuildNow does the work of Rebuild as the builder. It leaves out the feeds of except, unless they have never been
// built: a reader need not wait a week for a weekly feed to exist.
func (p *Publisher) rebuildNow(ctx context.Context, token feed.Token, names, except []feed.Name) (feed.Report, error) {
	if err := p.upToDate(ctx, token); err != nil {
		return feed.Report{}, err
	}
	if err := p.absorbFirst(ctx, token); err != nil {
		return feed.Report{}, err
	}
	// Not within a turn, as no walk is: sites that walk at the same time share what it costs.
	if err := p.wantPass(ctx, token); err != nil {
		return feed.Report{}, err
	}
	done, err := p.inTurn(ctx)
	if err != nil {
		return feed.Report{}, err
	}
	defer done()
	if err := p.absorbInbox(ctx, token); err != nil {
		return feed.Report{}, err
	}
	targets, err := p.targets(ctx, names)
	if err != nil {
		return feed.Report{}, err
	}
	targets = slices.DeleteFunc(targets, func(t target) bool {
		return t.head.Feed != "" && scheduled(except, t.name)
	})
	var report feed.Report
	if report.Feeds, err = p.rebuild(ctx, token, targets); err != nil {
		return report, err
	}
	// Whether or not the list has changed: what was cut off by a crash is mended here.
	if err := p.rebuildPages(ctx, token); err != nil {
		return report, err
	}
	p.relist = false
	report.Problems, err = p.Store.Problems(ctx)
	return report, err
}

// absorbFirst absorbs what was submitted, so that it need not be compared. If nothing was ever committed, it also takes
// in every post that nobody submitted: readers wait for the first documents rather than see them incomplete.
func (p *Publisher) absorbFirst(ctx context.Context, token feed.Token) error {
	done, err := p.inTurn(ctx)
	if err != nil {
		return err
	}
	err = p.absorbInbox(ctx, token)
	done()
	if err != nil {
		return err
	}
	_, err = p.Store.Head(ctx, feed.Main)
	if errors.Is(err, feed.ErrNotFound) || errors.Is(err, feed.ErrInvalid) {
		return p.absorbUnread(ctx, token)
	}
	return err
}

// inTurn waits for a turn and then for work, always in this order. What it returns gives both back.
func (p *Publisher) inTurn(ctx context.Context) (func(), error) {
	over := func() {}
	if p.Turn != nil {
		var err error
		if over, err = p.Turn(ctx); err != nil {
			return nil, err
		}
	}
	p.work.Lock()
	return func() {
		p.work.Unlock()
		over()
	}, nil
}

// lead runs work under the lease and renews it meanwhile. The work's context ends when the lease is lost. The error is
// of kind [feed.ErrLocked] if another builder holds the lease.
func (p *Publisher) lead(ctx context.Context, work func(context.Context, feed.Token) error) error {
	// One attempt at a time in this process: the store gives the lease to its owner again, with another token.
	if !p.leasing.TryLock() {
		return fmt.Errorf("this process builds already: %w", feed.ErrLocked)
	}
	defer p.leasing.Unlock()
	// Those who wait ask often, so that the next builder is there soon, and only this.
	if owner, held, err := p.Store.Holder(ctx, Job); err != nil {
		return err
	} else if held && owner != p.Owner {
		return fmt.Errorf("the lease is held by %s: %w", owner, feed.ErrLocked)
	}
	seen, err := p.agree(ctx)
	if err != nil {
		return err
	}
	token, err := p.Store.Acquire(ctx, Job, p.Owner, leaseTTL, p.Clock(), seen)
	if err != nil {
		return err
	}
	p.setToken(token)
	defer func() {
		p.setToken(0)
		// The lease is given back even when ctx has ended, so that the next builder need not wait for it to expire.
		release, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
		defer cancel()
		if err := p.Store.Release(release, Job, p.Owner); err != nil {
			p.Logger.Warn("lease not released; it expires by itself", "error", err)
		}
	}()
	g, ctx := errgroup.WithContext(ctx)
	done := make(chan struct{})
	g.Go(func() error { return p.renew(ctx, token, done) })
	g.Go(func() error {
		defer close(done)
		if err := p.upToDate(ctx, token); err != nil { // decided between agreeing and the lease
			return err
		}
		if err := p.awaitLost(ctx); err != nil {
			return err
		}
		return work(ctx, token)
	})
	return g.Wait()
}

// renew keeps the lease until done. It gives up when another holder is there, or when the lease must have expired: from
// then on another may build. It also does when the token is no longer the greatest.
func (p *Publisher) renew(ctx context.Context, token feed.Token, done <-chan struct{}) error {
	ticker := time.NewTicker(leaseTTL / 4)
	defer ticker.Stop()
	renewed := time.Now()
	for {
		select {
		case <-done:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		case <-ticker.C:
		}
		if err := p.superseded(token); err != nil {
			return err
		}
		err := p.Store.Renew(ctx, Job, p.Owner, leaseTTL)
		switch {
		case err == nil:
			renewed = time.Now()
		case errors.Is(err, feed.ErrLocked) || time.Since(renewed) > leaseTTL:
			// Not of the error's kind: to be locked out while working is another thing than not to begin.
			return fmt.Errorf("%w: %v", errLeaseLost, err) //nolint:errorlint // on purpose, see above
		}
	}
}

// serve is the builder's work: it builds what came before it, then on changes, due posts and operators' requests.
func (p *Publisher) serve(ctx context.Context, token feed.Token) error {
	g, ctx := errgroup.WithContext(ctx)
	w, end := p.startWalker()
	g.Go(func() error {
		defer end()
		return p.walk(ctx, token, w)
	})
	g.Go(func() error {
		if _, err := p.rebuildNow(ctx, token, nil, p.Scheduled); err != nil {
			return err
		}
		g.Go(func() error { return p.answer(ctx, token) })
		if !p.OnChange {
			return nil
		}
		return p.follow(ctx, token)
	})
	return g.Wait()
}

// follow absorbs and builds whenever something was submitted or becomes due.
func (p *Publisher) follow(ctx context.Context, token feed.Token) error {
	for {
		wait, err := p.changed(ctx, token)
		if err != nil {
			return err
		}
		if due, ok, err := p.Store.NextDue(ctx); err != nil {
			return err
		} else if ok {
			wait = min(wait, max(due.Sub(p.Clock()), time.Millisecond))
		}
		cursor, err := p.Store.Cursor(ctx)
		if err != nil {
			return err
		}
		if _, err := p.Store.AwaitInbox(ctx, cursor, wait); err != nil {
			return err
		}
	}
}

// changed absorbs the inbox and builds the dirty feeds that have not been built within the last second. It returns how
// long to wait before looking again, should nothing be submitted meanwhile.
func (p *Publisher) changed(ctx context.Context, token feed.Token) (time.Duration, error) {
	p.work.Lock()
	defer p.work.Unlock()
	if err := p.absorbInbox(ctx, token); err != nil {
		return 0, err
	}
	return p.buildDirty(ctx, token)
}

// buildDirty is the second half of changed. Its caller holds work.
func (p *Publisher) buildDirty(ctx context.Context, token feed.Token) (time.Duration, error) {
	dirty, err := p.Store.DirtyFeeds(ctx)
	if err != nil || len(dirty) == 0 {
		return block, err
	}
	now := p.Clock()
	wait := block
	var names []feed.Name
	for _, d := range dirty {
		if scheduled(p.Scheduled, d.Name) || p.stuck[d.Name] == d.Mark {
			continue
		}
		if rest := p.built[d.Name].Add(changeInterval).Sub(now); rest > 0 {
			wait = min(wait, rest)
			continue
		}
		names = append(names, d.Name)
		p.built[d.Name] = now
	}
	if len(names) == 0 {
		return wait, nil
	}
	targets, err := p.touched(ctx, names)
	if err != nil {
		return 0, err
	}
	if _, err = p.rebuild(ctx, token, targets); err != nil || !p.relist {
		return wait, err
	}
	err = p.rebuildPages(ctx, token)
	p.relist = err != nil
	return wait, err
}

// scheduled reports whether a feed, or the feed that it is an archive of, is among those with a schedule of their own.
func scheduled(own []feed.Name, n feed.Name) bool {
	of, _ := n.Archived()
	return slices.Contains(own, of)
}

// request is an operator's trigger as it travels through the store, and reply its answer.
type request struct {
	Feeds []feed.Name `json:"feeds,omitempty"`
}

type reply struct {
	Report feed.Report `json:"report"`
	Error  string      `json:"error,omitempty"`
	// NotFound says that the error is of kind feed.ErrNotFound.
	NotFound bool `json:"not_found,omitempty"`
}

// Ask asks the builder that holds the lease to rebuild the named feeds, or all when none is named, and returns its
// report. The error is of kind [feed.ErrUnavailable] if no answer comes.
func Ask(ctx context.Context, store Requests, names []feed.Name) (feed.Report, error) {
	payload, err := json.Marshal(request{Feeds: names})
	if err != nil {
		return feed.Report{}, fmt.Errorf("ask the builder: %w", err)
	}
	answer, err := store.Ask(ctx, payload, askTimeout)
	if err != nil {
		return feed.Report{}, fmt.Errorf("ask the builder: %w", err)
	}
	var r reply
	if err := json.Unmarshal(answer, &r); err != nil {
		return feed.Report{}, fmt.Errorf("ask the builder: its answer: %w", err)
	}
	switch {
	case r.NotFound:
		return r.Report, fmt.Errorf("%s: %w", r.Error, feed.ErrNotFound)
	case r.Error != "":
		return r.Report, fmt.Errorf("the builder: %s", r.Error)
	}
	return r.Report, nil
}

// answer does what operators ask for through the store.
func (p *Publisher) answer(ctx context.Context, token feed.Token) error {
	after := fmt.Sprintf("%d-0", p.Clock().Add(-requestAge).UnixMilli())
	for {
		requests, err := p.Store.Requests(ctx, after, block)
		if err != nil {
			return err
		}
		if len(requests) == 0 {
			continue
		}
		after = requests[len(requests)-1].Entry
		// All that wait are answered by one rebuild each set of feeds: the state is the same for all of them.
		answers := map[string][]byte{}
		for _, r := range requests {
			key := string(r.Payload)
			if answers[key] == nil {
				if answers[key], err = p.reply(ctx, token, r.Payload); err != nil {
					return err
				}
			}
			if err := p.Store.Reply(ctx, r.ID, answers[key]); err != nil {
				return err
			}
		}
	}
}

// reply does one request. The error is for what ends the builder's work; what is wrong with the request is in the reply.
func (p *Publisher) reply(ctx context.Context, token feed.Token, payload []byte) ([]byte, error) {
	var r reply
	var q request
	err := json.Unmarshal(payload, &q)
	if err == nil {
		r.Report, err = p.rebuildNow(ctx, token, q.Feeds, nil)
	}
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	if errors.Is(err, errSuperseded) {
		return nil, err // who builds next answers
	}
	if err != nil {
		r.Error, r.NotFound = err.Error(), errors.Is(err, feed.ErrNotFound)
	}
	return json.Marshal(r)
}

// pause waits for d or until ctx ends.
func pause(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}
