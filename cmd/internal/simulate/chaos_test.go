package simulate

import (
	"context"
	"sync"
	"time"

	"feedpub/store/memstore"
)

// run runs the schedule and checks the promises.
func (w *world) run() {
	for _, p := range w.processes {
		p.start()
	}
	var writers sync.WaitGroup
	for n := range 2 {
		x := w.newWriter(n + 1)
		writers.Go(x.run)
	}
	stopReading := w.reading.start(w)
	var operators sync.WaitGroup
	w.chaos(&operators)
	w.heal()
	writers.Wait()
	w.awaitLate()
	x := w.newWriter(9)
	x.conn.faults = 0
	x.repair(w.plan.lossy)
	w.converge()
	if w.plan.deadly {
		w.testDeadly(x)
	}
	w.checkAnswered()
	stopReading()
	for _, p := range w.processes {
		p.checkSaved()
		p.shutDown()
		p.checkDisk()
	}
	operators.Wait()
	w.awaitLate()
}

// chaos injects faults until the time planned for them is over.
func (w *world) chaos(operators *sync.WaitGroup) {
	r := newRandom(w.seed, "chaos")
	end := time.Now().Add(w.plan.duration)
	var before memstore.Snapshot
	pause := w.plan.duration / time.Duration(w.plan.events)
	var old memstore.Snapshot
	for i := range w.plan.events {
		if w.plan.restored && i == w.plan.events/2 {
			old = w.site.Snapshot()
		}
		time.Sleep(r.between(pause/4, pause))
		if w.plan.lossy {
			before = w.site.Snapshot()
			time.Sleep(r.between(0, 2*time.Second))
		}
		w.event(r, before, operators)
	}
	time.Sleep(time.Until(end))
	if w.plan.restored {
		w.restoreCopy(r, old)
	}
}

// event injects a fault, or requests a rebuild.
func (w *world) event(r *random, before memstore.Snapshot, operators *sync.WaitGroup) {
	p := w.processes[r.n(len(w.processes))]
	kinds := 16
	if w.plan.harm && p.drive != nil {
		kinds = 24
	}
	kind := r.n(kinds)
	w.log.Info("event", "kind", kind, "process", p.id, "at", time.Now())
	switch kind {
	case 0, 1:
		w.count("crash")
		p.crash()
		time.Sleep(r.between(0, 6*time.Second))
		p.start()
	case 2:
		w.count("stop")
		p.shutDown()
		time.Sleep(r.between(0, 3*time.Second))
		p.start()
	case 3:
		w.count("suspended")
		p.connection().freeze(r.between(time.Second, 12*time.Second))
	case 4:
		w.count("partition")
		p.connection().disconnect(r.between(time.Second, 15*time.Second))
	case 5, 6:
		w.count("clock of a process set")
		p.step(steps()[r.n(len(steps()))])
	case 7:
		w.count("clock of the store set")
		w.stepStore(steps()[r.n(len(steps()))])
	case 8:
		if w.plan.lossy {
			w.count("writes lost")
			w.site.RollBack(before)
		}
	case 9:
		w.count("all processes crash")
		for _, p := range w.processes {
			p.crash()
		}
		time.Sleep(r.between(0, 5*time.Second))
		for _, p := range w.processes {
			p.start()
		}
	case 10, 11, 12, 13, 14, 15:
		w.request(operators, p)
	default:
		w.harm(r, p)
	}
}

// steps are the amounts by which faults change a clock.
func steps() []time.Duration {
	return []time.Duration{
		-5 * time.Second, 5 * time.Second, -time.Second, -time.Minute, time.Minute, -time.Hour, 500 * time.Millisecond,
	}
}

// request requests a rebuild in the background.
func (w *world) request(operators *sync.WaitGroup, p *process) {
	ctx := context.Background()
	if w.plan.folder {
		ctx = p.context()
	}
	operators.Go(func() { w.rebuild(ctx) })
}

// heal ends all faults.
func (w *world) heal() {
	w.log.Info("heal", "at", time.Now())
	w.mu.Lock()
	w.healed = true
	w.mu.Unlock()
	for _, p := range w.processes {
		p.start()
		p.connection().heal()
		if p.drive != nil {
			p.drive.heal()
		}
		if !w.plan.keepSkew {
			p.mu.Lock()
			p.offset = 0
			p.mu.Unlock()
		}
		if w.plan.folder { // otherwise posts whose dates have passed may not be published for an hour
			p.mu.Lock()
			p.offset = max(p.offset, 0)
			p.mu.Unlock()
		}
	}
	w.mu.Lock()
	w.offset = 0
	w.mu.Unlock()
}

// freeze delays all calls until d has passed.
func (c *conn) freeze(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.frozen = time.Now().Add(d)
}

// disconnect fails all calls until d has passed.
func (c *conn) disconnect(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.cut = time.Now().Add(d)
}

func (c *conn) heal() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.faults, c.frozen, c.cut = 0, time.Time{}, time.Time{}
}
