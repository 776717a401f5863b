package publish

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"feedpub/feed"
)

const (
	// askTimeout bounds the time that Ask waits for the reply.
	askTimeout = 10 * time.Minute
	// requestPatience bounds each wait of a requested rebuild for work that is in progress, such as a first rebuild, which
	// can take minutes.
	requestPatience = 20 * time.Second
)

// Asker sends requests to the builder.
type Asker interface {
	// Ask adds a request and waits for the reply. The error is of kind [feed.ErrUnavailable] if no reply arrives in
	// time.
	Ask(ctx context.Context, request []byte, timeout time.Duration) ([]byte, error)
}

// requestReader reads requests and stores replies.
type requestReader interface {
	// Requests returns the requests after the entry with the id after, except those that have a reply. If there are none,
	// it waits for one for up to block.
	Requests(ctx context.Context, after string, block time.Duration) ([]feed.Request, error)
	Reply(ctx context.Context, r feed.Request, payload []byte) error
}

// request is a stored request to rebuild feeds, and reply is the builder's stored reply.
type request struct {
	Feeds []feed.Name `json:"feeds,omitempty"`
	// AcceptRollback is set to accept that the store was rolled back, so that changes are committed again.
	AcceptRollback bool `json:"accept_rollback,omitempty"`
	// Cause is recorded with the run. Requests of earlier releases have none.
	Cause feed.Cause `json:"cause,omitzero"`
}

type reply struct {
	Report feed.Report `json:"report"`
	Error  string      `json:"error,omitempty"`
	// NotFound and Busy are set if the error is of kind feed.ErrNotFound or feed.ErrBusy.
	NotFound bool `json:"not_found,omitempty"`
	Busy     bool `json:"busy,omitempty"`
}

// Ask requests a rebuild of the named feeds, or of all feeds if none is named, from the builder that holds the lease,
// and returns the report. The context's cause is recorded with the run. The error is of kind
// [feed.ErrUnavailable] if no reply arrives within ten minutes, and of kind [feed.ErrBusy] if the builder does not
// begin the rebuild in time.
func Ask(ctx context.Context, store Asker, names []feed.Name) (feed.Report, error) {
	return ask(ctx, store, request{Feeds: names})
}

// AskAcceptRollback is like Ask for all feeds, but first accepts that the store was rolled back; see
// [Publisher.AcceptRollback].
func AskAcceptRollback(ctx context.Context, store Asker) (feed.Report, error) {
	return ask(ctx, store, request{AcceptRollback: true})
}

func ask(ctx context.Context, store Asker, q request) (feed.Report, error) {
	q.Cause = feed.CauseOf(ctx)
	payload, err := json.Marshal(q)
	if err != nil {
		return feed.Report{}, fmt.Errorf("ask the builder: %w", err)
	}
	answer, err := store.Ask(ctx, payload, askTimeout)
	if err != nil {
		return feed.Report{}, fmt.Errorf("ask the builder: %w", err)
	}
	var r reply
	if err := json.Unmarshal(answer, &r); err != nil {
		return feed.Report{}, fmt.Errorf("ask the builder: decode the reply: %w", err)
	}
	switch {
	case r.NotFound:
		return r.Report, fmt.Errorf("%s: %w", r.Error, feed.ErrNotFound)
	case r.Busy:
		return r.Report, &busyError{r.Error}
	case r.Error != "":
		return r.Report, fmt.Errorf("builder: %s", r.Error)
	}
	return r.Report, nil
}

// busyError is an error of kind [feed.ErrBusy] that a builder has replied with.
type busyError struct{ text string }

func (e *busyError) Error() string { return e.text }
func (e *busyError) Unwrap() error { return feed.ErrBusy }

// errNoHolder means that the lease was released before a reply arrived.
var errNoHolder = errors.New("no process holds the lease")

// askHolder is like Ask, but returns errNoHolder once the lease is no longer held. It checks the lease because
// commands, which build only once, do not reply to requests.
func (p *Publisher) askHolder(ctx context.Context, q request) (feed.Report, error) {
	asking, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	go func() {
		for asking.Err() == nil {
			if _, left, err := p.config.Store.Holder(asking, Job); err == nil && left == 0 {
				cancel(errNoHolder)
				return
			}
			pause(asking, holderInterval)
		}
	}()
	report, err := ask(asking, p.config.Store, q)
	if err != nil && errors.Is(context.Cause(asking), errNoHolder) {
		return feed.Report{}, errNoHolder
	}
	return report, err
}

// answerRequests replies to requests until ctx is done.
func (p *Publisher) answerRequests(ctx context.Context, token feed.Token) error {
	for {
		if err := p.retry(ctx, func() error { return p.answerPending(ctx, token) }); err != nil {
			return err
		}
	}
}

// answerPending replies to all pending requests, including those to an earlier builder. If there are none, it waits for
// one.
func (p *Publisher) answerPending(ctx context.Context, token feed.Token) error {
	wait := pollInterval
	if p.config.Pace != nil {
		wait = p.config.Pace(wait) // the wait ends early if a request arrives or the store is down
	}
	requests, err := p.config.Store.Requests(ctx, "", wait)
	if err != nil {
		return err
	}
	// Requests for the same feeds share one rebuild: all of them were made before it began.
	answers := map[string][]byte{}
	var busy []byte // the first reply that reports that the builder is busy
	for _, r := range requests {
		key := feedsOf(r.Payload)
		if busy != nil { // this request has waited just as long
			answers[key] = busy
		} else if answers[key] == nil {
			var refused bool
			if answers[key], refused, err = p.answer(ctx, token, r.Payload); err != nil {
				return err
			}
			if refused {
				busy = answers[key]
			}
		}
		if err := p.config.Store.Reply(ctx, r, answers[key]); err != nil {
			return err
		}
	}
	return nil
}

// feedsOf returns a key shared by requests for the same feeds.
func feedsOf(payload []byte) string {
	var q request
	if json.Unmarshal(payload, &q) != nil {
		return string(payload)
	}
	return fmt.Sprint(q.AcceptRollback, TickName(q.Feeds...))
}

// answer rebuilds the feeds of a request and returns the encoded reply, and whether the builder was busy. An error ends
// the term, and the next builder replies to the request.
func (p *Publisher) answer(ctx context.Context, token feed.Token, payload []byte) (answer []byte, busy bool, err error) {
	var r reply
	var q request
	err = json.Unmarshal(payload, &q)
	if err == nil {
		if q.Cause == (feed.Cause{}) {
			q.Cause = feed.Cause{Trigger: feed.CommandTrigger}
		}
		r.Report, err = p.perform(withPatience(feed.WithCause(ctx, q.Cause), requestPatience), token, q)
	}
	if ctx.Err() != nil {
		return nil, false, ctx.Err()
	}
	if errors.Is(err, errSuperseded) || errors.Is(err, errLeaseLost) {
		return nil, false, err
	}
	if err != nil {
		r.Error, r.NotFound, r.Busy = err.Error(), errors.Is(err, feed.ErrNotFound), errors.Is(err, feed.ErrBusy)
	}
	answer, err = json.Marshal(r)
	return answer, r.Busy, err
}
