package store

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"
)

const (
	// defaultMaxBlocking is enough for some fifteen sites, which wait for posts, for requests and for commits.
	defaultMaxBlocking = 48
	// roundInterval is the pause between two rounds of polling: what a change is noticed late by at most, at the inbox
	// and again at the replicas, has to stay far below a second.
	roundInterval = 250 * time.Millisecond
	// roundStreams is how many streams one command of a round asks for. It bounds how long the command keeps others
	// waiting, about a tenth of a millisecond.
	roundStreams = 128
)

// waits are the calls that wait for news of streams. Few of them block in the server, with a connection each, and are
// told at once. When there are more than max, none blocks, and one goroutine asks for all of them in rounds: what
// waiting costs then is some commands a second, however many sites there are. Whatever else can wait for the next round
// rides with it.
type waits struct {
	client    redis.UniversalClient
	clustered bool // streams of different sites can't be asked for in one command
	max       int

	ctx  context.Context // ends with the client
	stop context.CancelFunc

	mu      sync.Mutex
	open    int                // calls that wait, either way
	polled  map[string][]*wait // by stream
	riders  []*rider
	running chan struct{} // closed when the goroutine has ended; nil while there is none
	closed  bool
}

// wait is a call that is served by rounds.
type wait struct {
	site          keyspace
	stream, after string
	until         time.Time
	answer        chan waitAnswer // takes one
	asked         bool            // a round that asks for it is under way; guarded by waits.mu
}

// waitAnswer ends a wait: there is news to be read, or there is none, or it is not known.
type waitAnswer struct {
	news bool
	err  error
}

// rider is a command that goes with the next round.
type rider struct {
	add  func(redis.Pipeliner)
	done chan error // takes one: why there was no round
}

func newWaits(client redis.UniversalClient, clustered bool, limit int) *waits {
	w := &waits{client: client, clustered: clustered, max: limit, polled: map[string][]*wait{}}
	w.ctx, w.stop = context.WithCancel(context.Background())
	return w
}

// close ends all waits, and returns when nothing runs any more. The client must be closed already, or a round that is
// under way is waited for.
func (w *waits) close() {
	w.mu.Lock()
	w.closed = true // before the goroutine is told: none may join behind its back
	running := w.running
	w.mu.Unlock()
	w.stop()
	if running != nil {
		<-running
	}
}

// enter counts a call that waits until leave is called.
func (w *waits) enter() (leave func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.open++
	return func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.open--
	}
}

// crowded reports whether there are too many waits for them to block. Who blocks has entered before, so that no more
// than max ever do.
func (w *waits) crowded() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.open > w.max
}

// nudge wakes those who wait for a stream, which this process has just added to. Others' additions the next round finds.
func (w *waits) nudge(stream string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, x := range w.polled[stream] {
		x.answer <- waitAnswer{news: true}
	}
	delete(w.polled, stream)
}

// await waits in rounds until there is news of a stream after an entry, and reports whether there is. It reports none
// only if a round that began after the call, and ended before or because of end, has found none.
func (w *waits) await(ctx context.Context, site keyspace, stream, after string, end time.Time) (bool, error) {
	x := &wait{site: site, stream: stream, after: after, until: end, answer: make(chan waitAnswer, 1)}
	w.mu.Lock()
	if w.closed {
		w.mu.Unlock()
		return false, redis.ErrClosed
	}
	w.polled[stream] = append(w.polled[stream], x)
	w.start()
	w.mu.Unlock()
	timer := time.NewTimer(time.Until(end))
	defer timer.Stop()
	select {
	case a := <-x.answer:
		return a.news, a.err
	case <-ctx.Done():
		w.leave(x, true)
		return false, ctx.Err()
	case <-timer.C:
	}
	if w.leave(x, false) {
		return false, nil
	}
	// The round under way tells whether the server answers at all.
	select {
	case a := <-x.answer:
		return a.news, a.err
	case <-ctx.Done():
		w.leave(x, true)
		return false, ctx.Err()
	}
}

// leave takes a wait out of the rounds and reports whether that was done: it isn't, unless asked for by always, while a
// round asks for it, nor when it has its answer.
func (w *waits) leave(x *wait, always bool) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return (always || !x.asked) && w.remove(x)
}

// remove takes a wait out of the rounds, if it is there. Its caller holds mu.
func (w *waits) remove(x *wait) bool {
	same := w.polled[x.stream]
	i := slices.Index(same, x)
	if i < 0 {
		return false
	}
	if len(same) == 1 {
		delete(w.polled, x.stream)
	} else {
		w.polled[x.stream] = slices.Delete(same, i, i+1)
	}
	return true
}

