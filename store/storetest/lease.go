package storetest

import (
	"context"
	"testing"
	"time"

	"feedpub/feed"
)

func contextWithTimeout(t *testing.T, d time.Duration) (context.Context, context.CancelFunc) {
	t.Helper()
	return context.WithTimeout(t.Context(), d)
}

func leaseTests() []test {
	return []test{
		{"LeaseHasOneHolder", testLeaseHasOneHolder},
		{"LeaseExpires", testLeaseExpires},
		{"BoundLeaseEndsWithItsProcess", testBoundLeaseEndsWithItsProcess},
		{"BoundLeaseOfLivingProcess", testBoundLeaseOfLivingProcess},
		{"TokensExceedThoseOfReplicas", testTokensExceedThoseOfReplicas},
		{"HolderAcquiresAgain", testHolderAcquiresAgain},
		{"NewTokenFencesOldBuilder", testNewTokenFencesOldBuilder},
		{"AskAndReply", testAskAndReply},
		{"AskWithoutBuilder", testAskWithoutBuilder},
	}
}

func testLeaseHasOneHolder(t *testing.T, s suite) {
	if owner, left, err := s.Holder(s.ctx, "build"); err != nil || owner != "" || left != 0 {
		t.Errorf("Holder of an unused lease = %q, %v, %v; want none", owner, left, err)
	}
	first, err := s.Acquire(s.ctx, "build", "one", time.Minute, day(1), 0)
	must(t, "Acquire", err)
	if first < feed.Token(day(1).UnixMilli()) {
		t.Errorf("token is %d; want at least the time %d", first, day(1).UnixMilli())
	}
	_, err = s.open().Acquire(s.ctx, "build", "two", time.Minute, day(1), 0)
	wantKind(t, "Acquire of a lease that has a holder", err, feed.ErrLocked)
	if owner, left, err := s.Holder(s.ctx, "build"); err != nil || owner != "one" || left <= 0 || left > time.Minute {
		t.Errorf("Holder = %q, %v, %v; want \"one\", for at most a minute", owner, left, err)
	}
	if _, err := s.Acquire(s.ctx, "another job", "two", time.Minute, day(1), 0); err != nil {
		t.Errorf("Acquire of another job: %v", err)
	}
	must(t, "Renew", s.Renew(s.ctx, "build", "one", time.Minute))
	wantKind(t, "Renew by another owner", s.Renew(s.ctx, "build", "two", time.Minute), feed.ErrLocked)
	must(t, "Release by another owner", s.Release(s.ctx, "build", "two"))
	if owner, left, err := s.Holder(s.ctx, "build"); err != nil || owner != "one" || left <= 0 {
		t.Errorf("after Release by another owner, Holder = %q, %v, %v; want \"one\"", owner, left, err)
	}
	must(t, "Release", s.Release(s.ctx, "build", "one"))
	wantKind(t, "Renew after Release", s.Renew(s.ctx, "build", "one", time.Minute), feed.ErrLocked)
	second, err := s.Acquire(s.ctx, "build", "two", time.Minute, day(1), 0)
	must(t, "Acquire", err)
	if second <= first {
		t.Errorf("tokens are %d, then %d; want the second to be greater", first, second)
	}
}

func testLeaseExpires(t *testing.T, s suite) {
	_, err := s.Acquire(s.ctx, "build", "dead", 50*time.Millisecond, day(1), 0)
	must(t, "Acquire", err)
	deadline := time.Now().Add(time.Minute)
	for {
		_, err := s.Acquire(s.ctx, "build", "next", time.Minute, day(1), 0)
		if err == nil {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("Acquire a minute after a lease of 50 ms: %v", err)
		}
	}
}

func testBoundLeaseEndsWithItsProcess(t *testing.T, s suite) {
	const process = "process of BoundLeaseEndsWithItsProcess"
	owner := feed.BoundOwner("one", process)
	before, err := s.SetAlive(s.ctx, process, time.Minute)
	must(t, "SetAlive", err)
	if before {
		t.Error("SetAlive reports that a new process was recorded before")
	}
	first, err := s.Acquire(s.ctx, "build", owner, time.Hour, day(1), 0)
	must(t, "Acquire", err)
	must(t, "ClearAlive", s.ClearAlive(s.ctx, process))
	next := s.open() // a client of another process has not cached the record
	if owner, left, err := next.Holder(s.ctx, "build"); err != nil || owner != "" || left != 0 {
		t.Errorf("Holder after the process has ended = %q, %v, %v; want none", owner, left, err)
	}
	second, err := next.Acquire(s.ctx, "build", "two", time.Hour, day(1), 0)
	must(t, "Acquire after the process has ended", err)
	if second <= first {
		t.Errorf("tokens are %d, then %d; want the second to be greater", first, second)
	}
	before, err = s.SetAlive(s.ctx, process, time.Minute)
	must(t, "SetAlive", err)
	if before {
		t.Error("SetAlive reports after ClearAlive that the process was recorded")
	}
	wantKind(t, "Renew after another owner has acquired the lease", s.Renew(s.ctx, "build", owner, time.Hour), feed.ErrLocked)
	_, err = s.Acquire(s.ctx, "build", owner, time.Hour, day(1), 0)
	wantKind(t, "Acquire of a lease that has a holder", err, feed.ErrLocked)
}

