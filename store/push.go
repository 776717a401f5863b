package store

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"feedpub/feed"
)

// The methods below take the time at which they are called. A zero time means the server's time, which all processes
// share.

// timeArg returns a time as a script argument: Unix milliseconds, or "" for the zero time.
func timeArg(at time.Time) string {
	if at.IsZero() {
		return ""
	}
	return strconv.FormatInt(at.UnixMilli(), 10)
}

// delayArg returns a delay as a script argument: at least 1 ms, in milliseconds, or "" if d is not positive.
func delayArg(d time.Duration) string {
	if d <= 0 {
		return ""
	}
	return strconv.FormatInt(max(1, d.Milliseconds()), 10)
}

// leaseArg returns the end of a claim as a script argument, in the form in which the scripts record it: Unix
// milliseconds with three decimals, or "" for the zero time.
func leaseArg(c feed.Claim) string {
	if c.Lease.IsZero() {
		return ""
	}
	const perMilli = 1000
	us := c.Lease.UnixMicro()
	return fmt.Sprintf("%d.%03d", us/perMilli, us%perMilli)
}

func topicMember(name feed.Name, format feed.Format) string {
	return string(format) + " " + string(name)
}

// RequestSubscription records a request to the hub for verification. It returns the limit that the request exceeds, or
// "" if it was recorded. Client identifies the sender, for the limit on requests per client. If it is empty, that limit
// does not apply.
func (s *Site) RequestSubscription(
	ctx context.Context, at time.Time, r feed.SubscriptionRequest, client string, l feed.HubLimits,
) (feed.HubLimit, error) {
	value, err := json.Marshal(r)
	if err != nil {
		return "", s.client.wrap("request subscription", err)
	}
	subscription := ""
	if r.Mode == feed.SubscribeMode && r.Feed != "" {
		subscription = r.Subscription.ID()
	}
	minute := at
	if at.IsZero() {
		minute = s.client.now()
	}
	keys := []string{
		s.keys.hubRequests(), s.keys.verifications(), s.keys.hubRate(strconv.FormatInt(minute.Unix()/60, 10)), s.keys.hosts(),
		s.keys.subscriptions(), s.keys.topic(r.Feed, r.Format),
	}
	reply, err := status(ctx, s.client.once, pushRequestSource, keys, timeArg(at), r.ID(), value, r.Host(), client,
		subscription, l.Pending, l.PerHost, l.PerClient, l.Subscriptions, l.HostTotal, l.TopicTotal)
	if err != nil || reply == "ok" {
		return "", s.client.wrap("request subscription", err)
	}
	return feed.HubLimit(reply), nil
}

// work is a kind of work that processes claim.
type work struct {
	due    string // key of the sorted set
	values string // key of the hash
	others string // key of a second hash, whose values claim returns, too
	drop   bool   // whether to drop work without a value
	// callback is set if the callback URL in a value determines the host.
	callback bool
}

// claim runs the script that claims work. It returns the claims and, for each, its value in the hash w.others, or "" if
// it has none.
func (s *Site) claim(ctx context.Context, r feed.Claiming, w work) ([]feed.Claim, []string, error) {
	args := []any{
		timeArg(r.At), r.Lease.Milliseconds(), r.Most, flag(w.drop), r.Claimant, r.Serial, flag(w.callback),
	}
	for queue, host := range r.Hosts {
		args = append(args, queue, host)
	}
	keys := []string{w.due, w.values, w.others, s.keys.reservations()}
	reply, err := words(ctx, s.client.once, pushClaimSource, keys, args...)
	if err != nil {
		return nil, nil, err
	}
	const header, fields = 2, 6
	if len(reply) < header || (len(reply)-header)%fields != 0 {
		return nil, nil, errReply(reply)
	}
	now, err := decodeTime(reply[0])
	if err != nil {
		return nil, nil, err
	}
	var ms, us int64
	if _, err := fmt.Sscanf(reply[1], "%d.%3d", &ms, &us); err != nil {
		return nil, nil, errReply(reply[:header])
	}
	end := time.UnixMilli(ms).Add(time.Duration(us) * time.Microsecond).UTC()
	var claims []feed.Claim
	var others []string
	for r := reply[header:]; len(r) > 0; r = r[fields:] {
		due, err := decodeTime(r[1])
		if err != nil {
			return nil, nil, err
		}
		failures, err := strconv.Atoi(r[5])
		if err != nil {
			return nil, nil, errReply(r[:fields])
		}
		claims = append(claims, feed.Claim{
			Key: r[0], Due: due, Value: r[2], Lease: end, Now: now, Host: r[4], Failures: failures,
		})
		others = append(others, r[3])
	}
	return claims, others, nil
}

