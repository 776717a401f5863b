package hosting

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"time"

	"feedpub/feed"
	"feedpub/feed/admin"
	"feedpub/feed/fleet"
)

// reloadRequest asks the goroutine that watches the configuration to reload it.
type reloadRequest struct {
	cause  feed.Cause
	report chan<- admin.ReloadReport // buffered, so that sending the report never blocks
}

// Reload implements [admin.Reloader].
func (s *Server) Reload(ctx context.Context) (admin.ReloadReport, error) {
	report := make(chan admin.ReloadReport, 1)
	select {
	case s.reloads <- reloadRequest{feed.CauseOf(ctx), report}:
	case <-ctx.Done():
		return admin.ReloadReport{}, fmt.Errorf("reload: %w", ctx.Err())
	}
	select {
	case r := <-report:
		return r, nil
	case <-ctx.Done():
		return admin.ReloadReport{}, fmt.Errorf("reload: %w", ctx.Err())
	}
}

// forwardSignals turns reload signals into requests until ctx is done.
func (s *Server) forwardSignals(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-s.options.Reload:
			// The report is logged by the goroutine that reloads.
			_, _ = s.Reload(feed.WithCause(ctx, feed.Cause{Trigger: feed.ReloadTrigger, By: "SIGHUP"}))
		}
	}
}

// answer reloads everything for a request, and reports and records the outcome.
func (h *siteSet) answer(ctx context.Context, request reloadRequest) {
	start := time.Now()
	report := h.server.reloadConfig()
	h.files = nil // they were parsed with the defaults of the previous configuration
	before := maps.Clone(h.sites)
	h.reload(ctx)
	for _, id := range slices.Sorted(maps.Keys(h.sites)) {
		if before[id] != h.sites[id] {
			report.Sites = append(report.Sites, id)
		}
	}
	problems, _ := h.Problems(ctx) // never fails
	for _, p := range problems {
		report.Errors = append(report.Errors, fmt.Sprintf("%s: %s", p.ID, p.Reason))
	}
	if report.Outcome == admin.Reloaded && len(report.Restart)+len(report.Errors) > 0 {
		report.Outcome = admin.ReloadedPartly
	}
	h.server.metrics.Reloaded(report.Outcome, start)
	level := slog.LevelInfo
	if report.Outcome != admin.Reloaded {
		level = slog.LevelWarn
	}
	h.server.log.Log(ctx, level, "reload", "by", cmp.Or(request.cause.By, "unknown"), "outcome", report.Outcome,
		"sites", report.Sites, "restart", report.Restart, "errors", report.Errors,
		"duration", time.Since(start).Round(time.Millisecond))
	h.record(ctx, request.cause, report, start)
	request.report <- report
}

// record adds the reload to the runs of the site. With several sites, the outcome is only in the log and the problems.
func (h *siteSet) record(ctx context.Context, cause feed.Cause, report admin.ReloadReport, start time.Time) {
	s := h.server
	if s.several {
		return
	}
	run := feed.Run{
		Cause: cause, Started: start.UTC(), Duration: time.Since(start).Milliseconds(), Feeds: []feed.FeedReport{},
		Builder: fleet.NewID(), Release: s.site.Source.process.Build.Version,
	}
	reasons := slices.Clone(report.Errors)
	if len(report.Restart) > 0 {
		reasons = append(reasons, "a restart is needed for "+strings.Join(report.Restart, ", "))
	}
	if len(reasons) > 0 {
		run.SetError(fmt.Errorf("%s", strings.Join(reasons, "; "))) //nolint:err113 // text for people
	}
	ctx, cancel := context.WithTimeout(ctx, releaseTimeout)
	defer cancel()
	if err := s.site.Store.AddRun(ctx, run); err != nil {
		s.log.Warn("cannot record the reload among the runs", "error", err)
	}
}
