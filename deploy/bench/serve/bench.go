package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"time"
)

// bench is the state shared by the measurements.
type bench struct {
	options
	dir          string
	ours, theirs *server
	doc          document
	missed       int
}

// Upper or lower bounds for the figures. Most figures are ratios to nginx.
const (
	bound304   = 1.1
	bound200   = 1.05 // for the small document
	boundLarge = 1.15 // for the document of the default size
	boundP99   = 1.3
	boundFeeds = 1.1
	boundMiB   = 256.0
	boundSlow  = 0.9
	boundBusy  = 0.9

	boundSeconds = 10
)

// largeSize is the size of a document in gzip coding, in bytes, above which boundLarge applies.
const largeSize = 32 << 10

// rate is the number of requests per second at which latency is measured.
const rate = 5000

// maxRounds is how many times more rounds than requested may be run to get enough runs without stolen time.
const maxRounds = 6

// pacedConnections is the number of connections over which the "paced" script makes requests at the given rate. Since
// wrk has no rate option, each connection waits for a random time between requests.
const pacedConnections = 50

func paced() string {
	return fmt.Sprintf("function delay() return math.random(0, %d) end\n", 2*1000*pacedConnections/rate)
}

// printLatencies is a script that prints how many requests had each latency, in microseconds.
const printLatencies = `function done(summary, latency, requests)
  for i = 1, #latency do
    local value, count = latency(i)
    print("latency", value, count)
  end
end
`

func (b *bench) notModified(ctx context.Context) error {
	return b.compare(ctx, "CPU per 304, feedpub / nginx", bound304, func(s *server) load {
		return load{path: "/feed.xml", fields: []string{"If-None-Match: " + s.tag}}
	}, func(r result) float64 { return float64(r.cpu) })
}

func (b *bench) whole(ctx context.Context) error {
	bound := bound200
	if len(b.doc.gzip) > largeSize {
		bound = boundLarge
	}
	return b.compare(ctx, "CPU per 200 in gzip coding, feedpub / nginx", bound, func(*server) load {
		return load{path: "/feed.xml"}
	}, func(r result) float64 { return float64(r.cpu) })
}

// latency compares the 99th percentiles of latency, and prints how many times the CPU time of a response each of them
// is. Short runs alternate between the servers, and those during which the hypervisor took CPU time from this machine
// are left out: a pause of a few milliseconds is enough to be the 99th percentile of a run.
func (b *bench) latency(ctx context.Context) error {
	short := *b
	short.length = time.Second
	for _, kind := range []string{"304", "200"} {
		ours, theirs := pool{latencies: latencies{}}, pool{latencies: latencies{}}
		pools := map[*server]*pool{b.ours: &ours, b.theirs: &theirs}
		for i := 0; min(ours.runs, theirs.runs) < b.rounds && i < maxRounds*b.rounds; i++ {
			for _, s := range b.order(i) {
				l := load{path: "/feed.xml", script: paced() + printLatencies, connections: pacedConnections}
				if kind == "304" {
					l.fields = []string{"If-None-Match: " + s.tag}
				}
				r, err := short.run(ctx, s, l)
				if err != nil {
					return err
				}
				if i > 0 { // the first round is a warm-up
					pools[s].addRun(r)
				}
			}
		}
		if min(ours.runs, theirs.runs) == 0 {
			return errors.New("the hypervisor took CPU time from this machine during all runs of a server")
		}
		name := fmt.Sprintf("p99 of %s at %d a second, feedpub / nginx; %v; %v", kind, rate, &ours, &theirs)
		b.report(name, []float64{float64(ours.percentile(99)) / float64(theirs.percentile(99))}, "≤ %.2f", boundP99, true)
	}
	return nil
}

// pool has the latencies of the runs of a server during which no CPU time was stolen.
type pool struct {
	latencies
	runs, stolen int           // numbers of runs: those in the pool, and those left out
	cpu          time.Duration // sum of the CPU times of a response
}

func (p *pool) addRun(r result) {
	if r.stolen > 0 {
		p.stolen++
		return
	}
	p.runs++
	p.cpu += r.cpu
	p.add(r.latencies)
}

