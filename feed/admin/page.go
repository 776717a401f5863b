package admin

import (
	"bytes"
	"cmp"
	"context"
	"embed"
	"errors"
	"fmt"
	"html/template"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"feedpub/feed"
)

//go:embed page
var pageFiles embed.FS

// pageTemplates are parsed once and never modified.
var pageTemplates = template.Must(template.ParseFS(pageFiles, "page/*.html"))

const (
	pagePolicy = "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; form-action 'self'; " +
		"frame-ancestors 'none'; base-uri 'none'"
	// pageTimeout bounds the time that the page spends reading the store. pageRebuild bounds the time that a person waits
	// for a rebuild; the rebuild continues after it.
	pageTimeout = 3 * time.Second
	pageRebuild = 20 * time.Second
	// The maximum numbers of rows.
	pageRuns, pageProblems, pageFeeds = 20, 50, 100
)

// page is the data of page.html. Its text may come from posts; the template escapes it.
type page struct {
	Title         string
	Site          feed.SiteID
	Sites         []feed.SiteID
	User, CSRF    string
	MayRebuild    bool
	Message       string
	State         []card
	Problems      []problemRow
	MoreProblems  int
	ProblemsError string
	Runs          []runRow
	Chart         template.HTML
	RunsError     string
	Schedule      []scheduleRow
	Feeds         []feedRow
	MoreFeeds     int
	Now           string
}

// card is one statement about the site.
type card struct{ Name, Value, Detail, Class string }

type problemRow struct{ Kind, ID, Since, Reason, Advice, Class string }

type runRow struct{ ID, Started, Cause, Outcome, Feeds, Reason, Posts, Took, Class string }

type scheduleRow struct{ Feed, Spec, Last, Next string }

type feedRow struct {
	Feed, URL          string
	Items              int
	Bytes, NotModified string
	Polls, Subscribers string
	readers            int
}

// messages maps values of the done query parameter to the messages shown after a form is submitted.
var messages = map[string]string{
	"rebuilt": "The feeds were rebuilt.",
	"held":    "The feeds were rebuilt, but some were held or failed: see below.",
	"running": "The rebuild is still running.",
	"failed":  "The rebuild failed; the log has the reason.",
	"none":    "There is no such feed.",
}

// advice maps each kind of problem to what to do about it.
var advice = map[feed.ProblemKind]string{
	feed.KindRejected:   "Correct the post and store it again. Its last valid version, if any, stays published.",
	feed.KindMissing:    "Store the post again, or confirm that it was deleted with: feedpub post delete ID",
	feed.KindSuggestion: "Decide with: feedpub credits. Until then the post is published without it.",
	feed.KindCharacters: "Correct the characters in the post. They were replaced by U+FFFD.",
	feed.KindHeld:       "Restore the posts, or confirm each loss with: feedpub post delete ID. The last documents stay published.",
	feed.KindFile:       "Correct the file.",
	feed.KindMedia:      "Add the file beside the post, or correct its name in the post.",
	feed.KindNote:       "Correct the front matter of the file.",
	feed.KindReplica:    "See the log of this server. Readers get the documents that it has.",
	feed.KindFleet:      "Replace the release or the configuration that differs.",
	feed.KindRollback:   "Restore the latest copy of the store, or accept this one with: feedpub rebuild --accept-rollback",
}

// servePage serves the HTML page.
func (h *handler) servePage(w http.ResponseWriter, r *http.Request) {
	x, signedIn := h.Sessions.of(r, h.tokensFor(r), time.Now())
	if !signedIn && !h.mayRead(r) {
		http.Redirect(w, r, "/login", http.StatusSeeOther)
		return
	}
	p := page{Title: "feedpub", Message: messages[r.URL.Query().Get("done")], Now: pageTime(time.Now())}
	if signedIn {
		p.User, p.CSRF, p.MayRebuild = x.token.name, x.csrf, x.token.May(Rebuild)
	}
	sites := h.Sites.Sites()
	for _, s := range sites {
		p.Sites = append(p.Sites, s.ID)
	}
	wanted := feed.SiteID(r.URL.Query().Get("site"))
	i := slices.IndexFunc(sites, func(s *Site) bool { return s.ID == wanted })
	if len(sites) > 0 {
		ctx, cancel := context.WithTimeout(r.Context(), pageTimeout)
		defer cancel()
		h.describe(ctx, &p, sites[max(i, 0)])
	}
	h.html(w, http.StatusOK, "page.html", p)
}

