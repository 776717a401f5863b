//go:build chaos

package crash

import (
	"os"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
)

// Variable is the environment variable that specifies the point at which the process kills itself, and how many times
// it passes that point first, as in "commit-done:2".
const Variable = "FEEDPUB_CRASH"

// passed is the number of times that the process has passed the point.
var passed atomic.Int64

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
		_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
		select {} // until the signal arrives
	}
}