// flag returns b as a script argument, "1" or "0".
func flag(b bool) string {
	if b {
		return "1"
	}
	return "0"
}

// ReportHosts records what a claimant knows about hosts for which it has claimed work.
func (s *Site) ReportHosts(ctx context.Context, at time.Time, claimant string, reports []feed.HostReport) error {
	args := []any{timeArg(at), claimant}
	for _, r := range reports {
		args = append(args, r.Host, r.Serial, r.Failures, delayArg(r.Pause), flag(r.Release))
	}
	_, err := status(ctx, s.client.build, pushReleaseSource, []string{s.keys.reservations()}, args...)
	return s.client.wrap("report hosts", err)
}

// ForgetHosts removes the records of hosts for which no work has been claimed for an hour. Otherwise, the records of
// hosts that a process had reserved when it died would be kept until more requests are sent to these hosts.
func (s *Site) ForgetHosts(ctx context.Context, at time.Time) error {
	const kept = time.Hour
	if at.IsZero() {
		now, err := s.Now(ctx)
		if err != nil {
			return err
		}
		at = now
	}
	for cursor, first := uint64(0), true; first || cursor != 0; first = false {
		var pairs []string
		var err error
		pairs, cursor, err = s.client.build.HScan(ctx, s.keys.reservations(), cursor, "", subscriptionBatch).Result()
		if err != nil {
			return s.client.wrap("forget hosts", err)
		}
		for i := 0; i+1 < len(pairs); i += 2 {
			if lastUse(pairs[i+1]).After(at.Add(-kept)) {
				continue
			}
			_, err := status(ctx, s.client.build, pushForgetSource, []string{s.keys.reservations()}, pairs[i], pairs[i+1])
			if err != nil {
				return s.client.wrap("forget hosts", err)
			}
		}
	}
	return nil
}

// lastUse returns the later of the two times in a reservation, or the zero time if the reservation cannot be decoded.
func lastUse(reservation string) time.Time {
	var ends, closed float64
	var serial, failures string
	if _, err := fmt.Sscan(reservation, &ends, &serial, &failures, &closed); err != nil {
		return time.Time{}
	}
	return time.UnixMilli(int64(max(ends, closed)))
}

// ClaimRequests claims requests to the hub that are due for verification. Requests that cannot be decoded are dropped.
func (s *Site) ClaimRequests(ctx context.Context, r feed.Claiming) ([]feed.ClaimedRequest, error) {
	claims, _, err := s.claim(ctx, r, work{
		due: s.keys.verifications(), values: s.keys.hubRequests(), others: s.keys.absent(), drop: true, callback: true,
	})
	if err != nil {
		return nil, s.client.wrap("claim requests", err)
	}
	requests := make([]feed.ClaimedRequest, 0, len(claims))
	for _, c := range claims {
		r := feed.ClaimedRequest{Claim: c}
		if err := json.Unmarshal([]byte(c.Value), &r.Request); err != nil {
			s.client.log.Warn("a request to the hub cannot be decoded and is dropped", "error", err)
			if err := s.DropRequest(ctx, c); err != nil {
				return nil, err
			}
			continue
		}
		requests = append(requests, r)
	}
	return requests, nil
}

// DropRequest removes a claimed request that was not confirmed, unless a later one has replaced it.
func (s *Site) DropRequest(ctx context.Context, c feed.Claim) error {
	keys := []string{s.keys.verifications(), s.keys.hubRequests(), s.keys.absent()}
	_, err := status(ctx, s.client.build, pushFinishNoticeSource, keys, "", c.Key, leaseArg(c), "", "")
	return s.client.wrap("drop request", err)
}

// PostponeRequest schedules the verification of a claimed request after d, unless a later request has replaced it.
func (s *Site) PostponeRequest(ctx context.Context, c feed.Claim, d time.Duration) error {
	keys := []string{s.keys.verifications(), s.keys.hubRequests(), s.keys.absent()}
	_, err := status(ctx, s.client.build, pushFinishNoticeSource, keys, "", c.Key, leaseArg(c), delayArg(d), c.Value)
	return s.client.wrap("postpone request", err)
}

