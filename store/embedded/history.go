package embedded

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"time"

	"feedpub/feed"
	"feedpub/store"
)

// historyFiles are the files that contain the runs, and the milestones of posts.
type historyFiles struct {
	site             *store.Site
	runs, milestones lineFile
}

// postMilestones is a line of the milestones file. If a post has several lines, the last one counts.
type postMilestones struct {
	Post string `json:"post"`
	feed.Milestones
}

// restore loads the contents of the files into the server. It skips lines that cannot be decoded, and runs that are
// counted in a later line.
func (h *historyFiles) restore(ctx context.Context) error {
	var log feed.RunLog
	if err := h.runs.read(func(line []byte) {
		var r feed.Run
		if json.Unmarshal(line, &r) == nil && r.Trigger != "" {
			log.Add(r)
		}
	}); err != nil {
		return fmt.Errorf("runs: %w", err)
	}
	for _, r := range slices.Backward(log.History(time.Now()).Runs) { // oldest first
		if err := h.site.AddRun(ctx, r); err != nil {
			return err
		}
	}
	last := map[string]feed.Milestones{}
	if err := h.milestones.read(func(line []byte) {
		var m postMilestones
		if json.Unmarshal(line, &m) == nil && m.Post != "" {
			last[m.Post] = m.Milestones
		}
	}); err != nil {
		return fmt.Errorf("milestones: %w", err)
	}
	return h.site.RestoreMilestones(ctx, newest(last))
}

// newest returns the milestones of the posts that were absorbed last, up to [feed.KeptMilestones].
func newest(all map[string]feed.Milestones) map[string]feed.Milestones {
	if len(all) <= feed.KeptMilestones {
		return all
	}
	ids := slices.SortedFunc(maps.Keys(all), func(a, b string) int { return all[b].Absorbed.Compare(all[a].Absorbed) })
	for _, id := range ids[feed.KeptMilestones:] {
		delete(all, id)
	}
	return all
}

// append adds runs and milestones to the files.
func (h *historyFiles) append(ctx context.Context, runs []feed.Run, milestones []postMilestones) error {
	err := appendLines(&h.runs, runs, func() ([]feed.Run, error) {
		history, err := h.site.Runs(ctx)
		slices.Reverse(history.Runs)
		return history.Runs, err
	})
	if err != nil {
		return fmt.Errorf("runs: %w", err)
	}
	err = appendLines(&h.milestones, milestones, func() ([]postMilestones, error) {
		all, err := h.site.AllMilestones(ctx)
		var list []postMilestones
		for _, id := range slices.Sorted(maps.Keys(all)) {
			list = append(list, postMilestones{id, all[id]})
		}
		return list, err
	})
	if err != nil {
		return fmt.Errorf("milestones: %w", err)
	}
	return nil
}
