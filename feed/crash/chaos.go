//go:build chaos

package crash

import (
	"bytes"
	"os"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"time"
)

// Variable is the environment variable that specifies the point at which the process kills itself, and how many times
// it passes that point first, as in "commit-done:2".
const Variable = "FEEDPUB_CRASH"

// passed is the number of times that the process has passed the point.
var passed atomic.Int64

// Armed reports whether the process kills itself at the point.
func Armed(p Point) bool {
	point, _, _ := strings.Cut(os.Getenv(Variable), ":")
	return point == string(p)
}

// At kills the process if it is at the point that [Variable] names.
func At(p Point) {
	point, count, _ := strings.Cut(os.Getenv(Variable), ":")
	if point != string(p) {
		return
	}
	n, err := strconv.ParseInt(count, 10, 64)
	if err != nil {
		panic(Variable + ": " + err.Error())
	}
	if passed.Add(1) > n {
		kill()
	}
}

func kill() {
	_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
	select {} // wait for the signal to end the process
}

// greed is the memory, in MB, that [Reading] allocates for a greedy post before it kills the process.
const greed = 1024

// Words in a post that make [Reading] kill the process, allocate much memory first, or never return.
const (
	deadly  = "FEEDPUB-CRASH-DEADLY"
	greedy  = "FEEDPUB-CRASH-GREEDY"
	endless = "FEEDPUB-CRASH-ENDLESS"
)

// Reading is called with each post that is read. It simulates what a parser without bounds could do.
func Reading(raw []byte) {
	switch {
	case bytes.Contains(raw, []byte(deadly)):
		kill()
	case bytes.Contains(raw, []byte(greedy)):
		var held [][]byte
		for len(held) < greed {
			held = append(held, bytes.Repeat([]byte{1}, 1<<20))
			if len(held)%8 == 0 {
				time.Sleep(time.Millisecond) // so that the process can measure its memory
			}
		}
		kill() // as the kernel does when there is no more memory
	case bytes.Contains(raw, []byte(endless)):
		for n := uint64(0); ; {
			n++
		}
	}
}
