package hosting

import (
	"context"
	"maps"
	"slices"
	"time"

	"feedpub/config"
	"feedpub/feed"
	"feedpub/feed/publish"
	"feedpub/feed/schedule"
	"feedpub/store"
)

// allOthers is the name in [feed.Scheduled] that represents all feeds without an entry of their own.
const allOthers feed.Name = "*"

// Schedule returns when the feeds of a site are rebuilt: the main feed, the configured feeds, and all others. Times are
// in the configured time zone. It takes the start of the latest recorded run of each cause from last.
func Schedule(c config.Config, last map[feed.Cause]time.Time, now time.Time) ([]feed.Scheduled, error) {
	all, err := schedule.Parse(c.Schedule, c.TimeZone.Location)
	if err != nil {
		return nil, err
	}
	own := c.FeedSchedules()
	names := map[feed.Name]bool{feed.Main: true}
	for n := range c.Catalog().Feeds {
		names[n] = true
	}
	for n := range own {
		names[n] = true
	}
	list := slices.SortedFunc(maps.Keys(names), feed.Name.Compare)
	var out []feed.Scheduled
	for _, n := range append(list, allOthers) {
		spec, run := all, publish.TickName()
		if text, ok := own[n]; ok {
			if spec, err = schedule.Parse(text, c.TimeZone.Location); err != nil {
				return nil, err
			}
			run = publish.TickName(n)
		}
		x := feed.Scheduled{
			Feed: n, Spec: spec.String(), Zone: c.TimeZone.String(), Next: spec.Next(now.In(c.TimeZone.Location)),
		}
		if t := last[feed.Cause{Trigger: feed.ScheduleTrigger, By: run}]; !t.IsZero() {
			x.Last = t.In(c.TimeZone.Location)
		}
		out = append(out, x)
	}
	return out, nil
}

// Schedule returns when the feeds of the site are rebuilt. If the error is not nil, the times of the latest runs are
// missing.
func (s *Site) Schedule(ctx context.Context) ([]feed.Scheduled, error) {
	history, err := s.Store.Runs(ctx)
	list, scheduleErr := Schedule(s.Source.Config, history.Last, s.Source.process.Now())
	if scheduleErr != nil {
		return nil, scheduleErr
	}
	return list, err
}

// storeStates implements [admin.StateReader] for the sites of a store.
type storeStates struct{ *store.Client }

// States implements [admin.StateReader].
func (s storeStates) States(ctx context.Context, sites []feed.SiteID) ([]feed.SiteState, error) {
	return s.Client.States(ctx, publish.Job, sites...)
}