// describe sets what the page shows about a site. Where something cannot be read, the page shows the error instead.
func (h *handler) describe(ctx context.Context, p *page, s *Site) {
	p.Site, p.Title = s.ID, string(s.ID)+" – feedpub"
	history, err := s.Runs.Runs(ctx)
	if err != nil {
		p.RunsError = problemOf(err).Detail
	}
	p.State = h.state(s, history.Runs)
	h.describeProblems(ctx, p, s)
	scheduled, _ := s.Scheduler.Schedule(ctx) // without the store, only the times of the last runs are missing
	zone := time.UTC
	if len(scheduled) > 0 {
		zone = scheduled[0].Next.Location()
	}
	for _, r := range history.Runs[:min(len(history.Runs), pageRuns)] {
		p.Runs = append(p.Runs, newRunRow(r, zone))
	}
	p.Chart = chart(history.Runs, time.Now())
	for _, x := range scheduled {
		row := scheduleRow{Feed: string(x.Feed), Spec: x.Spec, Next: pageTime(x.Next), Last: "–"}
		if x.Feed == "*" {
			row.Feed = "all others"
		}
		if !x.Last.IsZero() {
			row.Last = pageTime(x.Last)
		}
		p.Schedule = append(p.Schedule, row)
	}
	p.Feeds = feedRows(s)
	if p.MoreFeeds = len(p.Feeds) - pageFeeds; p.MoreFeeds > 0 {
		p.Feeds = p.Feeds[:pageFeeds]
	} else {
		p.MoreFeeds = 0
	}
}

// state returns statements about a site.
func (h *handler) state(s *Site, runs []feed.Run) []card {
	readers := card{"Readers", "served", "", "good"}
	if err := s.Replica.Ready(); err != nil {
		readers = card{"Readers", "not served", err.Error(), "bad"}
	}
	store := card{"Store", "answers", "", "good"}
	_, synced := s.Replica.Version()
	if err := s.Replica.Store(); err != nil {
		store = card{"Store", "not responding", "Readers get the published documents.", "bad"}
		if !synced.IsZero() {
			store.Detail += " Last response " + pageTime(synced)
		}
	}
	cards := []card{readers, store, builderCard(runs)}
	commit := card{Name: "Last commit", Value: "none"}
	if t := latest(s.Replica.Heads()); !t.IsZero() {
		commit.Value = pageTime(t)
	}
	cards = append(cards, commit)
	if h.Disk != nil {
		cards = append(cards, diskCard(h.Disk))
	}
	return cards
}

// builderCard describes which process builds, from its runs.
func builderCard(runs []feed.Run) card {
	if len(runs) == 0 {
		return card{Name: "Builder", Value: "unknown", Detail: "No run is recorded.", Class: "warn"}
	}
	c := card{Name: "Builder", Value: runs[0].Builder, Class: "good"}
	if i := strings.LastIndexByte(c.Value, ':'); i > 0 {
		c.Value = c.Value[:i] // the rest is random
	}
	c.Detail = strings.TrimSpace(runs[0].Release)
	i := slices.IndexFunc(runs, func(r feed.Run) bool {
		return r.Builder == runs[0].Builder && (r.Trigger == feed.StartTrigger || r.Trigger == feed.TakeoverTrigger)
	})
	if i >= 0 {
		c.Detail = strings.TrimSpace(c.Detail + " since " + pageTime(runs[i].Started))
	}
	if runs[0].Failed() {
		c.Class = "warn"
	}
	return c
}

// diskCard describes the free space of the data folder.
func diskCard(disk func() (free, total uint64, err error)) card {
	free, total, err := disk()
	if err != nil || total == 0 {
		return card{Name: "Disk", Value: "unknown", Class: "warn"}
	}
	c := card{Name: "Disk", Value: size(free) + " free", Detail: "of " + size(total), Class: "good"}
	if free < total/20 {
		c.Class = "bad"
	}
	return c
}

