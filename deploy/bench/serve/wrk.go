package main

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// load describes the requests that wrk makes.
type load struct {
	path        string
	fields      []string // header fields
	script      string   // Lua script; may be empty
	connections int      // number of connections; 0 means 64
}

// result is the result of a wrk run.
type result struct {
	requests int
	cpu      time.Duration // CPU time of the server per request
	// latencies is set if the script is printLatencies.
	latencies latencies
	perSec    float64
	busy      float64 // fraction of a core that the server used
	stolen    int     // CPU time that the hypervisor took from this machine, in units of 10 ms
}

var (
	requestsLine = regexp.MustCompile(`(?m)^\s+(\d+) requests in `)
	rateLine     = regexp.MustCompile(`(?m)^Requests/sec:\s+([0-9.]+)`)
	latencyLine  = regexp.MustCompile(`(?m)^latency\t(\d+)\t(\d+)$`)
)

// run runs wrk against a server.
func (b *bench) run(ctx context.Context, s *server, l load) (result, error) {
	var r result
	args := []string{
		"-t1", "-c" + strconv.Itoa(cmp.Or(l.connections, 64)), "-d" + strconv.Itoa(int(b.length/time.Second)) + "s",
		"-H", "Accept-Encoding: gzip", "-H", "User-Agent: bench",
	}
	for _, f := range l.fields {
		args = append(args, "-H", f)
	}
	if l.script != "" {
		path := filepath.Join(b.dir, "load.lua")
		if err := os.WriteFile(path, []byte(l.script), 0o600); err != nil {
			return r, err
		}
		args = append(args, "-s", path)
	}
	cmd := pinned(ctx, b.loadCPU, "wrk", append(args, s.url+l.path)...)
	before, err := cpuOf(s.pid)
	if err != nil {
		return r, err
	}
	stolen, err := stolenTime()
	if err != nil {
		return r, err
	}
	out, err := cmd.Output()
	if err != nil {
		return r, fmt.Errorf("wrk: %w", err)
	}
	after, err := cpuOf(s.pid)
	if err != nil {
		return r, err
	}
	total, err := stolenTime()
	if err != nil {
		return r, err
	}
	r.stolen = total - stolen
	text := string(out)
	if strings.Contains(text, "Non-2xx or 3xx responses") || strings.Contains(text, "Socket errors") {
		return r, fmt.Errorf("wrk got errors:\n%s", text)
	}
	if r.requests, err = strconv.Atoi(match(requestsLine, text)); err != nil || r.requests == 0 {
		return r, fmt.Errorf("wrk made no requests:\n%s", text)
	}
	if r.perSec, err = strconv.ParseFloat(match(rateLine, text), 64); err != nil {
		return r, fmt.Errorf("wrk: %w", err)
	}
	if r.latencies, err = latenciesIn(text); err != nil {
		return r, err
	}
	r.cpu = (after - before) / time.Duration(r.requests)
	r.busy = float64(after-before) / float64(b.length)
	return r, nil
}

// latencies are the numbers of requests by latency in microseconds.
type latencies map[int]int

func latenciesIn(text string) (latencies, error) {
	l := latencies{}
	for _, m := range latencyLine.FindAllStringSubmatch(text, -1) {
		value, err := strconv.Atoi(m[1])
		if err != nil {
			return nil, err
		}
		if l[value], err = strconv.Atoi(m[2]); err != nil {
			return nil, err
		}
	}
	return l, nil
}

func (l latencies) add(more latencies) {
	for value, n := range more {
		l[value] += n
	}
}

// percentile returns the latency that p percent of the requests do not exceed.
func (l latencies) percentile(p int) int {
	total := 0
	for _, n := range l {
		total += n
	}
	below := 0
	for _, value := range slices.Sorted(maps.Keys(l)) {
		if below += l[value]; below*100 >= total*p {
			return value
		}
	}
	return 0
}

func match(re *regexp.Regexp, text string) string {
	if m := re.FindStringSubmatch(text); m != nil {
		return m[1]
	}
	return ""
}
