package store

import (
	"context"
	"encoding/json"
	"iter"
	"time"

	"github.com/redis/go-redis/v9"

	"feedpub/feed"
)

// subscriptionBatch is the approximate number of subscriptions that one command reads.
const subscriptionBatch = 500

// Subscriptions returns an iterator over all subscriptions, with the state of their deliveries, in no particular order.
// Subscriptions that are added or removed in the meantime may be missing, and any subscription may occur more than
// once. The iterator ends after an error.
func (s *Site) Subscriptions(ctx context.Context) iter.Seq2[feed.SubscriptionState, error] {
	return func(yield func(feed.SubscriptionState, error) bool) {
		for cursor, first := uint64(0), true; first || cursor != 0; first = false {
			var pairs []string
			var err error
			pairs, cursor, err = s.client.build.HScan(ctx, s.keys.subscriptions(), cursor, "", subscriptionBatch).Result()
			var states []feed.SubscriptionState
			if err == nil {
				states, err = s.subscriptionStates(ctx, pairs)
			}
			if err != nil {
				yield(feed.SubscriptionState{}, s.client.wrap("subscriptions", err))
				return
			}
			for _, st := range states {
				if !yield(st, nil) {
					return
				}
			}
		}
	}
}

// subscriptionStates returns the states of subscriptions from pairs of their ids and values.
func (s *Site) subscriptionStates(ctx context.Context, pairs []string) ([]feed.SubscriptionState, error) {
	states := make([]feed.SubscriptionState, 0, len(pairs)/2)
	for i := 0; i+1 < len(pairs); i += 2 {
		st := feed.SubscriptionState{ID: pairs[i]}
		if err := json.Unmarshal([]byte(pairs[i+1]), &st.Subscription); err != nil {
			s.client.log.Warn("a subscription cannot be decoded and is ignored", "id", pairs[i], "error", err)
			continue
		}
		states = append(states, st)
	}
	if len(states) == 0 {
		return nil, nil
	}
	ids := make([]string, len(states))
	versions, due := make([]*redis.FloatCmd, len(states)), make([]*redis.FloatCmd, len(states))
	var failures *redis.SliceCmd
	_, err := s.client.build.Pipelined(ctx, func(p redis.Pipeliner) error {
		for i, st := range states {
			ids[i] = st.ID
			versions[i] = p.ZScore(ctx, s.keys.topic(st.Feed, st.Format), st.ID)
			due[i] = p.ZScore(ctx, s.keys.deliveries(), st.ID)
		}
		failures = p.HMGet(ctx, s.keys.failures(), ids...)
		return nil
	})
	if err != nil && !isNil(err) {
		return nil, err
	}
	for i := range states {
		if v := versions[i].Val(); v > 0 {
			states[i].Version = time.Unix(int64(v), 0).UTC()
		}
		if v := due[i].Val(); v > 0 {
			states[i].Next = time.UnixMilli(int64(v)).UTC()
		}
		if text, ok := failures.Val()[i].(string); ok {
			var f feed.DeliveryFailure
			if err := json.Unmarshal([]byte(text), &f); err == nil {
				states[i].Failure = &f
			}
		}
	}
	return states, nil
}

// subscriptionRecords yields all subscriptions as lines of an export.
func (s *Site) subscriptionRecords(ctx context.Context, yield func(feed.ExportLine, error) bool) bool {
	for st, err := range s.Subscriptions(ctx) {
		if !yield(feed.ExportLine{Subscription: &st.Subscription}, err) || err != nil {
			return false
		}
	}
	return true
}