// describeProblems sets the problems of the process and of a site.
func (h *handler) describeProblems(ctx context.Context, p *page, s *Site) {
	for _, lister := range slices.Concat(h.Problems, s.Problems) {
		list, err := lister.Problems(ctx)
		if err != nil {
			p.ProblemsError = problemOf(err).Detail
			return
		}
		for _, x := range list {
			row := problemRow{Kind: string(x.Kind), ID: x.ID, Reason: x.Reason, Advice: advice[x.Kind], Class: "warn"}
			if x.Place != "" {
				row.Reason = x.Place + ": " + row.Reason
			}
			if !x.Since.IsZero() {
				row.Since = pageTime(x.Since)
			}
			if x.Kind == feed.KindHeld || x.Kind == feed.KindRollback || x.Kind.Known() && x.Kind.Rejects() {
				row.Class = "bad"
			}
			p.Problems = append(p.Problems, row)
		}
	}
	slices.SortStableFunc(p.Problems, func(a, b problemRow) int { return cmp.Compare(a.Class, b.Class) })
	if p.MoreProblems = max(0, len(p.Problems)-pageProblems); p.MoreProblems > 0 {
		p.Problems = p.Problems[:pageProblems]
	}
}

func newRunRow(r feed.Run, zone *time.Location) runRow {
	row := runRow{
		ID: r.ID, Started: pageTime(r.Started.In(zone)), Cause: r.Cause.String(), Outcome: r.Outcome(),
		Reason: r.Reason(), Took: (time.Duration(r.Duration) * time.Millisecond).String(), Class: runClass(r),
	}
	for _, o := range feed.Outcomes() {
		switch n := r.Outcomes[o]; {
		case n == 0:
		case string(o) == row.Outcome:
			row.Outcome = fmt.Sprintf("%d %s", n, o)
		default:
			row.Feeds += fmt.Sprintf(", %d %s", n, o)
		}
	}
	row.Posts = fmt.Sprint(r.Absorbed)
	if r.Rejected > 0 {
		row.Posts += fmt.Sprintf(", %d rejected", r.Rejected)
	}
	if r.Times > 1 {
		row.Feeds += fmt.Sprintf("; %d times since %s", r.Times, pageTime(r.Since.In(zone)))
	}
	return row
}

// runClass returns the class of a run: good, warn or bad.
func runClass(r feed.Run) string {
	switch {
	case r.Failed():
		return "bad"
	case r.Rejected > 0:
		return "warn"
	}
	return "good"
}

// feedRows returns the feeds of a site, those with the most subscribers first.
func feedRows(s *Site) []feedRow {
	readers := map[feed.Name]feed.Readership{}
	if s.Readers != nil {
		for _, r := range s.Readers.Readers() {
			readers[r.Feed] = r
		}
	}
	feeds, _ := feed.FeedsOf(s.Replica.Heads())
	rows := make([]feedRow, 0, len(feeds))
	for _, head := range feeds {
		r := readers[head.Feed]
		row := feedRow{
			Feed: string(head.Feed), Items: len(head.IDs), Polls: fmt.Sprint(r.Polls), NotModified: "–",
			Subscribers: fmt.Sprint(r.Subscribers), readers: r.Subscribers,
		}
		if r.Polls > 0 {
			row.NotModified = fmt.Sprintf("%d %%", 100*r.NotModified/r.Polls)
		}
		bytes := 0
		for _, d := range head.Documents {
			bytes += d.Length
		}
		row.Bytes = size(uint64(bytes)) //nolint:gosec // a sum of lengths
		if len(head.Documents) > 0 {
			row.URL = s.BaseURL + (&url.URL{Path: head.Documents[0].Path}).EscapedPath()
		}
		rows = append(rows, row)
	}
	slices.SortStableFunc(rows, func(a, b feedRow) int { return cmp.Compare(b.readers, a.readers) })
	return rows
}

