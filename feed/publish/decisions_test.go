package publish_test

import (
	"slices"
	"strings"
	"testing"

	"feedpub/feed"
	"feedpub/feed/attribution"
	"feedpub/feed/intake"
	"feedpub/feed/publish"
)

// decide adds a decision about a post.
func (w *world) decide(id string, d feed.Decision) {
	w.t.Helper()
	err := w.site.Decide(w.t.Context(), id, func(current []feed.Decision) ([]feed.Decision, error) {
		return feed.Decisions{List: current}.With(d).List, nil
	})
	if err != nil {
		w.t.Fatal(err)
	}
}

const lateShips = "<p>From the Harbour Notes:</p><blockquote><p>Ships are late, a captain said on the quay.</p></blockquote>"

// TestDecisionIsPublished checks that a decision changes the documents, even after the post is written again, and that
// a decision about words that the post no longer contains is reported.
func TestDecisionIsPublished(t *testing.T) {
	w := newWorld(t)
	p := w.builder("a")
	w.put(post("1", "content_text", nil, "content_html", lateShips))
	w.rebuild(p)
	if !strings.Contains(string(w.body(w.head(feed.Main), feed.JSON)), `"publication": "Harbour Notes"`) {
		t.Fatal("the credit is not published without a decision")
	}
	read := feed.Quote{
		Source: feed.Source{Publication: "Harbour Notes"}, Text: "Ships are late, a captain said on the quay.",
	}
	w.decide("1", feed.Decision{Key: feed.CreditKey(read), Verdict: feed.Rejected, Read: read})
	w.rebuild(p)
	for range 2 {
		if strings.Contains(string(w.body(w.head(feed.Main), feed.JSON)), `"publication": "Harbour Notes"`) {
			t.Error("the credit is published although it was rejected")
		}
		w.put(post("1", "content_text", nil, "content_html", "<p>A new first line.</p>"+lateShips))
		w.rebuild(p)
	}
	w.put(post("1", "content_text", nil, "content_html", "<p>It rained.</p>"))
	report, err := p.Rebuild(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if !slices.ContainsFunc(report.Problems, func(pr feed.Problem) bool {
		return pr.ID == "1" && pr.Kind == feed.KindSuggestion && strings.Contains(pr.Reason, "Harbour Notes (rejected)")
	}) {
		t.Errorf("problems are %+v, want one that reports the dormant decision", report.Problems)
	}
}

// TestTableOfPublications checks that posts are read again when the table of publications changes, and that the
// documents are the same as those of a builder that starts with the table.
func TestTableOfPublications(t *testing.T) {
	w := newWorld(t)
	with := func(c *publish.Config) {
		c.WithPublications = func(table []feed.Publication) (*intake.Intake, func(string) feed.Source, error) {
			o := attribution.Options{Threshold: 0.7}
			for _, p := range table {
				o.Publications = append(o.Publications, attribution.Publication{Name: p.Name, Domains: []string{p.Domain}})
			}
			reader, err := attribution.New(o)
			if err != nil {
				return nil, nil, err
			}
			return intake.New(w.config, reader), reader.Canonical, nil
		}
	}
	p := w.builder("a", with)
	const content = `<p>From <a href="https://quay.example/1">The pier closes for the winter</a>:</p>` +
		"<blockquote><p>Ships are late, a captain said on the quay.</p></blockquote>"
	w.put(post("1", "content_text", nil, "content_html", content))
	w.rebuild(p)
	before := string(w.body(w.head(feed.Main), feed.JSON))
	if !strings.Contains(before, `"publication": "quay.example"`) {
		t.Fatalf("the document is %s, want the host as the publication", before)
	}
	table := feed.Publication{Name: "Quay Courier", Domain: "quay.example"}
	if err := w.site.RestoreRecords(t.Context(), feed.ExportLine{Publication: &table}); err != nil {
		t.Fatal(err)
	}
	w.rebuild(p)
	after := string(w.body(w.head(feed.Main), feed.JSON))
	if !strings.Contains(after, `"publication": "Quay Courier"`) {
		t.Errorf("the document is %s, want the publication from the table", after)
	}
	w.rebuild(w.builder("b", with))
	if again := string(w.body(w.head(feed.Main), feed.JSON)); again != after {
		t.Errorf("a builder that starts with the table builds %s, want %s", again, after)
	}
}
