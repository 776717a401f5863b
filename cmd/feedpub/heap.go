package main

import (
	"context"
	"runtime/debug"
	"runtime/metrics"
	"time"
)

const (
	// heapEvery is how often the growth of the heap is looked at.
	heapEvery = time.Second
	// heapRest is what a program without documents has in its heap at least, in bytes.
	heapRest = 16 << 20
	// heapShare is the part of the documents by which the heap may grow.
	heapShare = 4
)

// boundHeap keeps the garbage collector from letting the heap become twice as large as the documents in it before it
// collects: they are most of it, stay for long, and cost a collection nothing, for there are no pointers in them. held
// returns how many bytes they are. It runs until ctx ends and leaves things as they were.
func boundHeap(ctx context.Context, held func() int64) {
	before := debug.SetGCPercent(100)
	defer debug.SetGCPercent(before)
	live := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
	ticker := time.NewTicker(heapEvery)
	defer ticker.Stop()
	for percent := 100; ; {
		metrics.Read(live)
		if next := heapGrowth(int64(live[0].Value.Uint64()), held()); next != percent {
			percent = next
			debug.SetGCPercent(percent)
		}
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}

// heapGrowth returns by how many hundredths the heap may grow between collections: by all that is not documents, as it
// does by default, and a share of the documents.
func heapGrowth(live, documents int64) int {
	rest := max(live-documents, heapRest)
	return int(100 * (rest + documents/heapShare) / (rest + documents))
}
