package admin

import (
	"bytes"
	"cmp"
	"context"
	"embed"
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
	// for a rebuild; the rebuild continues afterwards.
	pageTimeout = 3 * time.Second
	pageRebuild = 20 * time.Second
	// The maximum numbers of rows.
	pageRuns, pageProblems, pageFeeds = 20, 50, 100
	// pageCredits is the number of posts whose credits are shown, and pageCreditPosts the number that are read to find
	// them.
	pageCredits, pageCreditPosts = 10, 50
)

// page is the data of page.html. Its text may come from posts; the template escapes it.
type page struct {
	Title         string
	Site          feed.SiteID
	Sites         []feed.SiteID
	User, CSRF    string
	MayRebuild    bool
	MayDecide     bool // whether credits are shown with forms
	MayExplain    bool // whether posts, including drafts, are explained
	Message       string
	Undo          creditRow // the credit that was just decided on, if the decision can be withdrawn
	State         []card
	Problems      []problemRow
	MoreProblems  int
	ProblemsError string
	Credits       []creditRow
	MoreCredits   bool
	CreditsError  string
	Explained     explained
	Runs          []runRow
	Chart         template.HTML
	RunsError     string
	Schedule      []scheduleRow
	Feeds         []feedRow
	MoreFeeds     int
	Figures       figures
	Now           string
	zone          *time.Location // time zone of the times of runs and posts
}

// card describes one aspect of the state of the site.
type card struct{ Name, Value, Detail, Class string }

type problemRow struct{ Kind, ID, Since, Reason, Advice, Class string }

type runRow struct{ ID, Started, Cause, Outcome, Feeds, Reason, Posts, Took, Class string }

type scheduleRow struct{ Feed, Spec, Last, Next string }

type feedRow struct {
	Feed, URL          string
	Items              int
	Bytes, NotModified string
	Polls, Subscribers string
	Spark              template.HTML // chart of the polls on each recent day
	readers            int
}

// messages maps values of the done query parameter to the messages shown after a form is submitted.
var messages = map[string]string{
	"rebuilt": "The feeds were rebuilt.",
	"held":    "The feeds were rebuilt, but some were held or failed: see below.",
	"running": "The rebuild is still running.",
	"failed":  "The rebuild failed; the log has the reason.",
	"none":    "There is no such feed.",

	"accepted":  "The credit was accepted. It will be published when the builder has read the post again.",
	"edited":    "The credit was changed. It will be published when the builder has read the post again.",
	"withheld":  "The credit was rejected. It is not published.",
	"withdrawn": "The decision was withdrawn.",
}

// advice maps each kind of problem to what to do about it.
var advice = map[feed.ProblemKind]string{
	feed.KindRejected: "Correct the post and store it again. Its last valid version, if any, stays published.",
	feed.KindMissing:  "Store the post again, or confirm that it was deleted with: feedpub post delete ID",
	feed.KindSuggestion: "To decide here, sign in with a token that has the permission \"write\", or use: feedpub credits. " +
		"Until then the post is published without it.",
	feed.KindCharacters: "Correct the characters in the post. They were replaced by U+FFFD.",
	feed.KindHeld:       "Restore the posts, or confirm each loss with: feedpub post delete ID. The last documents stay published.",
	feed.KindFile:       "Correct the file.",
	feed.KindMedia:      "Add the file beside the post, or correct its name in the post.",
	feed.KindNote:       "Correct the post. It is published anyway.",
	feed.KindReplica:    "See the log of this server. It keeps serving the documents that it has.",
	feed.KindFleet:      "Run the same release with the same configuration on all machines.",
	feed.KindRollback:   "Restore the latest copy of the store, or accept this one with: feedpub rebuild --accept-rollback",
}

// servePage serves the HTML page.
func (h *handler) servePage(w http.ResponseWriter, r *http.Request) {
	x, signedIn := h.Sessions.of(r, h.tokensFor(r), time.Now())
	if !signedIn && !h.mayRead(r) {
		http.Redirect(w, r, "/login", http.StatusSeeOther)
		return
	}
	query := r.URL.Query()
	ctx, cancel := context.WithTimeout(r.Context(), pageTimeout)
	defer cancel()
	p := h.newPage(ctx, x, feed.SiteID(query.Get("site")), query.Get("feed"))
	p.Message = messages[query.Get("done")]
	if p.MayExplain {
		h.describePost(ctx, &p, query.Get("post-id"), query.Get("in"))
	}
	if key := query.Get("undo"); key != "" && p.MayDecide {
		p.Undo = creditRow{Post: query.Get("post"), Key: key}
	}
	h.html(w, http.StatusOK, "page.html", p)
}

// newPage returns the page about a site, or about the first one if there is no such site, with the figures of a feed.
// If the person has not signed in, x is the zero session.
func (h *handler) newPage(ctx context.Context, x session, wanted feed.SiteID, figuresOf string) page {
	p := page{Title: "feedpub", Now: pageTime(time.Now()), User: x.token.name, CSRF: x.csrf, zone: time.UTC}
	signedIn := x.csrf != ""
	sites := h.Sites.Sites()
	for _, s := range sites {
		p.Sites = append(p.Sites, s.ID)
	}
	if len(sites) > 0 {
		s := sites[max(0, slices.IndexFunc(sites, func(s *Site) bool { return s.ID == wanted }))]
		p.MayRebuild = signedIn && x.token.May(Rebuild)
		p.MayExplain = signedIn && x.token.May(Write)
		p.MayDecide = signedIn && x.token.May(Write) && s.Credits != nil
		h.describe(ctx, &p, s)
		describeFigures(&p, s, figuresOf)
	}
	return p
}

