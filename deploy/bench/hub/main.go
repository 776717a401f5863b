// Hub measures the built-in hub: how long it takes to notify 10,000 subscribers of a change, with and without other
// subscribers that do not respond; the time from a change to the first delivery; the memory that subscriptions use in
// Redis; and whether subscribers miss a version or receive an older one when the delivering process is killed.
//
// It starts a redis-server in a temporary folder, builds and starts "feedpub serve", and receives deliveries on 1,000
// addresses of 127.0.0.0/8. It prints one line of JSON per measurement, and removes all files at the end. It needs the
// go command and Debian's redis-server. The results are in deploy/docs/benchmarks.md.
//
//	go -C deploy/bench run ./hub
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"time"

	"feedpub/deploy/bench/internal/conditions"
	"feedpub/feed"
	"feedpub/store"
)

type options struct {
	subscribers, slow, changes, kills, stored int
}

func main() {
	var o options
	flag.IntVar(&o.subscribers, "subscribers", 10_000, "number of subscribers")
	flag.IntVar(&o.slow, "slow", 100, "number of subscribers that do not respond; 0 for none")
	flag.IntVar(&o.changes, "changes", 50, "number of changes to time with 100 subscribers, just over a second each; 0 for none")
	flag.IntVar(&o.kills, "kills", 100, "number of times to kill the server; each takes several seconds; 0 for none")
	flag.IntVar(&o.stored, "stored", 1_000_000, "number of subscriptions whose Redis memory is measured; 0 for none")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := run(ctx, o)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "hub:", err)
		os.Exit(1)
	}
}

// result is one measurement.
type result struct {
	Work        string  `json:"work"`
	Subscribers int     `json:"subscribers,omitempty"`
	Seconds     float64 `json:"seconds,omitempty"` // median, if repeated
	P50         float64 `json:"p50_ms,omitempty"`
	P99         float64 `json:"p99_ms,omitempty"`
	PeakMiB     float64 `json:"peak_mib,omitempty"`  // resident memory of the server
	RedisMiB    float64 `json:"redis_mib,omitempty"` // memory used in Redis
	Repeated    int     `json:"repeated,omitempty"`  // deliveries of a version that the subscriber already had
	Older       int     `json:"older"`               // deliveries of an older version after a newer one
	Behind      int     `json:"behind"`              // subscribers without the newest version at the end
	Kills       int     `json:"kills,omitempty"`
	conditions.Conditions
}

func report(r result) error {
	r.Conditions = conditions.Now(context.Background())
	return json.NewEncoder(os.Stdout).Encode(r)
}

func run(ctx context.Context, o options) (err error) {
	for _, m := range []struct {
		times   int
		measure func(context.Context, options) error
	}{{o.subscribers, manySubscribers}, {o.changes, firstDelivery}, {o.kills, killed}, {o.stored, memory}} {
		if m.times == 0 {
			continue
		}
		if err := m.measure(ctx, o); err != nil {
			return err
		}
	}
	return nil
}

// manySubscribers measures how long it takes to notify all subscribers, without and with slow ones.
func manySubscribers(ctx context.Context, o options) error {
	b, err := start(ctx)
	if err != nil {
		return err
	}
	defer b.stop()
	began := time.Now()
	if err := b.subscribe(ctx, o.subscribers, "/cb"); err != nil {
		return err
	}
	r := result{Work: "subscribe, verify and deliver the current version", Subscribers: o.subscribers}
	r.Seconds = time.Since(began).Seconds()
	if err := report(r); err != nil {
		return err
	}
	const repeats = 5
	tell := func(work string) error {
		var times []float64
		for range repeats {
			took, err := b.change(ctx)
			if err != nil {
				return err
			}
			times = append(times, took.Seconds())
		}
		slices.Sort(times)
		r := result{Work: work, Subscribers: o.subscribers, Seconds: times[repeats/2], PeakMiB: b.peak()}
		r.Repeated, r.Older, r.Behind = b.receiver.totals()
		return report(r)
	}
	if err := tell("time from a change until all subscribers have it"); err != nil {
		return err
	}
	if o.slow == 0 {
		return nil
	}
	if err := b.subscribe(ctx, o.slow, "/slow"); err != nil {
		return err
	}
	b.receiver.hang.Store(true)
	return tell(fmt.Sprintf("time from a change until all subscribers have it, with %d more that do not respond", o.slow))
}