// subscriptionKeys returns the keys of the scripts that add and remove subscriptions.
func (s *Site) subscriptionKeys(sub feed.Subscription) []string {
	return []string{
		s.keys.subscriptions(), s.keys.topic(sub.Feed, sub.Format), s.keys.deliveries(), s.keys.expiries(), s.keys.hosts(),
		s.keys.topics(), s.keys.failures(), s.keys.hubRequests(), s.keys.verifications(), s.keys.journal(),
	}
}

// Subscribe adds a subscription, or replaces the one with the same topic and callback, and schedules a delivery
// of the current version. The verified request, if there is one, is removed.
func (s *Site) Subscribe(ctx context.Context, at time.Time, sub feed.Subscription, verified feed.Claim) error {
	return s.client.wrap("subscribe", s.subscribe(ctx, at, sub, verified, "0"))
}

func (s *Site) subscribe(
	ctx context.Context, at time.Time, sub feed.Subscription, verified feed.Claim, keep string,
) error {
	value, err := json.Marshal(sub)
	if err != nil {
		return err
	}
	reply, err := status(ctx, s.client.build, pushSubscribeSource, s.subscriptionKeys(sub), timeArg(at), sub.ID(), value,
		sub.Expires.UnixMilli(), sub.Host(), topicMember(sub.Feed, sub.Format), verified.Key, leaseArg(verified), keep)
	if err != nil {
		return err
	}
	if reply == "journal" {
		return s.sync(ctx)
	}
	return nil
}

// Unsubscribe removes a subscription and reports whether it existed. The verified request, if there is one, is removed.
func (s *Site) Unsubscribe(ctx context.Context, sub feed.Subscription, verified feed.Claim) (bool, error) {
	reply, err := s.unsubscribe(ctx, time.Time{}, sub, verified, "0")
	return reply == "removed", s.client.wrap("unsubscribe", err)
}

func (s *Site) unsubscribe(
	ctx context.Context, at time.Time, sub feed.Subscription, verified feed.Claim, onlyExpired string,
) (string, error) {
	ended := sub
	ended.Expires, ended.Secret = time.Time{}, ""
	value, err := json.Marshal(ended)
	if err != nil {
		return "", err
	}
	reply, err := words(ctx, s.client.build, pushUnsubscribeSource, s.subscriptionKeys(sub), timeArg(at), sub.ID(), value,
		sub.Host(), topicMember(sub.Feed, sub.Format), verified.Key, leaseArg(verified), onlyExpired)
	const length = 2
	if err == nil && len(reply) != length {
		err = errReply(reply)
	}
	if err == nil && reply[1] == "1" {
		err = s.sync(ctx)
	}
	if err != nil {
		return "", err
	}
	return reply[0], nil
}

// Revoke removes a subscription for a reason other than a request by the subscriber, and reports whether it existed. A
// notice in the queue [feed.DenialQueue] makes the hub inform the subscriber.
func (s *Site) Revoke(ctx context.Context, sub feed.Subscription, reason string) (bool, error) {
	removed, err := s.revoke(ctx, sub, reason)
	return removed, s.client.wrap("revoke subscription", err)
}

func (s *Site) revoke(ctx context.Context, sub feed.Subscription, reason string) (bool, error) {
	denial, err := json.Marshal(feed.Denial{Callback: sub.Callback, Topic: sub.Topic, Reason: reason})
	if err != nil {
		return false, err
	}
	if s.client.owner != nil {
		b, err := json.Marshal(sub)
		if err != nil {
			return false, err
		}
		reply, err := s.delegate(ctx, s.client.buildTimeout, delegatedRevoke, b, reason)
		return string(reply) == "removed", err
	}
	// Add the notice first: a crash must not leave the subscription removed without one.
	n := feed.Notice{Queue: feed.DenialQueue, Format: "-", Feed: feed.Name(sub.ID())}
	if err := s.addNotice(ctx, time.Time{}, n.Key(), string(denial), "0"); err != nil {
		return false, err
	}
	reply, err := s.unsubscribe(ctx, time.Time{}, sub, feed.Claim{}, "0")
	return reply == "removed", err
}

