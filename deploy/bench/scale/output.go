package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"time"

	"feedpub/deploy/bench/internal/conditions"
)

// result is one measurement. If work is repeated, times are those of the run with the median wall-clock time.
type result struct {
	Work  string `json:"work"`
	Posts int    `json:"posts"`
	Feeds int    `json:"feeds,omitempty"`
	// Seconds is wall-clock time. CPU and RedisCPU are the CPU times of the measured process and of Redis.
	Seconds  float64 `json:"seconds,omitempty"`
	CPU      float64 `json:"cpu_seconds,omitempty"`
	RedisCPU float64 `json:"redis_cpu_seconds,omitempty"`
	// Runs is the number of runs, if there are several. SecondsQuartiles and CPUQuartiles are the first and the third
	// quartile of their times.
	Runs             int         `json:"runs,omitempty"`
	SecondsQuartiles *[2]float64 `json:"seconds_quartiles,omitempty"`
	CPUQuartiles     *[2]float64 `json:"cpu_quartiles,omitempty"`
	// Ratio and its quartiles are those of the times of two kinds of work in the same round.
	Ratio          float64     `json:"ratio,omitempty"`
	RatioQuartiles *[2]float64 `json:"ratio_quartiles,omitempty"`
	P25            float64     `json:"p25_ms,omitempty"`
	P50            float64     `json:"p50_ms,omitempty"`
	P75            float64     `json:"p75_ms,omitempty"`
	P99            float64     `json:"p99_ms,omitempty"`
	MiB            float64     `json:"mib,omitempty"`
	PeakMiB        float64     `json:"peak_mib,omitempty"`
	RedisMiB       float64     `json:"redis_mib,omitempty"`
	// These fields describe an idle process.
	PerSecond  float64 `json:"commands_per_second,omitempty"`
	Goroutines float64 `json:"goroutines,omitempty"`
	conditions.Conditions
}

// output writes results as lines of JSON.
type output struct{ encoder *json.Encoder }

func newOutput(w io.Writer) *output { return &output{json.NewEncoder(w)} }

// Encode writes a result with the current conditions.
func (o *output) Encode(r result) error {
	r.Conditions = conditions.Now(context.Background())
	return o.encoder.Encode(r)
}

// time calls do n times and writes a summary of the runs, labeled work. If prepare is not nil, it is called before each
// run.
func (b *bench) time(work string, n int, prepare, do func() error) error {
	runs := make([]result, 0, n)
	for range n {
		if prepare != nil {
			if err := prepare(); err != nil {
				return fmt.Errorf("%s: %w", work, err)
			}
		}
		r, err := b.once(work, do)
		if err != nil {
			return err
		}
		runs = append(runs, r)
	}
	return b.out.Encode(summary(runs))
}

// once calls do and returns its times, labeled work.
func (b *bench) once(work string, do func() error) (result, error) {
	runtime.GC()
	cpu, redisCPU, start := used(os.Getpid()), used(b.server.pid()), time.Now()
	if err := do(); err != nil {
		return result{}, fmt.Errorf("%s: %w", work, err)
	}
	return result{
		Work: work, Posts: b.posts, Feeds: b.feeds, Seconds: time.Since(start).Seconds(),
		CPU: (used(os.Getpid()) - cpu).Seconds(), RedisCPU: (used(b.server.pid()) - redisCPU).Seconds(),
	}, nil
}

// summary returns the run with the median wall-clock time, and the quartiles of all runs.
func summary(runs []result) result {
	slices.SortFunc(runs, func(x, y result) int { return cmp.Compare(x.Seconds, y.Seconds) })
	r := runs[len(runs)/2]
	if len(runs) == 1 {
		return r
	}
	r.Runs = len(runs)
	_, r.SecondsQuartiles = quartiles(runs, func(r result) float64 { return r.Seconds })
	_, r.CPUQuartiles = quartiles(runs, func(r result) float64 { return r.CPU })
	for _, run := range runs {
		r.PeakMiB = max(r.PeakMiB, run.PeakMiB)
	}
	return r
}

// quartiles returns the median of a value of the runs, and its first and third quartile.
func quartiles(runs []result, value func(result) float64) (median float64, others *[2]float64) {
	all := make([]float64, len(runs))
	for i, r := range runs {
		all[i] = value(r)
	}
	slices.Sort(all)
	return all[len(all)/2], &[2]float64{all[len(all)/4], all[len(all)*3/4]}
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
	peak, err := peakMemory()
	if err != nil {
		return err
	}
	redis, err := b.redisMemory(ctx)
	if err != nil {
		return err
	}
	return errors.Join(
		b.out.Encode(result{Work: "memory of Redis", Posts: b.posts, MiB: redis}),
		b.out.Encode(result{Work: "peak memory of this process", Posts: b.posts, MiB: peak}),
	)
}

// redisMemory returns the memory used by Redis, in MiB.
func (b *bench) redisMemory(ctx context.Context) (float64, error) {
	out, err := exec.CommandContext(ctx, "redis-cli", "-s", b.server.socket, "info", "memory").Output()
	return field(out, "used_memory:") / (1 << 20), err
}

// peakMemory returns the peak resident memory of this process since it started, or since the last call of
// resetPeakMemory, in MiB.
func peakMemory() (float64, error) {
	status, err := os.ReadFile("/proc/self/status")
	return field(status, "VmHWM:") / 1024, err
}

// resetPeakMemory returns unused memory to the operating system and starts a new measurement of the peak.
func resetPeakMemory() error {
	debug.FreeOSMemory()
	return os.WriteFile("/proc/self/clear_refs", []byte("5"), 0)
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
