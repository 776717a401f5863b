package hub

import (
	"context"
	"encoding/json"
	"testing"
	"time"

	"feedpub/feed"
)

// about reports whether a delay differs from want by at most a tenth.
func about(got, want time.Duration) bool {
	return got >= want-want/10 && got <= want+want/10
}

// TestDeliveryRetries checks the delays after failed deliveries of one version.
func TestDeliveryRetries(t *testing.T) {
	const minute, hour = time.Minute, time.Hour
	j := new(job)
	var since time.Time
	for i, want := range []time.Duration{10 * time.Second, minute, 5 * minute, 20 * minute, hour, 3 * hour, 8 * hour} {
		j.Now = time.Unix(1_700_000_000, 0).Add(time.Duration(i) * hour)
		if i == 0 {
			since = j.Now
		}
		r := result(j, Failed, "status 500", 0)
		if !about(r.Retry, want) || r.Delivered || r.Failure == nil {
			t.Fatalf("after failure %d: %+v, want a retry in about %v", i+1, r, want)
		}
		f := *r.Failure
		if f.Attempts != i+1 || !f.Since.Equal(since) || !f.At.Equal(j.Now) || f.Reason != "status 500" {
			t.Errorf("failure %d is recorded as %+v", i+1, f)
		}
		j.Failure = f
	}
	last := result(j, Failed, "status 500", 0)
	if last.Retry != 0 || last.Failure == nil || last.Failure.Attempts != 0 {
		t.Errorf("after the last failure: %+v, want no retry, and Attempts 0 for the next version", last)
	}
	j.Failure = feed.DeliveryFailure{}
	for asked, want := range map[time.Duration]time.Duration{
		time.Second: 10 * time.Second, 2 * hour: 2 * hour, 48 * hour: 24 * hour,
	} {
		if r := result(j, Failed, "status 503", asked); !about(r.Retry, want) {
			t.Errorf("after a failure with Retry-After of %v: a retry in %v, want about %v", asked, r.Retry, want)
		}
	}
	if r := result(j, OK, "", hour); !r.Delivered || r.Retry != 0 || r.Failure != nil {
		t.Errorf("after a success: %+v", r)
	}
}

// outbox is a store that records the results of notices.
type outbox struct {
	Store
	retry time.Duration
	value string
}

func (o *outbox) FinishNotice(_ context.Context, _ time.Time, _ feed.Claim, retry time.Duration, value string) error {
	o.retry, o.value = retry, value
	return nil
}

// TestNoticeRetries checks the delays after failed attempts to deliver a notice, which is abandoned after a day.
func TestNoticeRetries(t *testing.T) {
	o := new(outbox)
	h := New(Config{Store: o})
	start := time.Unix(1_700_000_000, 0)
	c := feed.Claim{Key: "ping:a rss main", Now: start}
	want, attempts := time.Second, 0
	for h.retry(t.Context(), c, stateOf(c), 0) {
		if attempts++; !about(o.retry, want) {
			t.Fatalf("after failure %d: a retry in %v, want about %v", attempts, o.retry, want)
		}
		want = min(4*want, 6*time.Hour)
		c.Now, c.Value = c.Now.Add(o.retry), o.value
	}
	var s noticeState
	if err := json.Unmarshal([]byte(o.value), &s); err != nil || o.retry != 0 || s.Attempts != 0 {
		t.Errorf("the notice is abandoned with the value %s and a retry in %v, want neither", o.value, o.retry)
	}
	if took := c.Now.Sub(start); took < 24*time.Hour || took > 31*time.Hour || want != 6*time.Hour {
		t.Errorf("the notice is abandoned after %v and %d attempts, want at the first attempt after 24 h", took, attempts)
	}
	c = feed.Claim{Now: start}
	for asked, want := range map[time.Duration]time.Duration{
		time.Minute: time.Minute, 48 * time.Hour: 24 * time.Hour,
	} {
		if !h.retry(t.Context(), c, noticeState{}, asked) || o.retry != want {
			t.Errorf("after a failure with Retry-After of %v: a retry in %v, want %v", asked, o.retry, want)
		}
	}
}
