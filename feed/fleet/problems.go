package fleet

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"feedpub/feed"
)

// Check returns nil unless this process is to build and stands aside; then why it does.
func (f *Fleet) Check(context.Context) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.aside
}

// Problems returns what an operator has to know of the site's processes, as problems of kind [feed.KindFleet]: that this
// one stands aside, and that builders have different configurations. The error is always nil.
func (f *Fleet) Problems(context.Context) ([]feed.Problem, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	var problems []feed.Problem
	if f.aside != nil {
		problems = append(problems, feed.Problem{
			ID: f.Self.ID, Kind: feed.KindFleet, Reason: "this process doesn't build: " + f.aside.Error(), Since: f.since,
		})
	}
	for _, reason := range slices.Sorted(maps.Keys(f.told)) {
		problems = append(problems, feed.Problem{
			ID: f.Self.ID, Kind: feed.KindFleet, Reason: reason, Since: f.told[reason], Serving: true,
		})
	}
	return problems, nil
}

// compare finds out whether builders of the same release, which tell their configurations alike, have different ones, and
// says so once.
func (f *Fleet) compare() {
	f.mu.Lock()
	defer f.mu.Unlock()
	now := map[string]time.Time{}
	if f.Self.Builds {
		var different []string
		for _, m := range f.members {
			if m.Builds && m.ID != f.Self.ID && m.Program == f.Self.Program && m.Config != f.Self.Config {
				different = append(different, m.ID)
			}
		}
		if len(different) > 0 {
			reason := fmt.Sprintf("builders of the site have another configuration than this one: %s; whichever of them "+
				"builds publishes its own, so every change of the builder changes all documents", strings.Join(different, ", "))
			now[reason] = f.Clock().UTC().Truncate(time.Millisecond)
			if since, ok := f.told[reason]; ok {
				now[reason] = since
			} else {
				f.Log.Error("builders of one site have different configurations", "others", different)
			}
		}
	}
	f.told = now
}