// revokeDelegated runs Revoke for another process, with the subscription as JSON.
func (s *Site) revokeDelegated(ctx context.Context, subscription, reason string) ([]byte, error) {
	var sub feed.Subscription
	if err := json.Unmarshal([]byte(subscription), &sub); err != nil {
		return nil, fmt.Errorf("subscription: %w: %w", err, feed.ErrInvalid)
	}
	removed, err := s.Revoke(ctx, sub, reason)
	if err != nil || !removed {
		return nil, err
	}
	return []byte("removed"), nil
}

// RemoveExpired removes up to n subscriptions whose lease has ended, and returns them.
func (s *Site) RemoveExpired(ctx context.Context, at time.Time, n int) ([]feed.Subscription, error) {
	if at.IsZero() {
		now, err := s.Now(ctx)
		if err != nil {
			return nil, err
		}
		at = now
	}
	ids, err := s.client.build.ZRangeByScore(ctx, s.keys.expiries(), &redis.ZRangeBy{
		Min: "-inf", Max: timeArg(at), Count: int64(n),
	}).Result()
	if err != nil || len(ids) == 0 {
		return nil, s.client.wrap("remove expired subscriptions", err)
	}
	subs, err := s.subscriptionsOf(ctx, ids)
	if err != nil {
		return nil, s.client.wrap("remove expired subscriptions", err)
	}
	var removed []feed.Subscription
	for i, sub := range subs {
		if sub == nil { // the subscription cannot be decoded or was lost
			if err := s.client.build.ZRem(ctx, s.keys.expiries(), ids[i]).Err(); err != nil {
				return removed, s.client.wrap("remove expired subscriptions", err)
			}
			continue
		}
		switch reply, err := s.unsubscribe(ctx, at, *sub, feed.Claim{}, "1"); {
		case err != nil:
			return removed, s.client.wrap("remove expired subscriptions", err)
		case reply == "removed":
			removed = append(removed, *sub)
		}
	}
	return removed, nil
}

// subscriptionsOf returns subscriptions in the order of ids, with nil for those that do not exist or cannot be decoded.
func (s *Site) subscriptionsOf(ctx context.Context, ids []string) ([]*feed.Subscription, error) {
	values, err := s.client.build.HMGet(ctx, s.keys.subscriptions(), ids...).Result()
	if err != nil {
		return nil, err
	}
	subs := make([]*feed.Subscription, len(ids))
	for i, v := range values {
		text, ok := v.(string)
		if !ok {
			continue
		}
		var sub feed.Subscription
		if err := json.Unmarshal([]byte(text), &sub); err != nil {
			s.client.log.Warn("a subscription cannot be decoded and is ignored", "id", ids[i], "error", err)
			continue
		}
		subs[i] = &sub
	}
	return subs, nil
}

// Topic returns the current version of a document. The error is of kind [feed.ErrNotFound] if there is none.
func (s *Site) Topic(ctx context.Context, name feed.Name, format feed.Format) (feed.TopicVersion, error) {
	var head *redis.MapStringStringCmd
	var version *redis.FloatCmd
	_, err := s.client.build.Pipelined(ctx, func(p redis.Pipeliner) error {
		head = p.HGetAll(ctx, s.keys.head(name))
		version = p.ZScore(ctx, s.keys.heads(), string(name))
		return nil
	})
	if err != nil && !isNil(err) {
		return feed.TopicVersion{}, s.client.wrap("topic", err)
	}
	if len(head.Val()) == 0 {
		return feed.TopicVersion{}, s.client.wrap("topic", redis.Nil)
	}
	h, err := decodeHead(name, head.Val())
	if err != nil {
		return feed.TopicVersion{}, s.client.wrap("topic", err)
	}
	ref, ok := h.Document(format)
	if !ok {
		return feed.TopicVersion{}, s.client.wrap("topic", fmt.Errorf("%s as %s: %w", name, format, feed.ErrNotFound))
	}
	return feed.TopicVersion{Ref: ref, Version: int64(version.Val())}, nil
}

