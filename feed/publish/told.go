package publish

import (
	"fmt"
	"log/slog"
	"slices"

	"feedpub/feed"
)

// unexplained is why a feed is held.
const unexplained = "posts vanished without explanation"

// told is what the log has said of what is wrong, so that it is said once and not with every rebuild: the list of
// problems says what still is. A builder that starts says all of it again.
type told struct {
	posts    map[string]feed.Hash // by id: of what was said, since many posts may be bad
	refusals map[feed.Name]string // by feed: why it was not committed
}

func newTold() told {
	return told{posts: map[string]feed.Hash{}, refusals: map[feed.Name]string{}}
}

// post logs what is wrong with a post, nil for nothing, if it is not what it was.
func (t told) post(log *slog.Logger, id string, pr *feed.Problem) {
	if pr == nil {
		delete(t.posts, id)
		return
	}
	what := feed.HashOf(fmt.Appendf(nil, "%s %t %q %q", pr.Kind, pr.Serving, pr.Place, pr.Reason))
	if t.posts[id] == what {
		return
	}
	t.posts[id] = what
	if pr.Kind != feed.KindRejected {
		log.Warn("post published, but not all is well with it", "id", id, "kind", pr.Kind, "place", pr.Place, "reason", pr.Reason)
		return
	}
	log.Warn("post set aside", "id", id, "place", pr.Place, "reason", pr.Reason, "earlier_version_published", pr.Serving)
}

// feeds logs which feeds were not committed, if that is not as it was: those with one cause together, for when posts are
// lost, each feed that had them is held.
func (t told) feeds(log *slog.Logger, reports []feed.FeedReport) {
	type cause struct {
		outcome feed.Outcome
		reason  string
	}
	affected := map[cause][]feed.FeedReport{}
	var causes []cause
	for _, r := range reports {
		if r.Outcome != feed.Held && r.Outcome != feed.Failed {
			delete(t.refusals, r.Feed)
			continue
		}
		if t.refusals[r.Feed] == r.Reason {
			continue
		}
		t.refusals[r.Feed] = r.Reason
		c := cause{r.Outcome, r.Reason}
		if r.Outcome == feed.Held {
			c.reason = unexplained // each names the posts that it lacks
		}
		if affected[c] == nil {
			causes = append(causes, c)
		}
		affected[c] = append(affected[c], r)
	}
	for _, c := range causes {
		rs := affected[c]
		reason := rs[0].Reason
		// The main feed has had all posts, so it says most.
		if i := slices.IndexFunc(rs, func(r feed.FeedReport) bool { return r.Feed == feed.Main }); i >= 0 {
			reason = rs[i].Reason
		}
		names := make([]string, len(rs))
		for i, r := range rs {
			names[i] = string(r.Feed)
		}
		log.Error("feeds not committed; their last documents stay", "feeds", list(names), "outcome", c.outcome, "reason", reason)
	}
}
