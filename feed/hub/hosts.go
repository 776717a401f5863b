package hub

import (
	"errors"
	"sync"
	"time"

	"feedpub/feed/egress"
)

const (
	// perHost is the maximum number of concurrent requests of a process to one host.
	perHost = 2
	// hostQueue is the maximum number of deliveries to one host that wait for others to end.
	hostQueue = 32
	// breakerFailures is the number of consecutive failures after which a host gets no requests for breakerTime.
	breakerFailures = 3
	breakerTime     = time.Minute
	// maxHosts is the number of hosts that are remembered. Only idle ones are forgotten.
	maxHosts = 10_000
)

// hosts limits the requests to each host, so that a host that is slow or down delays only its own requests. It is safe
// for concurrent use.
type hosts struct {
	mu     sync.Mutex
	byName map[string]*host
}

// host is the state of a host.
type host struct {
	active   int
	waiting  []func(admitted bool)
	failures int       // in a row
	closed   time.Time // until when the host gets no requests
}

// admission is the result of [hosts.admit].
type admission int

const (
	start  admission = iota // start now, and call done afterwards
	queued                  // the function will be called
	busy                    // too many requests wait for the host
	broken                  // the host is failing
)

// admit asks whether a request to a host may start. If it has to wait, later is called when another request to the host
// ends: with true if the request may start now, and with false if the host is failing.
func (h *hosts) admit(name string, later func(admitted bool)) admission {
	h.mu.Lock()
	defer h.mu.Unlock()
	x := h.byName[name]
	if x == nil {
		h.forget()
		x = new(host)
		h.byName[name] = x
	}
	switch {
	case time.Now().Before(x.closed):
		return broken
	case x.active < perHost:
		x.active++
		return start
	case len(x.waiting) < hostQueue:
		x.waiting = append(x.waiting, later)
		return queued
	default:
		return busy
	}
}

// wait is like admit, but blocks until it is decided whether a queued request may start, so it never returns queued.
func (h *hosts) wait(name string) admission {
	ready := make(chan bool, 1)
	answer := h.admit(name, func(admitted bool) { ready <- admitted })
	if answer != queued {
		return answer
	}
	if <-ready {
		return start
	}
	return broken
}

// forget makes room for another host.
func (h *hosts) forget() {
	if len(h.byName) < maxHosts {
		return
	}
	const scanned = 32
	n := 0
	for name, x := range h.byName { // in random order
		if x.active == 0 && len(x.waiting) == 0 {
			delete(h.byName, name)
		}
		if n++; n == scanned {
			return
		}
	}
}

// done ends a request to a host, and lets the next one start. Failed reports whether the host did not respond, or
// responded that it cannot handle requests now.
func (h *hosts) done(name string, failed bool) {
	h.mu.Lock()
	x := h.byName[name]
	x.active--
	if failed {
		x.failures++
	} else {
		x.failures = 0
	}
	var call []func(bool)
	admitted := true
	if x.failures >= breakerFailures {
		x.closed = time.Now().Add(breakerTime)
		x.failures = breakerFailures - 1 // one more failure closes the host again
		call, x.waiting, admitted = x.waiting, nil, false
	} else if len(x.waiting) > 0 {
		call, x.waiting = x.waiting[:1], x.waiting[1:]
		x.active++
	}
	h.mu.Unlock()
	for _, f := range call {
		f(admitted)
	}
}

// overloaded reports whether a host failed, as opposed to one receiver on it.
func overloaded(res egress.Response, err error) bool {
	const tooMany, serverError = 429, 500
	return err != nil && !errors.Is(err, egress.ErrForbidden) || res.Status == tooMany || res.Status >= serverError
}