// FanOut schedules deliveries to up to n subscribers that do not have the current version of the topic of a claimed
// notice, and returns the number of deliveries. If fewer than n subscribers are left, it removes the notice.
func (s *Site) FanOut(ctx context.Context, at time.Time, c feed.Claim, n int) (int, error) {
	notice, err := feed.ParseNotice(c.Key)
	if err != nil {
		return 0, s.client.wrap("fan out", err)
	}
	keys := []string{
		s.keys.head(notice.Feed), s.keys.topic(notice.Feed, notice.Format), s.keys.deliveries(), s.keys.outbox(),
		s.keys.journal(),
	}
	count, err := run(ctx, s.client.build, pushFanOutSource, keys, timeArg(at), string(notice.Format), n, c.Key,
		leaseArg(c)).Int()
	return count, s.client.wrap("fan out", err)
}

// ClaimDeliveries claims deliveries that are due. Deliveries whose subscription cannot be decoded are skipped.
func (s *Site) ClaimDeliveries(ctx context.Context, r feed.Claiming) ([]feed.Delivery, error) {
	claims, failures, err := s.claim(ctx, r, work{
		due: s.keys.deliveries(), values: s.keys.subscriptions(), others: s.keys.failures(), drop: true, callback: true,
	})
	if err != nil {
		return nil, s.client.wrap("claim deliveries", err)
	}
	deliveries := make([]feed.Delivery, 0, len(claims))
	for i, c := range claims {
		d := feed.Delivery{Claim: c}
		if err := json.Unmarshal([]byte(c.Value), &d.Subscription); err != nil {
			s.client.log.Warn("a subscription cannot be decoded and is ignored", "id", c.Key, "error", err)
			continue
		}
		if failures[i] != "" {
			if err := json.Unmarshal([]byte(failures[i]), &d.Failure); err != nil {
				d.Failure = feed.DeliveryFailure{} // the failure is used only to count the attempts
			}
		}
		deliveries = append(deliveries, d)
	}
	return deliveries, nil
}

// FinishDelivery records the result of a claimed delivery. It reports whether a delivery to the same subscriber is due
// at once, because there is a newer version or the subscription was renewed.
func (s *Site) FinishDelivery(
	ctx context.Context, at time.Time, d feed.Delivery, r feed.DeliveryResult,
) (again bool, err error) {
	failure, delivered := "", "0"
	if r.Delivered {
		delivered = "1"
	} else if r.Failure != nil {
		b, err := json.Marshal(r.Failure)
		if err != nil {
			return false, s.client.wrap("finish delivery", err)
		}
		failure = string(b)
	}
	keys := []string{
		s.keys.deliveries(), s.keys.topic(d.Subscription.Feed, d.Subscription.Format), s.keys.failures(),
		s.keys.subscriptions(),
	}
	reply, err := status(ctx, s.client.build, pushFinishSource, keys, timeArg(at), d.Key, leaseArg(d.Claim), r.Version,
		delivered, delayArg(r.Retry), failure)
	return reply == "again", s.client.wrap("finish delivery", err)
}

// AddNotice adds a notice and its value to the outbox. It replaces a notice with the same key.
func (s *Site) AddNotice(ctx context.Context, at time.Time, n feed.Notice, value string) error {
	return s.client.wrap("add notice", s.addNotice(ctx, at, n.Key(), value, "0"))
}

func (s *Site) addNotice(ctx context.Context, at time.Time, key, value, keep string) error {
	reply, err := status(ctx, s.client.build, pushNotifySource,
		[]string{s.keys.outbox(), s.keys.notices(), s.keys.journal()}, timeArg(at), key, value, keep)
	if err == nil && reply == "journal" {
		err = s.sync(ctx)
	}
	return err
}

// ClaimNotices claims notices that are due.
func (s *Site) ClaimNotices(ctx context.Context, r feed.Claiming) ([]feed.Claim, error) {
	claims, _, err := s.claim(ctx, r, work{
		due: s.keys.outbox(), values: s.keys.notices(), others: s.keys.absent(),
	})
	return claims, s.client.wrap("claim notices", err)
}

// FinishNotice removes a claimed notice. If retry is positive, it instead schedules the notice again after retry, with
// a new value. It does nothing if the notice was added again in the meantime.
func (s *Site) FinishNotice(
	ctx context.Context, at time.Time, c feed.Claim, retry time.Duration, value string,
) error {
	_, err := status(ctx, s.client.build, pushFinishNoticeSource,
		[]string{s.keys.outbox(), s.keys.notices(), s.keys.journal()}, timeArg(at), c.Key, leaseArg(c), delayArg(retry),
		value)
	return s.client.wrap("finish notice", err)
}