// describe sets what the page shows about a site. In place of anything that cannot be read, the page shows the error.
func (h *handler) describe(ctx context.Context, p *page, s *Site) {
	p.Site, p.Title = s.ID, string(s.ID)+" – feedpub"
	history, err := s.Runs.Runs(ctx)
	if err != nil {
		p.RunsError = problemOf(err).Detail
	}
	p.State = h.state(s, history.Runs)
	h.describeProblems(ctx, p, s)
	scheduled, _ := s.Scheduler.Schedule(ctx) // after an error, only the times of the last runs are missing
	if len(scheduled) > 0 {
		p.zone = scheduled[0].Next.Location()
	}
	for _, r := range history.Runs[:min(len(history.Runs), pageRuns)] {
		p.Runs = append(p.Runs, newRunRow(r, p.zone))
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
	for i := range p.Feeds {
		if s.History != nil {
			p.Feeds[i].Spark = spark(s.History.Days(feed.Name(p.Feeds[i].Feed)))
		}
	}
}

// state returns the cards that describe the state of a site.
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

// builderCard shows which process performed the latest recorded run.
func builderCard(runs []feed.Run) card {
	if len(runs) == 0 {
		return card{Name: "Builder", Value: "unknown", Detail: "No run is recorded.", Class: "warn"}
	}
	c := card{Name: "Builder", Value: runs[0].Builder, Class: "good"}
	if i := strings.LastIndexByte(c.Value, ':'); i > 0 {
		c.Value = c.Value[:i] // omit the random part
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

// explained holds the fields of the form that asks about a post, and the explanation of the post.
type explained struct {
	Post, Feed, Error string
	feed.Explanation
	Times []namedTime
}

// namedTime is an event in the history of a post. Value is its time, or the reason why it has not happened.
type namedTime struct{ Name, Value string }

// timesOf returns the recorded times of a post.
func timesOf(x feed.Explanation, zone *time.Location) (list []namedTime) {
	for _, t := range []struct {
		name string
		time time.Time
	}{
		{"Absorbed", cmp.Or(x.Absorbed, x.FirstSeen)}, {"First committed", x.FirstCommitted}, {"First served", x.FirstServed},
		{"Removed", x.Removed},
	} {
		if !t.time.IsZero() {
			list = append(list, namedTime{t.name, pageTime(t.time.In(zone))})
		}
	}
	if reason := x.NotServed(); reason != "" {
		list = append(list, namedTime{"First served", reason})
	}
	return list
}

// describePost sets the explanation of a post, if the id is not empty.
func (h *handler) describePost(ctx context.Context, p *page, id, name string) {
	if id = strings.TrimSpace(id); id == "" {
		return
	}
	p.Explained = explained{Post: id, Feed: strings.TrimSpace(name)}
	s := h.Sites.Sites()[max(0, slices.Index(p.Sites, p.Site))]
	x, err := s.Explainer.Explain(ctx, id, feed.Name(p.Explained.Feed))
	if err != nil {
		p.Explained.Error = problemOf(err).Detail
	}
	p.Explained.Explanation, p.Explained.Times = x, timesOf(x, p.zone)
}

// describeProblems adds the problems of the process and of the site to p.
func (h *handler) describeProblems(ctx context.Context, p *page, s *Site) {
	var uncertain []string // ids of posts that may have credits to decide on
	for _, lister := range slices.Concat(h.Problems, s.Problems) {
		list, err := lister.Problems(ctx)
		if err != nil {
			p.ProblemsError = problemOf(err).Detail
			return
		}
		for _, x := range list {
			switch x.Kind { //nolint:exhaustive // see feed.Problem: only these kinds can include a suggestion
			case feed.KindSuggestion, feed.KindCharacters, feed.KindMedia:
				uncertain = append(uncertain, x.ID)
			}
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
	if p.MayDecide {
		h.describeCredits(ctx, p, s, uncertain)
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
		row.Bytes = size(uint64(bytes)) //nolint:gosec // a sum of lengths is not negative
		if len(head.Documents) > 0 {
			row.URL = s.BaseURL + (&url.URL{Path: head.Documents[0].Path}).EscapedPath()
		}
		rows = append(rows, row)
	}
	slices.SortStableFunc(rows, func(a, b feedRow) int { return cmp.Compare(b.readers, a.readers) })
	return rows
}

// pageTime formats a time for people, in the time's own zone.
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
		h.Log.Error("cannot render the page", "error", err)
		h.fail(w, problem{Status: http.StatusInternalServerError, Detail: "Internal error; see the log."})
		return
	}
	header := w.Header()
	header.Set("Content-Type", "text/html; charset=utf-8")
	header.Set("Content-Security-Policy", pagePolicy)
	header.Set("Referrer-Policy", "same-origin")
	header.Set("X-Frame-Options", "DENY")
	w.WriteHeader(status)
	if _, err := w.Write(b.Bytes()); err != nil {
		h.Log.Debug("cannot send the response", "error", err)
	}
}

// pageFile returns a handler that serves one of the embedded files that the page refers to.
func (h *handler) pageFile(name, mediaType string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		b, err := pageFiles.ReadFile("page/" + name)
		if err != nil {
			h.fail(w, problem{Status: http.StatusNotFound})
			return
		}
		w.Header().Set("Content-Type", mediaType)
		if _, err := w.Write(b); err != nil {
			h.Log.Debug("cannot send the response", "error", err)
		}
	})
}