// firstDelivery measures the time from a change to the first delivery.
func firstDelivery(ctx context.Context, o options) error {
	const subscribers = 100
	b, err := start(ctx)
	if err != nil {
		return err
	}
	defer b.stop()
	if err := b.subscribe(ctx, subscribers, "/cb"); err != nil {
		return err
	}
	var times []float64
	for range o.changes {
		if _, err := b.change(ctx); err != nil {
			return err
		}
		times = append(times, float64(b.receiver.first().Sub(b.changed).Microseconds())/1000)
		time.Sleep(1100 * time.Millisecond) // a feed is rebuilt at most once a second
	}
	slices.Sort(times)
	r := result{Work: "time from a change until the first delivery", Subscribers: subscribers, PeakMiB: b.peak()}
	r.P50, r.P99 = times[len(times)/2], times[len(times)*99/100]
	return report(r)
}

// killed kills the server in the middle of deliveries.
func killed(ctx context.Context, o options) error {
	const subscribers = 1000
	b, err := start(ctx)
	if err != nil {
		return err
	}
	defer b.stop()
	if err := b.subscribe(ctx, subscribers, "/cb"); err != nil {
		return err
	}
	began := time.Now()
	for range o.kills {
		if err := b.put(ctx); err != nil {
			return err
		}
		// At this point, anywhere from none to most of the subscribers have the version.
		if err := b.receiver.await(ctx, b.version, 1+b.version*37%(subscribers/2)); err != nil {
			return err
		}
		if err := b.restart(ctx); err != nil {
			return err
		}
	}
	if err := b.put(ctx); err != nil {
		return err
	}
	if err := b.receiver.await(ctx, b.version, subscribers); err != nil {
		return err
	}
	r := result{Work: "kill -9 during deliveries", Subscribers: subscribers, Kills: o.kills}
	r.Seconds = time.Since(began).Seconds()
	r.Repeated, r.Older, r.Behind = b.receiver.totals()
	return report(r)
}

// memory measures how much memory subscriptions use in Redis, first while all wait for a delivery, then while none do.
func memory(ctx context.Context, o options) (err error) {
	server, err := startRedis(ctx)
	if err != nil {
		return err
	}
	defer server.stop()
	client, err := store.Open(store.Options{URL: server.url()})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, client.Close()) }()
	site := client.Site("main")
	before, err := server.memory(ctx)
	if err != nil {
		return err
	}
	now := time.Now().UTC()
	err = parallel(ctx, o.stored, func(ctx context.Context, i int) error {
		return site.Subscribe(ctx, now, feed.Subscription{
			Callback: fmt.Sprintf("https://reader-%d.example.com/websub/callback?subscription=%d", i%1000, i),
			Topic:    "https://feeds.example.org/tags/reading/feed.xml", Feed: "tags/reading", Format: feed.RSS,
			Secret: fmt.Sprintf("%032d", i), Created: now, Expires: now.Add(240 * time.Hour),
		}, feed.Claim{})
	})
	if err != nil {
		return err
	}
	for _, work := range []string{"subscriptions that all wait for a delivery", "subscriptions"} {
		after, err := server.memory(ctx)
		if err != nil {
			return err
		}
		r := result{Work: work, Subscribers: o.stored, Seconds: time.Since(now).Seconds()}
		r.RedisMiB = float64(after-before) / (1 << 20)
		if err := report(r); err != nil {
			return err
		}
		if _, err := server.cli(ctx, "del", "feedpub:{main}:push:due"); err != nil {
			return err
		}
	}
	return nil
}
