package simulate

import (
	"flag"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"runtime"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

var (
	seed      = flag.Uint64("seed", 0, "run only the schedule of this `seed`, with its log; 0 runs many")
	first     = flag.Uint64("first", 1, "the `seed` of the first of many schedules")
	schedules = flag.Int("schedules", 0, "run this `number` of schedules; 0 runs as many as fit into the time")
	jobs      = flag.Int("jobs", 1, "divide many schedules among this `number` of processes")
	limit     = flag.Duration("time", 20*time.Second, "run schedules for this `time`, or a quarter with the race detector")
)

// result is the result of one schedule.
type result struct {
	violations   []string
	counts       map[string]int
	trace        uint64
	acked, reads int
	summary      string
}

// simulate runs the schedule of a seed.
func simulate(t *testing.T, seed uint64, log *slog.Logger) (res result) {
	t.Helper()
	// The code limits its concurrency to the number of processors, and a schedule must not depend on it.
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	// If virtual time does not advance, the program hangs.
	watchdog := time.AfterFunc(time.Minute, func() { panic(fmt.Sprintf("seed %d: not finished after a minute", seed)) })
	defer watchdog.Stop()
	defer func() {
		if r := recover(); r != nil {
			panic(fmt.Sprintf("seed %d: %v", seed, r))
		}
	}()
	synctest.Test(t, func(*testing.T) {
		w := newWorld(seed, log)
		w.run()
		res = result{
			violations: w.violations, counts: w.counts, trace: w.trace, acked: w.posts.acked, reads: w.reading.reads,
			summary: w.summary(),
		}
	})
	return res
}

// TestSimulate runs random schedules of faults and checks the promises. To repeat a schedule in which one is broken:
//
//	make simulate SEED=N
func TestSimulate(t *testing.T) {
	if *seed != 0 {
		res := simulate(t, *seed, slog.New(slog.NewTextHandler(os.Stdout, nil)))
		t.Logf("seed %d: %s\n%v", *seed, res.summary, res.counts)
		for _, v := range res.violations {
			t.Error(v)
		}
		return
	}
	if *jobs > 1 && *schedules > 0 {
		simulateInProcesses(t)
		return
	}
	reader() // create the shared reader before virtual time starts
	total := result{counts: map[string]int{}}
	start := time.Now()
	limit := *limit
	if raced {
		limit /= 4
	}
	n := 0
	for ; *schedules == 0 && time.Since(start) < limit || n < *schedules; n++ {
		s := *first + uint64(n)
		res := simulate(t, s, slog.New(slog.DiscardHandler))
		for _, v := range res.violations {
			t.Errorf("seed %d: %s", s, v)
		}
		if len(res.violations) > 0 {
			total.counts["VIOLATIONS"]++
		}
		for k, c := range res.counts {
			total.counts[k] += c
		}
		total.acked, total.reads = total.acked+res.acked, total.reads+res.reads
	}
	t.Logf("%d schedules in %v: %d writes acknowledged, %d reads, %v", n, time.Since(start).Round(time.Millisecond),
		total.acked, total.reads, total.counts)
}

// simulateInProcesses divides the schedules among processes, since each of them uses only one processor.
func simulateInProcesses(t *testing.T) {
	t.Helper()
	var processes sync.WaitGroup
	for j := range *jobs {
		from, to := j*(*schedules)/(*jobs), (j+1)*(*schedules)/(*jobs)
		if from == to {
			continue
		}
		processes.Go(func() {
			out, err := exec.Command(os.Args[0], "-test.run=^TestSimulate$", "-test.v", "-test.timeout=0",
				"-first", fmt.Sprint(*first+uint64(from)), "-schedules", fmt.Sprint(to-from), //nolint:gosec // not negative
			).CombinedOutput()
			if err != nil {
				t.Errorf("%d schedules: %v", to-from, err)
			}
			t.Logf("%s", out)
		})
	}
	processes.Wait()
}

// TestFoundBugs runs the schedules that found bugs in the past.
func TestFoundBugs(t *testing.T) {
	reader() // create the shared reader before virtual time starts
	for _, seed := range []uint64{
		1032, // the archives of an unchanged feed were lost
		2917, // a feed needed archives while changes were held
		6983, // a feed needed archives while changes were held, with a single server
		4183, // a run did not end in time because it waited for a slow store
	} {
		for _, v := range simulate(t, seed, slog.New(slog.DiscardHandler)).violations {
			t.Errorf("seed %d: %s", seed, v)
		}
	}
}

// TestRepeatable checks that the same seed always produces the same run.
func TestRepeatable(t *testing.T) {
	seeds := uint64(20)
	if raced {
		seeds = 3
	}
	for s := *first; s < *first+seeds; s++ {
		one := simulate(t, s, slog.New(slog.DiscardHandler))
		two := simulate(t, s, slog.New(slog.DiscardHandler))
		if one.trace != two.trace {
			t.Errorf("seed %d: two runs differ", s)
		}
	}
}