// ride does with the next round what add adds to it, and returns when it is done. The error is for what kept the round
// from taking place; each command has its own besides, and is not to be looked at after an error.
func (w *waits) ride(ctx context.Context, add func(redis.Pipeliner)) error {
	r := &rider{add: add, done: make(chan error, 1)}
	w.mu.Lock()
	if w.closed {
		w.mu.Unlock()
		return redis.ErrClosed
	}
	w.riders = append(w.riders, r)
	w.start()
	w.mu.Unlock()
	select {
	case err := <-r.done:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// start starts the goroutine that makes rounds, if none runs. Its caller holds mu.
func (w *waits) start() {
	if w.running != nil {
		return
	}
	w.running = make(chan struct{})
	go w.run(w.running)
}

// run makes rounds until nobody waits or the client is closed.
func (w *waits) run(ended chan struct{}) {
	defer close(ended)
	timer := time.NewTimer(roundInterval)
	defer timer.Stop()
	for {
		select {
		case <-w.ctx.Done():
			w.giveUp()
			return
		case <-timer.C:
		}
		questions, riders := w.next()
		if len(questions) == 0 && len(riders) == 0 {
			return
		}
		w.round(questions, riders)
		// After the round: a server that is slow is not asked the more often.
		timer.Reset(roundInterval)
	}
}

// next returns what the next round is to ask. If there is nothing, the goroutine counts as ended.
func (w *waits) next() ([]question, []*rider) {
	w.mu.Lock()
	defer w.mu.Unlock()
	riders := w.riders
	w.riders = nil
	questions := w.questions()
	if len(questions) == 0 && len(riders) == 0 {
		w.running = nil
	}
	return questions, riders
}

// question is one command of a round: for one wait each of some streams, in one slot if that matters.
type question struct {
	waits map[string]*wait // by stream
	reply *redis.XStreamSliceCmd
}

// questions asks for all waits. Those for the same stream go to different commands, since each has its own place in it.
// Its caller holds mu.
func (w *waits) questions() []question {
	var all []question
	open := map[questionKey]int{} // the question that has room
	for stream, same := range w.polled {
		for lane, x := range same {
			x.asked = true
			key := questionKey{lane: lane}
			if w.clustered {
				key.site = x.site
			}
			i, ok := open[key]
			if !ok || len(all[i].waits) == roundStreams {
				i = len(all)
				all = append(all, question{waits: map[string]*wait{}})
				open[key] = i
			}
			all[i].waits[stream] = x
		}
	}
	return all
}

// questionKey says what may be asked for in one command.
type questionKey struct {
	lane int
	site keyspace // in a Cluster
}

// round asks for all waits and does what rides along, in as few round trips as there are servers.
func (w *waits) round(questions []question, riders []*rider) {
	// Each command has its own error; the pipeline's is the first of them.
	_, _ = w.client.Pipelined(w.ctx, func(p redis.Pipeliner) error {
		for i, q := range questions {
			// Whoever is woken reads for itself, as much as it wants.
			args := &redis.XReadArgs{Count: 1, Block: -1, Streams: make([]string, 0, 2*len(q.waits))}
			for stream := range q.waits {
				args.Streams = append(args.Streams, stream)
			}
			for _, stream := range args.Streams[:len(q.waits)] {
				args.Streams = append(args.Streams, q.waits[stream].after)
			}
			questions[i].reply = p.XRead(w.ctx, args)
		}
		for _, r := range riders {
			r.add(p)
		}
		return nil
	})
	for _, r := range riders {
		r.done <- nil
	}
	now := time.Now()
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, q := range questions {
		streams, err := q.reply.Result()
		if errors.Is(err, redis.Nil) {
			err = nil
		}
		for _, s := range streams {
			w.end(q.waits[s.Stream], waitAnswer{news: true})
		}
		for _, x := range q.waits {
			x.asked = false
			if err != nil || !now.Before(x.until) {
				w.end(x, waitAnswer{err: err})
			}
		}
	}
}

// end answers a wait, unless it has left or is answered. Its caller holds mu.
func (w *waits) end(x *wait, a waitAnswer) {
	if x != nil && w.remove(x) {
		x.answer <- a
	}
}

// giveUp ends all that waits.
func (w *waits) giveUp() {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, same := range w.polled {
		for _, x := range same {
			x.answer <- waitAnswer{err: redis.ErrClosed}
		}
	}
	clear(w.polled)
	for _, r := range w.riders {
		r.done <- redis.ErrClosed
	}
	w.riders = nil
}
