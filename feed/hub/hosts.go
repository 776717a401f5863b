package hub

import (
	"cmp"
	"context"
	"errors"
	"sync"
	"time"

	"feedpub/feed"
	"feedpub/feed/egress"
)

const (
	// perHost is the maximum number of concurrent requests to one host. The store gives work for a host to only one
	// process at a time, so the limit applies to all processes of a site together.
	perHost = 2
	// perHostStrangers is the maximum number of concurrent requests in the strangers class to one host. The rest of
	// perHost is reserved for deliveries, pings and webhook calls.
	perHostStrangers = 1
	// hostQueue is the maximum number of waiting requests of one class to one host.
	hostQueue = 32
	// breakerFailures is the number of consecutive failures after which a host gets no requests for breakerTime.
	breakerFailures = 3
	breakerTime     = time.Minute
	// reportDelay is how long reports about hosts are collected before they are sent to the store.
	reportDelay = 10 * time.Millisecond
)

// class is a class of requests. It determines how many of the requests to a host may run at the same time.
type class int

const (
	ours      class = iota // deliveries, pings and webhook calls
	strangers              // verifications and denials, which anyone can trigger
	classes
)

// hosts limits the requests to each host, so that a host that is slow or down delays only its own requests. It is safe
// for concurrent use.
type hosts struct {
	mu      sync.Mutex
	byName  map[string]*host // hosts for which there are claims, or a report to send
	reports chan struct{}    // receives a value when there is something to report
	calls   int              // calls in progress that claim work
	kept    []string         // hosts that were released during such calls
}

// host is the state of a host.
type host struct {
	claims   int   // claimed work that has not ended
	serial   int64 // serial number of the last claim
	active   [classes]int
	waiting  [classes][]func(admitted bool)
	failures int       // number of consecutive failures
	closed   time.Time // the host gets no requests until this time
	changed  bool      // there is something to report
	pause    time.Duration
}

// claiming records that a call that claims work begins. The caller must call the returned function after it has called
// claimed for the results. Until then no host is forgotten: the call may have reached the store before the report of a
// host's pause or failures, and then its result does not contain them.
func (h *hosts) claiming() (end func()) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.calls++
	return func() {
		h.mu.Lock()
		defer h.mu.Unlock()
		if h.calls--; h.calls > 0 {
			return
		}
		for _, name := range h.kept {
			if x := h.byName[name]; x != nil && x.claims == 0 {
				h.change(x)
			}
		}
		h.kept = h.kept[:0]
	}
}

// claimed records that work for a host was claimed. The caller must call ended when the work has ended. Work for no
// host counts as work for the host "", which is not reported.
func (h *hosts) claimed(c feed.Claim, serial int64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	x := h.byName[c.Host]
	if x == nil {
		x = &host{failures: c.Failures}
		h.byName[c.Host] = x
	}
	x.claims++
	x.serial = serial
}

// ended records that claimed work has ended.
func (h *hosts) ended(c feed.Claim) {
	h.mu.Lock()
	defer h.mu.Unlock()
	x := h.byName[c.Host]
	x.claims--
	switch {
	case x.claims > 0:
	case c.Host == "":
		delete(h.byName, "")
	default:
		h.change(x)
	}
}

// change marks the state of a host as changed, so that it is reported. The caller must hold mu.
func (h *hosts) change(x *host) {
	x.changed = true
	select {
	case h.reports <- struct{}{}:
	default:
	}
}

// take returns the reports that are due.
func (h *hosts) take() []feed.HostReport {
	h.mu.Lock()
	defer h.mu.Unlock()
	var list []feed.HostReport
	for name, x := range h.byName {
		if !x.changed || name == "" {
			continue
		}
		list = append(list, feed.HostReport{
			Host: name, Serial: x.serial, Failures: x.failures, Pause: x.pause, Release: x.claims == 0,
		})
		x.changed, x.pause = false, 0
	}
	return list
}

// forget removes released hosts, unless work for them has been claimed in the meantime. Those released during a call
// that claims work are reported again after it.
func (h *hosts) forget(reports []feed.HostReport) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, r := range reports {
		x := h.byName[r.Host]
		switch {
		case x == nil || !r.Release || x.claims > 0 || x.changed:
		case h.calls > 0:
			h.kept = append(h.kept, r.Host)
		default:
			delete(h.byName, r.Host)
		}
	}
}

// admission is the result of [hosts.admit].
type admission int

