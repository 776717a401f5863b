package render

import (
	"testing"

	"feedpub/feed"
)

// TestViaShownOnce checks that a page does not repeat a via that the content shows.
func TestViaShownOnce(t *testing.T) {
	const link = "https://harbour.example/a?b=1&c=2"
	item := &feed.Item{
		HTML: `<p>Boats. (via <a href="https://harbour.example/a?b=1&amp;c=2">Harbour &amp; Sons</a>, Quay Notes)</p>`,
		Text: "Boats. (via Harbour & Sons, Quay Notes)",
	}
	for via, want := range map[feed.Via]bool{
		{Name: "Harbour & Sons", URL: link}:                         true,
		{Name: "Harbour & Sons", URL: "https://elsewhere.example/"}: false,
		{Name: "Somebody else", URL: link}:                          false,
		{Name: "Quay Notes"}:                                        true,
		{Name: "Nobody"}:                                            false,
		{URL: link}:                                                 false,
	} {
		if got := viaShown(item, via); got != want {
			t.Errorf("viaShown(%+v) = %v, want %v", via, got, want)
		}
	}
}