// chart draws the number of runs on each of the last 14 days as SVG. It contains no text from posts.
func chart(runs []feed.Run, now time.Time) template.HTML {
	const days, height, step = 14, 60, 40
	var counts [days]map[string]int
	most := 0
	today := now.UTC().Truncate(24 * time.Hour)
	for _, r := range runs {
		day := days - 1 - int(today.Sub(r.Started.UTC().Truncate(24*time.Hour))/(24*time.Hour))
		if day < 0 || day >= days || r.Times > 1 {
			continue
		}
		if counts[day] == nil {
			counts[day] = map[string]int{}
		}
		counts[day][runClass(r)]++
		sum := 0
		for _, n := range counts[day] {
			sum += n
		}
		most = max(most, sum)
	}
	if most == 0 {
		return ""
	}
	var b strings.Builder
	fmt.Fprintf(&b, `<svg viewBox="0 0 %d %d" role="img" aria-label="Runs on each of the last %d days">`,
		days*step, height+30, days)
	for day, c := range counts {
		y := height + 12
		for _, class := range []string{"good", "warn", "bad"} {
			if n := c[class]; n > 0 {
				h := max(2, n*height/most)
				y -= h
				fmt.Fprintf(&b, `<rect class="%s" x="%d" y="%d" width="%d" height="%d"></rect>`, class, day*step+6, y, step-12, h)
			}
		}
		fmt.Fprintf(&b, `<text x="%d" y="%d" text-anchor="middle">%s</text>`, day*step+step/2, height+26,
			today.AddDate(0, 0, day-days+1).Format("2 Jan"))
	}
	fmt.Fprintf(&b, `<text x="6" y="9">%d a day</text></svg>`, most)
	return template.HTML(b.String()) //nolint:gosec // it consists of numbers, dates and constants
}

// pageTime formats a time for people, in its own zone.
func pageTime(t time.Time) string { return t.Truncate(time.Second).Format("2 Jan 2006 15:04:05 MST") }

// size formats a number of bytes.
func size(n uint64) string {
	const kilo, mega, giga = 1 << 10, 1 << 20, 1 << 30
	switch {
	case n >= 10*giga:
		return fmt.Sprintf("%d GB", n/giga)
	case n >= mega:
		return fmt.Sprintf("%.1f MB", float64(n)/mega)
	case n >= kilo:
		return fmt.Sprintf("%d KB", n/kilo)
	}
	return fmt.Sprintf("%d B", n)
}

// html executes a template and sends the result.
func (h *handler) html(w http.ResponseWriter, status int, name string, data any) {
	var b bytes.Buffer
	if err := pageTemplates.ExecuteTemplate(&b, name, data); err != nil {
		h.Log.Error("page not rendered", "error", err)
		h.fail(w, problem{Status: http.StatusInternalServerError, Detail: "Internal error; see the log."})
		return
	}
	header := w.Header()
	header.Set("Content-Type", "text/html; charset=utf-8")
	header.Set("Content-Security-Policy", pagePolicy)
	header.Set("Referrer-Policy", "no-referrer")
	header.Set("X-Frame-Options", "DENY")
	w.WriteHeader(status)
	if _, err := w.Write(b.Bytes()); err != nil {
		h.Log.Debug("response not sent", "error", err)
	}
}

// pageFile returns a handler for a file of the page.
func (h *handler) pageFile(name, mediaType string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		b, err := pageFiles.ReadFile("page/" + name)
		if err != nil {
			h.fail(w, problem{Status: http.StatusNotFound})
			return
		}
		w.Header().Set("Content-Type", mediaType)
		if _, err := w.Write(b); err != nil {
			h.Log.Debug("response not sent", "error", err)
		}
	})
}

// showLogin shows the form to sign in.
func (h *handler) showLogin(w http.ResponseWriter, _ *http.Request) {
	h.html(w, http.StatusOK, "login.html", struct{ Message string }{})
}

// fromHere reports whether a form was submitted from a page of this server. Browsers send the origin of each form.
func fromHere(r *http.Request) bool { return new(http.CrossOriginProtection).Check(r) == nil }