// RenewTopics adds a notice for each topic with subscriptions, so that subscribers whose deliveries the store has lost
// get the current version. It skips topics whose current version comes from an import and was not announced.
func (s *Site) RenewTopics(ctx context.Context) error {
	topics, err := s.client.build.SDiff(ctx, s.keys.topics(), s.keys.unannounced()).Result()
	if err != nil {
		return s.client.wrap("renew topics", err)
	}
	for _, t := range topics {
		if err := s.addNotice(ctx, time.Time{}, feed.HubQueue+" "+t, "", "1"); err != nil {
			return s.client.wrap("renew topics", err)
		}
	}
	return nil
}

// NextPush returns the server's time, and the earliest time at which work of the hub or the outbox is due, or zero if
// there is none.
func (s *Site) NextPush(ctx context.Context) (now, next time.Time, err error) {
	reply, err := s.wordsWithRound(ctx, pushNextSource, []string{
		s.keys.outbox(), s.keys.deliveries(), s.keys.verifications(), s.keys.expiries(),
	}, "")
	const length = 2
	if err == nil && len(reply) != length {
		err = errReply(reply)
	}
	if err == nil {
		now, err = decodeTime(reply[0])
	}
	if err == nil && reply[1] != "" {
		next, err = decodeTime(reply[1])
	}
	return now, next, s.client.wrap("next push", err)
}

// PushState returns a summary of the site's subscriptions and outbox.
func (s *Site) PushState(ctx context.Context) (feed.PushState, error) {
	now, next, err := s.NextPush(ctx)
	if err != nil {
		return feed.PushState{}, err
	}
	day := now.Add(24 * time.Hour)
	var counts [7]*redis.IntCmd
	var oldest [2]*redis.ZSliceCmd
	_, err = s.client.build.Pipelined(ctx, func(p redis.Pipeliner) error {
		counts = [7]*redis.IntCmd{
			p.HLen(ctx, s.keys.subscriptions()), p.SCard(ctx, s.keys.topics()), p.HLen(ctx, s.keys.hubRequests()),
			p.ZCard(ctx, s.keys.deliveries()), p.ZCard(ctx, s.keys.outbox()), p.HLen(ctx, s.keys.failures()),
			p.ZCount(ctx, s.keys.expiries(), "-inf", timeArg(day)),
		}
		oldest = [2]*redis.ZSliceCmd{
			p.ZRangeWithScores(ctx, s.keys.deliveries(), 0, 0), p.ZRangeWithScores(ctx, s.keys.outbox(), 0, 0),
		}
		return nil
	})
	if err != nil {
		return feed.PushState{}, s.client.wrap("push state", err)
	}
	state := feed.PushState{}
	for i, n := range []*int{
		&state.Subscriptions, &state.Topics, &state.Requests, &state.Deliveries, &state.Notices, &state.Failing,
		&state.Expiring,
	} {
		*n = int(counts[i].Val())
	}
	if !next.After(now) {
		for _, o := range oldest {
			for _, z := range o.Val() {
				t := time.UnixMilli(int64(z.Score)).UTC()
				if !t.After(now) && (state.Oldest.IsZero() || t.Before(state.Oldest)) {
					state.Oldest = t
				}
			}
		}
	}
	return state, nil
}

// TopicSubscribers returns the number of subscriptions of each feed.
func (s *Site) TopicSubscribers(ctx context.Context) (map[feed.Name]int, error) {
	topics, err := s.client.build.SMembers(ctx, s.keys.topics()).Result()
	if err != nil || len(topics) == 0 {
		return nil, s.client.wrap("topic subscribers", err)
	}
	counts := make([]*redis.IntCmd, len(topics))
	names := make([]feed.Name, len(topics))
	_, err = s.client.build.Pipelined(ctx, func(p redis.Pipeliner) error {
		for i, t := range topics {
			format, name, _ := strings.Cut(t, " ")
			names[i] = feed.Name(name)
			counts[i] = p.ZCard(ctx, s.keys.topic(names[i], feed.Format(format)))
		}
		return nil
	})
	if err != nil {
		return nil, s.client.wrap("topic subscribers", err)
	}
	byFeed := make(map[feed.Name]int)
	for i, c := range counts {
		byFeed[names[i]] += int(c.Val())
	}
	return byFeed, nil
}

