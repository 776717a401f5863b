package embedded

import (
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
)

// TestExpire checks that leases survive on a machine that is slow or late to advance the server's clock, and that keys
// expire nevertheless.
func TestExpire(t *testing.T) {
	const lease = 20 * time.Second // publish.LeaseAlone
	s := &Store{redis: miniredis.NewMiniRedis()}
	renew := func() {
		if err := s.redis.Set("lease", "holder"); err != nil {
			t.Fatal(err)
		}
		s.redis.SetTTL("lease", lease)
	}
	for _, took := range []time.Duration{0, time.Millisecond, time.Second, time.Minute} {
		wait := expireWait(took)
		if wait < time.Second {
			t.Errorf("after an advance of the clock that took %v, the next one is %v later, want at least 1s", took, wait)
		}
		renew()
		s.advance(wait + took)
		if !s.redis.Exists("lease") {
			t.Errorf("a lease that was just renewed expired: the clock was advanced by %v, after an advance that took %v",
				wait+took, took)
		}
	}
	renew()
	for range int(lease / time.Second) {
		s.advance(time.Second)
	}
	if s.redis.Exists("lease") {
		t.Errorf("the lease exists after %v, want it to expire", lease)
	}
}