// login starts a session for a valid token.
func (h *handler) login(w http.ResponseWriter, r *http.Request) {
	from, now := clientAddr(r), time.Now()
	refuse := func(status int, message string) {
		h.html(w, status, "login.html", struct{ Message string }{message})
	}
	r.Body = http.MaxBytesReader(w, r.Body, maxBody)
	switch {
	case !fromHere(r):
		refuse(http.StatusForbidden, "The form was sent by a different site.")
		return
	case !h.Sessions.mayTry(from, now):
		w.Header().Set("Retry-After", "60")
		refuse(http.StatusTooManyRequests, "There were too many wrong tokens. Try again in a minute.")
		return
	}
	token, ok := h.tokensFor(r).Authenticate(strings.TrimSpace(r.PostFormValue("token")))
	if !ok {
		h.Sessions.failed(from)
		h.Log.Warn("sign-in with an unknown token", "client", from)
		refuse(http.StatusUnauthorized, "The token is unknown.")
		return
	}
	h.setCookie(w, r, h.Sessions.start(token, now), int(sessionAge/time.Second))
	http.Redirect(w, r, "/", http.StatusSeeOther)
}

// setCookie sets the session cookie; a negative age removes it.
func (h *handler) setCookie(w http.ResponseWriter, r *http.Request, id string, age int) {
	secure := r.TLS != nil || r.Header.Get("X-Forwarded-Proto") == "https"
	http.SetCookie(w, &http.Cookie{
		Name: sessionCookie, Value: id, Path: "/", MaxAge: age, Secure: secure, HttpOnly: true,
		SameSite: http.SameSiteStrictMode,
	})
}

// formSession returns the session of a form that was submitted from a page of this server. Otherwise it sends an error.
func (h *handler) formSession(w http.ResponseWriter, r *http.Request) (session, bool) {
	r.Body = http.MaxBytesReader(w, r.Body, maxBody)
	x, ok := h.Sessions.of(r, h.tokensFor(r), time.Now())
	switch {
	case !fromHere(r):
		h.fail(w, problem{Status: http.StatusForbidden, Detail: "The form was sent by a different site."})
	case !ok:
		http.Redirect(w, r, "/login", http.StatusSeeOther)
	case !x.matches(r):
		h.fail(w, problem{Status: http.StatusForbidden, Detail: "The form is outdated; load the page again."})
	default:
		return x, true
	}
	return session{}, false
}

// logout ends a session.
func (h *handler) logout(w http.ResponseWriter, r *http.Request) {
	if _, ok := h.formSession(w, r); !ok {
		return
	}
	h.Sessions.end(r)
	h.setCookie(w, r, "", -1)
	http.Redirect(w, r, "/login", http.StatusSeeOther)
}

// rebuildFromPage rebuilds the feed that the form names, or all feeds if it names none.
func (h *handler) rebuildFromPage(w http.ResponseWriter, r *http.Request) {
	x, ok := h.formSession(w, r)
	if !ok {
		return
	}
	sites := h.Sites.Sites()
	i := slices.IndexFunc(sites, func(s *Site) bool { return string(s.ID) == r.PostFormValue("site") })
	switch {
	case !x.token.May(Rebuild):
		h.fail(w, problem{Status: http.StatusForbidden,
			Detail: fmt.Sprintf("The token %q lacks the right %q.", x.token.name, Rebuild)})
		return
	case i < 0:
		h.fail(w, problem{Status: http.StatusNotFound, Detail: "There is no such site."})
		return
	}
	var names []feed.Name
	if name := r.PostFormValue("feed"); name != "" {
		names = append(names, feed.Name(name))
	}
	if err := h.extend(w); err != nil {
		h.respondError(w, r, err)
		return
	}
	ctx, cancel := context.WithTimeout(r.Context(), pageRebuild)
	defer cancel()
	cause := feed.Cause{Trigger: feed.HTTPTrigger, By: x.token.name}
	report, err := sites[i].Rebuilder.Rebuild(feed.WithCause(ctx, cause), names...)
	done := "rebuilt"
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		done = "running"
	case errors.Is(err, feed.ErrNotFound):
		done = "none"
	case err != nil:
		h.Log.Error("rebuild from the page failed", "site", sites[i].ID, "error", err)
		done = "failed"
	case slices.ContainsFunc(report.Feeds, func(f feed.FeedReport) bool { return !f.Outcome.Current() }):
		done = "held"
	}
	query := url.Values{"site": {string(sites[i].ID)}, "done": {done}}
	http.Redirect(w, r, "/?"+query.Encode(), http.StatusSeeOther)
}