func (p *pool) String() string {
	p99, cpu := p.percentile(99), p.cpu/time.Duration(p.runs)
	return fmt.Sprintf("%d µs, %.1f times the CPU time of %.1f µs, in %d of %d runs",
		p99, float64(p99)*float64(time.Microsecond)/float64(cpu), float64(cpu)/float64(time.Microsecond), p.runs, p.runs+p.stolen)
}

// order returns the servers in the order of a round. It changes, so that neither server always benefits from caches
// that the other has warmed.
func (b *bench) order(round int) []*server {
	if round%2 == 1 {
		return []*server{b.theirs, b.ours}
	}
	return []*server{b.ours, b.theirs}
}

// compare alternates between the servers and reports the ratios of adjacent runs.
func (b *bench) compare(ctx context.Context, name string, bound float64, l func(*server) load, figure func(result) float64) error {
	ratios, err := b.ratios(ctx, l, figure)
	if err != nil {
		return err
	}
	b.report(name, ratios, "≤ %.2f", bound, true)
	return nil
}

// ratios alternates between the servers and returns the ratios of the figures of adjacent runs. The first round is a
// warm-up.
func (b *bench) ratios(ctx context.Context, l func(*server) load, figure func(result) float64) ([]float64, error) {
	var ratios []float64
	for i := range b.rounds + 1 {
		figures := map[*server]float64{}
		for _, s := range b.order(i) {
			r, err := b.run(ctx, s, l(s))
			if err != nil {
				return nil, err
			}
			if i > 0 {
				figures[s] = figure(r)
			}
		}
		if i > 0 {
			ratios = append(ratios, figures[b.ours]/figures[b.theirs])
		}
	}
	return ratios, nil
}

// manyFeeds compares random polling of thousands of feeds with polling one feed at the same rate. The rate is fixed
// because wrk is slower with many different requests, and a server that waits more often uses more CPU time per
// request.
func (b *bench) manyFeeds(ctx context.Context) error {
	paths := `{"` + strings.Join(b.doc.paths, `","`) + `"}`
	script := func(body string) string {
		return paced() + "local paths = " + paths + "\nlocal requests = {}\nfunction init()\n" +
			"  for i, p in ipairs(paths) do requests[i] = wrk.format('GET', p) end\nend\nfunction request() " + body + " end\n"
	}
	one := script("return requests[math.random(1, 1)]") // as much work for wrk as the script below
	all := script("return requests[math.random(1, #requests)]")
	name := fmt.Sprintf("CPU per 304, %d feeds at random / one feed", len(b.doc.paths))
	ratios, err := b.ratiosOfScripts(ctx, b.ours, all, one)
	if err != nil {
		return err
	}
	b.report(name, ratios, "≤ %.2f", boundFeeds, true)
	if ratios, err = b.ratiosOfScripts(ctx, b.theirs, all, one); err != nil {
		return err
	}
	printFigure(fmt.Sprintf("CPU per 304 of nginx, %d feeds at random / one feed", len(b.doc.paths)), ratios)
	return nil
}

// ratiosOfScripts returns the ratios of the CPU time per request with two scripts, in alternating order.
func (b *bench) ratiosOfScripts(ctx context.Context, s *server, above, below string) ([]float64, error) {
	var ratios []float64
	for i := range b.rounds + 1 {
		figures := map[string]float64{}
		order := []string{below, above}
		if i%2 == 1 {
			slices.Reverse(order)
		}
		for _, script := range order {
			r, err := b.run(ctx, s, load{
				path: "/", fields: []string{"If-None-Match: *"}, script: script, connections: pacedConnections,
			})
			if err != nil {
				return nil, err
			}
			figures[script] = float64(r.cpu)
		}
		if i > 0 {
			ratios = append(ratios, figures[above]/figures[below])
		}
	}
	return ratios, nil
}

