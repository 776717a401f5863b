package store

import (
	"testing"
	"time"
)

// TestReplicasThatDisconnect checks that writes are not confirmed for a while after a replica has disconnected: the
// server may be a master that was replaced, whose other replicas have not noticed yet.
func TestReplicasThatDisconnect(t *testing.T) {
	var c replicaCounts
	start := time.Date(2014, 6, 17, 0, 0, 0, 0, time.UTC)
	for _, step := range []struct {
		after           time.Duration
		connected, want int
	}{
		{0, 1, 1},
		{time.Second, 2, 2},
		{time.Minute, 2, 2},
		{time.Minute + time.Second, 1, 2}, // one of two has disconnected
		{time.Minute + replicaGrace - 1, 1, 2},
		{time.Minute + replicaGrace, 1, 1}, // it has not reconnected
		{time.Minute + replicaGrace + 1, 0, 1},
		{time.Minute + replicaGrace + 2, 2, 2},
	} {
		if got := c.required("main", step.connected, start.Add(step.after)); got != step.want {
			t.Errorf("after %v with %d replicas, %d must confirm; want %d", step.after, step.connected, got, step.want)
		}
	}
	if got := c.required("other", 1, start); got != 1 {
		t.Errorf("for another site, %d must confirm; want 1", got)
	}
}
