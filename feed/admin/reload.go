package admin

import (
	"context"
	"net/http"
	"time"

	"feedpub/feed"
)

// ReloadOutcome is the outcome of a reload of the configuration.
type ReloadOutcome string

// The outcomes of reloads.
const (
	Reloaded        ReloadOutcome = "reloaded"         // all changes, if any, apply
	ReloadedPartly  ReloadOutcome = "reloaded_partly"  // some changes need a restart, or some settings have errors
	ReloadedNothing ReloadOutcome = "reloaded_nothing" // the configuration has errors; the previous one applies
)

// ReloadOutcomes returns all outcomes of reloads.
func ReloadOutcomes() []ReloadOutcome {
	return []ReloadOutcome{Reloaded, ReloadedPartly, ReloadedNothing}
}

// ReloadReport is the result of a reload.
type ReloadReport struct {
	Outcome ReloadOutcome `json:"outcome"`
	// Restart lists the changed keys that apply only after a restart.
	Restart []string `json:"restart"`
	// Errors lists the errors in settings, site files and tokens. The previous versions of these still apply.
	Errors []string `json:"errors"`
	// Sites lists the sites that were started, or restarted with new settings.
	Sites []feed.SiteID `json:"sites"`
}

// Reloader reloads the configuration, the tokens and the site files.
type Reloader interface {
	// Reload reloads them, and reports what could not be reloaded. It returns an error only if the server is stopping or
	// ctx is done.
	Reload(ctx context.Context) (ReloadReport, error)
}

// reloadTimeout bounds how long a request waits for a reload, which stops changed sites and starts them again.
const reloadTimeout = time.Minute

// reload reloads the configuration. The status is 200 even if the configuration has errors: the report lists them.
func (h *handler) reload(w http.ResponseWriter, r *http.Request) {
	if err := h.extend(w); err != nil {
		h.respondError(w, r, err)
		return
	}
	ctx, cancel := context.WithTimeout(r.Context(), reloadTimeout)
	defer cancel()
	report, err := h.Reloader.Reload(feed.WithCause(ctx, feed.Cause{Trigger: feed.ReloadTrigger, By: tokenName(r)}))
	if err != nil {
		h.respondError(w, r, err)
		return
	}
	h.json(w, http.StatusOK, "application/json", report)
}