// openConnections measures the memory of a server with many open connections, each of which has sent a request.
func (b *bench) openConnections(ctx context.Context) error {
	conns, err := dial(ctx, b.ours.addr, b.clients, func(c net.Conn) error {
		if _, err := io.WriteString(c, "GET /feed.xml HTTP/1.1\r\nHost: x\r\nAccept-Encoding: gzip\r\n\r\n"); err != nil {
			return err
		}
		res, err := http.ReadResponse(bufio.NewReader(c), nil)
		if err != nil {
			return err
		}
		_, err = io.Copy(io.Discard, res.Body)
		return errors.Join(err, res.Body.Close())
	})
	defer closeAll(conns)
	if err != nil {
		return err
	}
	bytes, err := memoryOf(b.ours.pid)
	if err != nil {
		return err
	}
	b.report(fmt.Sprintf("MiB in memory with %d open connections", len(conns)), []float64{float64(bytes) / (1 << 20)},
		"≤ %.0f", boundMiB, true)
	return nil
}

// slowConnections measures the throughput of other clients while many clients send requests byte by byte, and checks
// that the server closes the slow connections.
func (b *bench) slowConnections(ctx context.Context) error {
	var ratios, costs, busy, open, took []float64
	alone := func() (result, error) {
		r, err := b.run(ctx, b.ours, load{path: "/feed.xml"})
		busy = append(busy, r.busy)
		return r, err
	}
	for i := range min(b.rounds, 4) {
		var without result
		var err error
		if i%2 == 0 {
			if without, err = alone(); err != nil {
				return err
			}
		}
		beside, slow, err := b.besideSlow(ctx)
		if err != nil {
			return err
		}
		if i%2 == 1 {
			if without, err = alone(); err != nil {
				return err
			}
		}
		ratios = append(ratios, beside.perSec/without.perSec)
		costs = append(costs, float64(without.cpu)/float64(beside.cpu))
		open = append(open, float64(slow.left))
		took = append(took, slow.took.Seconds())
	}
	b.report("share of its core used by the server without slow connections; if lower, wrk is the limit", busy,
		"≥ %.2f", boundBusy, false)
	b.report(fmt.Sprintf("throughput with %d slow connections / without", b.clients), ratios, "≥ %.2f", boundSlow, false)
	b.report("CPU time per request without slow connections / with them", costs, "≥ %.2f", boundSlow, false)
	b.report("slow connections still open a minute later", open, "≤ %.0f", 0, true)
	b.report("seconds until the last was closed; the timeout is 5", took, "≤ %.0f", boundSeconds, true)
	return nil
}

// besideSlow measures requests while slow clients are connected.
func (b *bench) besideSlow(ctx context.Context) (r result, slow closeStats, err error) {
	clients, err := b.startSlow(ctx)
	if err != nil {
		return r, slow, err
	}
	defer clients.stop()
	if r, err = b.run(ctx, b.ours, load{path: "/feed.xml"}); err != nil {
		return r, slow, err
	}
	slow, err = clients.wait()
	return r, slow, err
}

// dial opens n connections and calls do for each connection.
func dial(ctx context.Context, addr string, n int, do func(net.Conn) error) ([]net.Conn, error) {
	var conns []net.Conn
	d := net.Dialer{Timeout: 20 * time.Second}
	for range n {
		c, err := d.DialContext(ctx, "tcp", addr)
		if err != nil {
			return conns, err
		}
		conns = append(conns, c)
		if err := do(c); err != nil {
			return conns, err
		}
	}
	return conns, nil
}

func closeAll(conns []net.Conn) {
	for _, c := range conns {
		_ = c.Close()
	}
}

// report prints a figure, and counts it as missed if it exceeds its bound.
func (b *bench) report(name string, figures []float64, bound string, limit float64, atMost bool) {
	median, spread := summarize(figures)
	if atMost && median > limit || !atMost && median < limit {
		b.missed++
	}
	fmt.Printf("| %s | %.2f | %s | %s |\n", name, median, spread, fmt.Sprintf(bound, limit))
}

// printFigure prints a figure without a bound, for comparison.
func printFigure(name string, figures []float64) {
	median, spread := summarize(figures)
	fmt.Printf("| %s | %.2f | %s | |\n", name, median, spread)
}

// summarize sorts the figures, and returns their median, and their quartiles if there are more than two.
func summarize(figures []float64) (median float64, spread string) {
	slices.Sort(figures)
	n := len(figures)
	if n > 2 {
		spread = fmt.Sprintf("%.2f to %.2f", figures[n/4], figures[n*3/4])
	}
	return figures[n/2], spread
}
