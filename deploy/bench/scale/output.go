package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"
)

// result is one measurement. If work is repeated, times are medians.
type result struct {
	Work  string `json:"work"`
	Posts int    `json:"posts"`
	Feeds int    `json:"feeds,omitempty"`
	// Seconds is wall-clock time. CPU and RedisCPU are the CPU times of this process and of Redis.
	Seconds  float64 `json:"seconds,omitempty"`
	CPU      float64 `json:"cpu_seconds,omitempty"`
	RedisCPU float64 `json:"redis_cpu_seconds,omitempty"`
	P25      float64 `json:"p25_ms,omitempty"`
	P50      float64 `json:"p50_ms,omitempty"`
	P75      float64 `json:"p75_ms,omitempty"`
	P99      float64 `json:"p99_ms,omitempty"`
	MiB      float64 `json:"mib,omitempty"`
	PeakMiB  float64 `json:"peak_mib,omitempty"`
	// These fields describe an idle process.
	PerSecond  float64 `json:"commands_per_second,omitempty"`
	Goroutines float64 `json:"goroutines,omitempty"`
}

func newOutput(w io.Writer) *json.Encoder { return json.NewEncoder(w) }

// time calls do n times and writes the run with the median time, labeled work. If prepare is
// not nil, it is called before each run.
func (b *bench) time(work string, n int, prepare, do func() error) error {
	runs := make([]result, 0, n)
	for range n {
		if prepare != nil {
			if err := prepare(); err != nil {
				return fmt.Errorf("%s: %w", work, err)
			}
		}
		runtime.GC()
		cpu, redisCPU, start := used(os.Getpid()), used(b.server.pid()), time.Now()
		if err := do(); err != nil {
			return fmt.Errorf("%s: %w", work, err)
		}
		runs = append(runs, result{
			Work: work, Posts: b.posts, Feeds: b.feeds, Seconds: time.Since(start).Seconds(),
			CPU: (used(os.Getpid()) - cpu).Seconds(), RedisCPU: (used(b.server.pid()) - redisCPU).Seconds(),
		})
	}
	slices.SortFunc(runs, func(x, y result) int {
		switch {
		case x.Seconds < y.Seconds:
			return -1
		case x.Seconds > y.Seconds:
			return 1
		default:
			return 0
		}
	})
	return b.out.Encode(runs[len(runs)/2])
}

// latencies writes the quartiles and the 99th percentile of the durations.
func (b *bench) latencies(work string, took []time.Duration) error {
	slices.Sort(took)
	ms := func(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
	return b.out.Encode(result{
		Work: work, Posts: b.posts, Feeds: b.feeds, P25: ms(took[len(took)/4]), P50: ms(took[len(took)/2]),
		P75: ms(took[len(took)*3/4]), P99: ms(took[len(took)*99/100]),
	})
}

// used returns the CPU time of a process, or 0 if it is unknown.
func used(pid int) time.Duration {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0
	}
	_, rest, _ := strings.Cut(string(stat), ") ") // the process name before it may contain spaces
	fields := strings.Fields(rest)
	if len(fields) < 13 {
		return 0
	}
	user, err1 := strconv.Atoi(fields[11])
	system, err2 := strconv.Atoi(fields[12])
	if err1 != nil || err2 != nil {
		return 0
	}
	return time.Duration(user+system) * (time.Second / 100) // USER_HZ is 100 on Linux
}

// memory measures the memory used by Redis and this process.
func (b *bench) memory(ctx context.Context) error {
	out, err := exec.CommandContext(ctx, "redis-cli", "-s", b.server.socket, "info", "memory").Output()
	if err != nil {
		return err
	}
	if err := b.out.Encode(result{Work: "memory of Redis", Posts: b.posts, MiB: field(out, "used_memory:") / (1 << 20)}); err != nil {
		return err
	}
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return err
	}
	return b.out.Encode(result{Work: "peak memory of this process", Posts: b.posts, MiB: field(status, "VmHWM:") / 1024})
}

// field returns the number that follows a name at the beginning of a line, or 0.
func field(text []byte, name string) float64 {
	for line := range strings.Lines(string(text)) {
		if value, ok := strings.CutPrefix(line, name); ok {
			value, _, _ = strings.Cut(strings.TrimSpace(value), " ")
			n, err := strconv.ParseFloat(value, 64)
			if err != nil {
				return 0
			}
			return n
		}
	}
	return 0
}
