package hosting

import (
	"context"
	"runtime/debug"
	"runtime/metrics"
	"time"
)

const (
	// heapInterval is the time between two adjustments of the garbage collector.
	heapInterval = time.Second
	// heapRest is the assumed minimum size of the heap without documents, in bytes.
	heapRest = 16 << 20
	// heapFull limits how far the heap without documents may grow between collections: up to this size, in bytes, it
	// may double. A larger heap usually belongs to a server with a large folder of posts, which needs that much room
	// only during its first build.
	heapFull = 128 << 20
	// heapShare is a divisor: between collections, the heap may grow by the size of the documents divided by heapShare.
	heapShare = 4
)

// limitHeap keeps the heap from growing to twice the size of the documents before each garbage collection. Documents
// make up most of the heap, live long, and cost the collector nothing, since they contain no pointers. size returns
// their size in bytes. It runs until ctx is done and then restores the GC setting.
func limitHeap(ctx context.Context, size func() int64) {
	before := debug.SetGCPercent(100)
	defer debug.SetGCPercent(before)
	live := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
	ticker := time.NewTicker(heapInterval)
	defer ticker.Stop()
	for percent := 100; ; {
		metrics.Read(live)
		if next := heapGrowth(int64(live[0].Value.Uint64()), size()); next != percent {
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

// heapGrowth returns the GC percentage for a live heap that contains the given bytes of documents. Between two
// collections, the heap may then grow by the size of everything except documents, plus the size of the documents
// divided by heapShare. If everything except documents is larger than heapFull, only a quarter of the excess is added.
func heapGrowth(live, documents int64) int {
	rest := max(live-documents, heapRest)
	growth := min(rest, heapFull+(rest-heapFull)/4)
	return int(100 * (growth + documents/heapShare) / (rest + documents))
}
