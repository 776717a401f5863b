package intake_test

import (
	"testing"

	"feedpub/feed"
	"feedpub/feed/intake"
)

// TestFingerprint checks that items are rebuilt when a setting that they depend on changes.
func TestFingerprint(t *testing.T) {
	fingerprint := func(change func(*feed.Site)) string {
		site := testSite
		change(&site)
		return intake.New(site, newReader(t)).Fingerprint()
	}
	base := fingerprint(func(*feed.Site) {})
	for _, c := range []struct {
		name   string
		change func(*feed.Site)
		want   bool // whether the fingerprint changes
	}{
		{"nothing", func(*feed.Site) {}, false},
		{"title", func(s *feed.Site) { s.Title = "A new title" }, true}, // used to detect quotes from the blog itself
		{"home", func(s *feed.Site) { s.HomeURL = "https://new.example/" }, true},
		{"language", func(s *feed.Site) { s.Language = "nl" }, true},
		{"limit", func(s *feed.Site) { s.Limit++ }, false},
	} {
		if changed := fingerprint(c.change) != base; changed != c.want {
			t.Errorf("%s: fingerprint changed: %t, want %t", c.name, changed, c.want)
		}
	}
}
