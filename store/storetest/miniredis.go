package storetest

import (
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
)

// Miniredis starts a miniredis on a free loopback port and returns its URL. The server stops when the test ends. Keys
// expire because Miniredis calls FastForward. (The option ClockTTL would sort all keys at every command.)
func Miniredis(t testing.TB) (url string) {
	t.Helper()
	const tick = 10 * time.Millisecond
	m := miniredis.RunT(t)
	ticker := time.NewTicker(tick)
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		for {
			select {
			case <-ticker.C:
				m.FastForward(tick)
			case <-stop:
				return
			}
		}
	}()
	t.Cleanup(func() {
		ticker.Stop()
		close(stop)
		<-stopped
	})
	return "redis://" + m.Addr()
}
