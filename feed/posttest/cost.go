//go:build unix

package posttest

import (
	"runtime"
	"syscall"
	"testing"
	"time"
)

// CheckCost checks that the CPU time and memory that read needs for hostile texts grow linearly with their size: a text
// twice as long must take less than 2.5 times as long, and no text may allocate more than 2 KB per byte. The function
// wrap turns a text into the input of read. Times below 100 ms are not compared. The race detector changes times and
// allocations, so tests that call CheckCost must be built without it.
func CheckCost(t *testing.T, name string, wrap func(text string) string, read func(input string)) {
	t.Helper()
	const size, perByte, short, tries = 32 << 10, 2 << 10, 100 * time.Millisecond, 20
	small, large := Hostile(size), Hostile(2*size)
	for i := range large {
		one, two := wrap(small[i].Text), wrap(large[i].Text)
		long, memory := cost(read, two)
		half := long
		linear := func() bool { return long < short || long < 5*half/2 }
		// Use the minimum of several runs, since it is least affected by other processes. On a busy machine, many are needed.
		for try := 0; try < tries && long >= short && (try == 0 || !linear()); try++ {
			again, _ := cost(read, two)
			first, _ := cost(read, one)
			long, half = min(long, again), min(half, first)
		}
		if !linear() {
			t.Errorf("%s of %s: %v for %d bytes and %v for %d bytes, want less than 2.5 times as long",
				name, large[i].Name, half, len(one), long, len(two))
		}
		if memory > perByte*uint64(len(two)) {
			t.Errorf("%s of %s: allocated %d MB for %d bytes of input, want at most %d bytes per byte of input",
				name, large[i].Name, memory>>20, len(two), perByte)
		}
	}
}

// cost returns the CPU time that read takes and the number of bytes that it allocates.
func cost(read func(string), input string) (time.Duration, uint64) {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	start := CPUTime()
	read(input)
	used := CPUTime() - start
	runtime.ReadMemStats(&after)
	return used, after.TotalAlloc - before.TotalAlloc
}

// CPUTime returns the CPU time that the process has used.
func CPUTime() time.Duration {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		panic(err)
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}
