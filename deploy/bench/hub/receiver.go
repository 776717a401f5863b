package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// receiver receives deliveries on all addresses of 127.0.0.0/8.
type receiver struct {
	port   int
	server http.Server
	hang   atomic.Bool // subscribers below /slow do not respond to deliveries

	mu        sync.Mutex
	latest    map[string]int // version by subscriber
	have      map[int]int    // number of subscribers by the version that they have
	repeated  int
	older     int
	firsts    map[int]time.Time // time of the first delivery by version
	more      chan struct{}     // closed and replaced for each delivery
	subscribe int               // number of subscribers that must have each version
}

func newReceiver() (*receiver, error) {
	l, err := net.Listen("tcp", "0.0.0.0:0")
	if err != nil {
		return nil, err
	}
	addr, ok := l.Addr().(*net.TCPAddr)
	if !ok {
		return nil, fmt.Errorf("the address of the listener, %v, is not a TCP address", l.Addr())
	}
	r := &receiver{
		port: addr.Port, latest: map[string]int{}, have: map[int]int{}, firsts: map[int]time.Time{},
		more: make(chan struct{}),
	}
	r.server.Handler = r
	go func() { _ = r.server.Serve(l) }() // returns after close
	return r, nil
}

func (r *receiver) close() { _ = r.server.Close() }

// callback returns the URL of a subscriber.
func (r *receiver) callback(path string, i int) string {
	const addresses, block = 1000, 250
	a := i % addresses
	third := 1 + a/block
	if path == "/slow" {
		third = 100 + i%block // slow subscribers have hosts of their own
	}
	return fmt.Sprintf("http://127.0.%d.%d:%d%s/%d", third, 1+a%block, r.port, path, i)
}

// marker precedes the version in a document.
const marker = "bench-version-"

// ServeHTTP confirms subscriptions and counts deliveries.
func (r *receiver) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	if req.Method == http.MethodGet {
		_, _ = io.WriteString(w, req.URL.Query().Get("hub.challenge"))
		return
	}
	slow := strings.HasPrefix(req.URL.Path, "/slow")
	if slow && r.hang.Load() {
		<-req.Context().Done() // the server gives up
		return
	}
	body, err := io.ReadAll(req.Body)
	if err != nil {
		return // the server was killed
	}
	version := versionOf(body)
	r.mu.Lock()
	defer r.mu.Unlock()
	if _, ok := r.firsts[version]; !ok {
		r.firsts[version] = time.Now()
	}
	last, known := r.latest[req.URL.Path]
	switch {
	case !known:
	case version == last:
		r.repeated++
	case version < last:
		r.older++
	}
	if !slow && (!known || version > last) {
		r.have[last]--
		r.have[version]++
	}
	r.latest[req.URL.Path] = max(last, version)
	close(r.more)
	r.more = make(chan struct{})
}

// versionOf returns the greatest version in a document, or 0.
func versionOf(body []byte) int {
	_, digits, ok := bytes.Cut(body, []byte(marker))
	if !ok {
		return 0
	}
	end := bytes.IndexFunc(digits, func(c rune) bool { return c < '0' || c > '9' })
	n, _ := strconv.Atoi(string(digits[:max(0, end)]))
	return n
}

// await waits until n subscribers have the given version or a later one.
func (r *receiver) await(ctx context.Context, version, n int) error {
	const patience = 3 * time.Minute
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for {
		r.mu.Lock()
		more, have := r.more, 0
		for v, count := range r.have {
			if v >= version {
				have += count
			}
		}
		r.mu.Unlock()
		if have >= n {
			return nil
		}
		select {
		case <-more:
		case <-ctx.Done():
			return fmt.Errorf("%d of %d subscribers have version %d: %w", have, n, version, ctx.Err())
		}
	}
}

// first returns the time of the first delivery of the newest version.
func (r *receiver) first() time.Time {
	r.mu.Lock()
	defer r.mu.Unlock()
	newest := 0
	for v := range r.firsts {
		newest = max(newest, v)
	}
	return r.firsts[newest]
}

// totals returns the number of repeated deliveries, of deliveries of an older version, and of subscribers without the
// newest version.
func (r *receiver) totals() (repeated, older, behind int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	newest := 0
	for v := range r.firsts {
		newest = max(newest, v)
	}
	for path, v := range r.latest {
		if v < newest && !strings.HasPrefix(path, "/slow") {
			behind++
		}
	}
	return r.repeated, r.older, behind
}

// awaitPaths waits until n subscribers, including slow ones, have received a delivery.
func (r *receiver) awaitPaths(ctx context.Context, n int) error {
	for {
		r.mu.Lock()
		more, have := r.more, len(r.latest)
		r.mu.Unlock()
		if have >= n {
			return nil
		}
		select {
		case <-more:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}
