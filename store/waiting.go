package store

import (
	"context"
	"strconv"
	"time"

	"feedpub/feed"
)

// Waiting returns the time of the store and what a builder may have to absorb at this time, in one round trip: what
// [Site.Now], [Site.Due], [Site.Cursor], [Site.Inbox] and [Site.Costly] return, and the posts of the main feed that are
// dated after this time. n is the maximum number of due posts and of submissions.
func (s *Site) Waiting(ctx context.Context, n int) (feed.Waiting, error) {
	keys := []string{s.keys.index(feed.Main), s.keys.due(), s.keys.cursor(), s.keys.inbox(), s.keys.costly()}
	reply, err := run(ctx, s.client.build, waitingSource, keys, n).Slice()
	if err == nil && len(reply) != 7 {
		err = errReply(reply)
	}
	if err != nil {
		return feed.Waiting{}, s.client.wrap("waiting", err)
	}
	w, err := s.waitingOf(reply)
	return w, s.client.wrap("waiting", err)
}

func (s *Site) waitingOf(reply []any) (w feed.Waiting, err error) {
	if w.Now, err = timeOf(stringsIn(reply[:2])); err != nil {
		return w, err
	}
	for id, date := range pairs(reply[2]) {
		ms, err := strconv.ParseFloat(date, 64)
		if err != nil {
			return w, errReply(reply[2])
		}
		p := feed.Position{Time: time.UnixMilli(int64(ms)).UTC(), ID: id}
		if p.Compare(feed.Position{Time: w.Now}) > 0 {
			w.Ahead = append(w.Ahead, p)
		}
	}
	w.Due = stringsIn(reply[3])
	w.Cursor, _ = reply[4].(string)
	entries, _ := reply[5].([]any)
	for _, e := range entries {
		parts, _ := e.([]any)
		if len(parts) != 2 {
			return w, errReply(e)
		}
		entry, _ := parts[0].(string)
		submission := feed.Submission{Entry: entry, Time: entryTime(entry)}
		for field, value := range pairs(parts[1]) {
			if field == "id" {
				submission.ID = value
			}
		}
		w.Submissions = append(w.Submissions, submission)
	}
	w.Costly = s.costlyOf(stringsIn(reply[6]))
	return w, nil
}