const (
	start  admission = iota // start now, and call done afterwards
	queued                  // later will be called
	busy                    // too many requests wait for the host
	broken                  // the host is failing
)

// admit decides whether a request to a claimed host may start now. If the request must wait, later is called when
// another request to the host ends: with true if the request may start now, and with false if the host is failing.
func (h *hosts) admit(name string, c class, later func(admitted bool)) admission {
	h.mu.Lock()
	defer h.mu.Unlock()
	x := h.byName[name]
	switch {
	case time.Now().Before(x.closed):
		return broken
	case x.admits(c):
		x.active[c]++
		return start
	case len(x.waiting[c]) < hostQueue:
		x.waiting[c] = append(x.waiting[c], later)
		return queued
	default:
		return busy
	}
}

// admits reports whether a request of a class may start.
func (x *host) admits(c class) bool {
	return x.active[ours]+x.active[strangers] < perHost && (c == ours || x.active[strangers] < perHostStrangers)
}

// wait is like admit, but if the request is queued, it blocks until the request may start or is refused. It never
// returns queued.
func (h *hosts) wait(name string, c class) admission {
	ready := make(chan bool, 1)
	answer := h.admit(name, c, func(admitted bool) { ready <- admitted })
	if answer != queued {
		return answer
	}
	if <-ready {
		return start
	}
	return broken
}

// health is what the outcome of a request shows about a host.
type health int

const (
	unknown health = iota // no request was sent, or anyone could have triggered it
	healthy
	failing // the host did not respond, or responded that it cannot handle requests now
)

// done ends a request to a host, and lets the next one start.
func (h *hosts) done(name string, c class, state health) {
	h.mu.Lock()
	x := h.byName[name]
	x.active[c]--
	switch state {
	case unknown:
	case healthy:
		if x.failures > 0 {
			x.failures = 0
			h.change(x)
		}
	case failing:
		x.failures++
		h.change(x)
	}
	var call []func(bool)
	admitted := true
	if x.failures >= breakerFailures {
		x.closed, x.pause = time.Now().Add(breakerTime), breakerTime
		x.failures = breakerFailures - 1 // after the pause, a single failure starts the next pause
		for i := range x.waiting {
			call = append(call, x.waiting[i]...)
			x.waiting[i] = nil
		}
		admitted = false
	} else {
		call = x.next()
	}
	h.mu.Unlock()
	for _, f := range call {
		f(admitted)
	}
}

// next returns the waiting requests that may start now, and counts them as active. Requests of strangers come first,
// since they get only a part of the limit.
func (x *host) next() []func(bool) {
	var call []func(bool)
	for _, c := range [...]class{strangers, ours} {
		for len(x.waiting[c]) > 0 && x.admits(c) {
			call = append(call, x.waiting[c][0])
			x.waiting[c] = x.waiting[c][1:]
			x.active[c]++
		}
	}
	return call
}

// healthOf returns what the outcome of a request shows about the host itself, rather than about a single receiver on
// that host.
func healthOf(res egress.Response, err error) health {
	const tooMany, serverError = 429, 500
	switch {
	case errors.Is(err, egress.ErrForbidden):
		return unknown
	case err != nil || res.Status == tooMany || res.Status >= serverError:
		return failing
	default:
		return healthy
	}
}

// reportHosts reports the states of hosts to the store until ctx is done.
func (h *Hub) reportHosts(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-h.hosts.reports:
		}
		timer := time.NewTimer(reportDelay)
		select {
		case <-ctx.Done():
		case <-timer.C:
		}
		timer.Stop()
		h.report(ctx)
	}
}

// report reports the states of hosts to the store. If the store is unavailable, it gets no report: the hosts are then
// released when the last claim ends.
func (h *Hub) report(ctx context.Context) {
	const timeout = 5 * time.Second
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), timeout)
	defer cancel()
	reports := h.hosts.take()
	if len(reports) == 0 {
		return
	}
	if err := h.config.Store.ReportHosts(ctx, time.Time{}, h.claimant, reports); err != nil {
		h.config.Log.Debug("cannot report the states of hosts to the store", "error", err)
	}
	h.hosts.forget(reports)
}

// claiming returns the arguments of a call that claims work for at most limit requests.
func (h *Hub) claiming(limit int) feed.Claiming {
	return feed.Claiming{Lease: claimTime, Most: cmp.Or(limit, 1), Claimant: h.claimant, Serial: h.serial.Add(1)}
}