func testBoundLeaseOfLivingProcess(t *testing.T, s suite) {
	const process = "process of BoundLeaseOfLivingProcess"
	owner := feed.BoundOwner("one", process)
	_, err := s.SetAlive(s.ctx, process, time.Minute)
	must(t, "SetAlive", err)
	before, err := s.SetAlive(s.ctx, process, time.Minute)
	must(t, "SetAlive again", err)
	if !before {
		t.Error("SetAlive does not report that the process was recorded before")
	}
	_, err = s.Acquire(s.ctx, "build", owner, time.Hour, day(1), 0)
	must(t, "Acquire", err)
	if got, left, err := s.open().Holder(s.ctx, "build"); err != nil || got != owner || left <= 0 || left > time.Minute {
		t.Errorf("Holder = %q, %v, %v; want %q, for at most the minute for which its process is recorded", got, left, err, owner)
	}
	_, err = s.open().Acquire(s.ctx, "build", "two", time.Hour, day(1), 0)
	wantKind(t, "Acquire of a lease whose holder is alive", err, feed.ErrLocked)
	must(t, "ClearAlive", s.ClearAlive(s.ctx, process))
	must(t, "Renew while the process is not recorded", s.Renew(s.ctx, "build", owner, time.Hour))
	_, err = s.SetAlive(s.ctx, process, time.Minute)
	must(t, "SetAlive", err)
	_, err = s.open().Acquire(s.ctx, "build", "two", time.Hour, day(1), 0)
	wantKind(t, "Acquire after the process is recorded again", err, feed.ErrLocked)
	next := feed.BoundOwner("next", process)
	if _, err := s.Acquire(s.ctx, "build", next, time.Hour, day(1), 0); err != nil {
		t.Errorf("Acquire by another owner that is bound to the same process: %v", err)
	}
	wantKind(t, "Renew by its predecessor", s.Renew(s.ctx, "build", owner, time.Hour), feed.ErrLocked)
	must(t, "Release", s.Release(s.ctx, "build", next))
	if _, err = s.open().Acquire(s.ctx, "build", "two", time.Hour, day(1), 0); err != nil {
		t.Errorf("Acquire after Release: %v", err)
	}
}

func testTokensExceedThoseOfReplicas(t *testing.T, s suite) {
	seen := feed.Token(day(20).UnixMilli())
	token, err := s.Acquire(s.ctx, "build", "one", time.Minute, day(1), seen)
	must(t, "Acquire", err)
	if token <= seen {
		t.Errorf("token is %d; want more than %d, the greatest token known to replicas", token, seen)
	}
}

func testHolderAcquiresAgain(t *testing.T, s suite) {
	first, err := s.Acquire(s.ctx, "build", "one", time.Minute, day(1), 0)
	must(t, "Acquire", err)
	second, err := s.Acquire(s.ctx, "build", "one", time.Minute, day(1), 0)
	must(t, "Acquire again", err)
	if second <= first {
		t.Errorf("tokens are %d, then %d; want the second to be greater", first, second)
	}
}

func testNewTokenFencesOldBuilder(t *testing.T, s suite) {
	old, err := s.Acquire(s.ctx, "build", "one", time.Minute, day(1), 0)
	must(t, "Acquire", err)
	must(t, "Release", s.Release(s.ctx, "build", "one"))
	_, err = s.Acquire(s.ctx, "build", "two", time.Minute, day(1), 0)
	must(t, "Acquire", err)
	wantKind(t, "Commit with the old token", commitErr(s, request(t, feed.Main, old, day(1), "x", "y")), feed.ErrStale)
	wantKind(t, "Absorb with the old token", s.Absorb(s.ctx, feed.Absorption{Token: old}), feed.ErrStale)
}

func testAskAndReply(t *testing.T, s suite) {
	builder := s.open()
	done := make(chan error, 1)
	go func() {
		requests, err := builder.Requests(s.ctx, "", 30*time.Second)
		if err == nil && len(requests) == 1 {
			err = builder.Reply(s.ctx, requests[0], append([]byte("reply to "), requests[0].Payload...))
		}
		done <- err
	}()
	reply, err := s.Ask(s.ctx, []byte("a request \x00 \xff"), 30*time.Second)
	must(t, "Ask", err)
	must(t, "Requests and Reply", <-done)
	if want := "reply to a request \x00 \xff"; string(reply) != want {
		t.Errorf("reply is %q; want %q", reply, want)
	}
}

func testAskWithoutBuilder(t *testing.T, s suite) {
	_, err := s.Ask(s.ctx, []byte("a request"), 20*time.Millisecond)
	wantKind(t, "Ask", err, feed.ErrUnavailable)
}