// restorePush restores a line of an export that is a subscription or a notice.
func (s *Site) restorePush(ctx context.Context, l feed.ExportLine) error {
	switch {
	case l.Notice != nil && l.Notice.Done:
		return nil
	case l.Notice != nil:
		return s.addNotice(ctx, time.Time{}, l.Notice.Key, l.Notice.Value, "1")
	case l.Subscription.Expires.IsZero(): // the line records that the subscription has ended
		_, err := s.unsubscribe(ctx, time.Time{}, *l.Subscription, feed.Claim{}, "0")
		return err
	}
	sub := *l.Subscription
	if sub.Callback == "" || sub.Feed == "" || sub.Format == "" {
		return fmt.Errorf("subscription without callback, feed or format: %w", feed.ErrInvalid)
	}
	return s.subscribe(ctx, time.Time{}, sub, feed.Claim{}, "1")
}

// isPush reports whether a line of an export is restored by restorePush.
func isPush(l feed.ExportLine) bool { return l.Subscription != nil || l.Notice != nil }

// Delivered returns, by id, the number of the version that each subscriber has received. If the current version of a
// topic comes from an import and was not announced, Delivered returns its number even for subscribers with an earlier
// version, because the current version must not be delivered to them.
func (s *Site) Delivered(ctx context.Context) (map[string]int64, error) {
	topics, err := s.client.build.SMembers(ctx, s.keys.topics()).Result()
	if err != nil {
		return nil, s.client.wrap("delivered versions", err)
	}
	all := make(map[string]int64)
	for _, t := range topics {
		format, name, _ := strings.Cut(t, " ")
		found, err := s.client.build.ZRangeWithScores(ctx, s.keys.topic(feed.Name(name), feed.Format(format)), 0, -1).Result()
		if err != nil {
			return nil, s.client.wrap("delivered versions", err)
		}
		current, err := s.unannounced(ctx, feed.Name(name), feed.Format(format))
		if err != nil {
			return nil, err
		}
		for _, z := range found {
			id, _ := z.Member.(string)
			if all[id] = int64(z.Score); all[id] > 0 {
				all[id] = max(all[id], current)
			}
		}
	}
	waiting, err := s.client.build.ZRange(ctx, s.keys.deliveries(), 0, -1).Result()
	for _, id := range waiting {
		delete(all, id) // the version is still being delivered, or was not delivered
	}
	return all, s.client.wrap("delivered versions", err)
}

// unannounced returns the number of the current version of a topic if it was not announced, else 0.
func (s *Site) unannounced(ctx context.Context, name feed.Name, format feed.Format) (int64, error) {
	yes, err := s.client.build.SIsMember(ctx, s.keys.unannounced(), topicMember(name, format)).Result()
	if err != nil || !yes {
		return 0, s.client.wrap("delivered versions", err)
	}
	v, err := s.Topic(ctx, name, format)
	if errors.Is(err, feed.ErrNotFound) || errors.Is(err, feed.ErrInvalid) {
		return 0, nil
	}
	return v.Number(), err
}

// RestoreDelivered records the versions that subscribers have received, as [Site.Delivered] returned them before a
// restart. Restoring the subscriptions has made a delivery to each subscriber due; RestoreDelivered removes the
// deliveries to subscribers that have the current version. Nothing else may use the site's hub at the same time.
func (s *Site) RestoreDelivered(ctx context.Context, delivered map[string]int64) error {
	for st, err := range s.Subscriptions(ctx) {
		if err != nil {
			return err
		}
		version, ok := delivered[st.ID]
		if !ok || version <= 0 {
			continue
		}
		topic, err := s.Topic(ctx, st.Feed, st.Format)
		if errors.Is(err, feed.ErrNotFound) || errors.Is(err, feed.ErrInvalid) {
			continue
		}
		if err != nil {
			return err
		}
		if version != topic.Number() {
			continue
		}
		_, err = s.client.build.Pipelined(ctx, func(p redis.Pipeliner) error {
			p.ZAdd(ctx, s.keys.topic(st.Feed, st.Format), redis.Z{Score: float64(version), Member: st.ID})
			p.ZRem(ctx, s.keys.deliveries(), st.ID)
			return nil
		})
		if err != nil {
			return s.client.wrap("restore delivered versions", err)
		}
	}
	return nil
}
