package publish

import (
	"context"
	"fmt"
	"log/slog"
	"slices"

	"feedpub/feed"
)

type problemStore interface {
	Problems(ctx context.Context) ([]feed.Problem, error)
	Problem(ctx context.Context, kind feed.ProblemKind, id string) (feed.Problem, bool, error)
	SetProblem(ctx context.Context, p feed.Problem) error
	ClearProblem(ctx context.Context, kind feed.ProblemKind, id string) error
}

// unexplained is the reason given for holding a feed whose posts vanished.
const unexplained = "posts vanished without explanation"

// problemLog logs each problem when it begins and when it changes, but not on every rebuild. The list of problems shows
// the current ones. It is used with the work lock held.
type problemLog struct {
	logger *slog.Logger
	posts  map[string]feed.Hash // hash of the last logged problem, by post
	feeds  map[feed.Name]string // last logged reason, by feed
}

func newProblemLog(logger *slog.Logger) *problemLog {
	return &problemLog{logger: logger, posts: map[string]feed.Hash{}, feeds: map[feed.Name]string{}}
}

// post logs the problem of a post. The problem is nil if the post has none.
func (l *problemLog) post(id string, pr *feed.Problem) {
	if pr == nil {
		delete(l.posts, id)
		return
	}
	sum := feed.HashOf(fmt.Appendf(nil, "%s %t %q %q", pr.Kind, pr.Serving, pr.Place, pr.Reason))
	if l.posts[id] == sum {
		return
	}
	l.posts[id] = sum
	if pr.Kind != feed.KindRejected {
		l.logger.Warn("post has a problem", "id", id, "kind", pr.Kind, "place", pr.Place, "reason", pr.Reason)
		return
	}
	l.logger.Warn("post rejected", "id", id, "place", pr.Place, "reason", pr.Reason,
		"earlier_version_published", pr.Serving)
}

// outcomes logs which feeds are held or failed. Feeds with the same cause share a message: when posts are lost, every
// feed that contained them is held.
func (l *problemLog) outcomes(reports []feed.FeedReport) {
	type cause struct {
		outcome feed.Outcome
		reason  string
	}
	affected := map[cause][]feed.FeedReport{}
	var causes []cause
	for _, r := range reports {
		if r.Outcome != feed.Held && r.Outcome != feed.Failed {
			delete(l.feeds, r.Feed)
			continue
		}
		if l.feeds[r.Feed] == r.Reason {
			continue
		}
		l.feeds[r.Feed] = r.Reason
		c := cause{r.Outcome, r.Reason}
		if r.Outcome == feed.Held {
			c.reason = unexplained // omit the posts, which differ between feeds
		}
		if affected[c] == nil {
			causes = append(causes, c)
		}
		affected[c] = append(affected[c], r)
	}
	for _, c := range causes {
		rs := affected[c]
		reason := rs[0].Reason
		// The main feed contained all posts that other feeds have lost.
		if i := slices.IndexFunc(rs, func(r feed.FeedReport) bool { return r.Feed == feed.Main }); i >= 0 {
			reason = rs[i].Reason
		}
		names := make([]string, len(rs))
		for i, r := range rs {
			names[i] = string(r.Feed)
		}
		l.logger.Error("feeds not committed; keeping their last documents",
			"feeds", abbreviate(names), "outcome", c.outcome, "reason", reason)
	}
}
