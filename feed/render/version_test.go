package render_test

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"feedpub/feed"
	"feedpub/feed/render"
)

// renderer returns a renderer of a version.
func renderer(t *testing.T, version int) *render.Renderer {
	t.Helper()
	r, err := render.New().At(version)
	if err != nil {
		t.Fatalf("At(%d): %v", version, err)
	}
	return r
}

// sums returns a line for each document of the fixtures, with the hash of its bytes.
func sums(t *testing.T, r *render.Renderer) []string {
	t.Helper()
	var lines []string
	add := func(name string, d feed.Document) {
		lines = append(lines, fmt.Sprintf("%s %s %s", d.Hash, name, d.Format))
	}
	for _, fx := range fixtures() {
		docs, _, err := r.Documents(fx.feed)
		if err != nil {
			t.Fatalf("Documents of %s: %v", fx.name, err)
		}
		for _, d := range docs {
			add(fx.name, d)
		}
	}
	german := testSite()
	german.Language = "de"
	add("German site", r.StyleSheet(german))
	slices.Sort(lines)
	return lines
}

// TestOlderVersionsAreMadeAsTheyWere holds what a site goes on being served whose replicas cannot all be upgraded at
// once. The sums were taken when the version was the newest and are never written anew.
func TestOlderVersionsAreMadeAsTheyWere(t *testing.T) {
	for version := render.Oldest; version < render.Version; version++ {
		file := fmt.Sprintf("testdata/version-%d.sums", version)
		want, err := os.ReadFile(file)
		if err != nil {
			t.Fatalf("there are no sums of version %d, which this program says it can make: %v", version, err)
		}
		if diff := cmp.Diff(strings.Fields(string(want)), strings.Fields(strings.Join(sums(t, renderer(t, version)), "\n"))); diff != "" {
			t.Errorf("documents of version %d have other bytes than when it was the newest: entity tags of sites that have "+
				"not been upgraded would change (-want +got):\n%s", version, diff)
		}
	}
}

func TestVersionsShareARendererAndDiffer(t *testing.T) {
	r := render.New()
	f := mainFeed(post("a"))
	old, err := r.At(render.Oldest)
	if err != nil {
		t.Fatal(err)
	}
	for _, x := range []struct {
		version int
		*render.Renderer
	}{{render.Version, r}, {render.Oldest, old}, {render.Version, r}} {
		docs, _, err := x.Documents(f)
		if err != nil {
			t.Fatal(err)
		}
		if want := fmt.Sprintf("<generator>feedpub %d</generator>", x.version); !strings.Contains(string(docs[0].Body), want) {
			t.Errorf("a document of version %d lacks %s", x.version, want)
		}
	}
	for _, version := range []int{render.Oldest - 1, render.Version + 1} {
		if _, err := r.At(version); !errors.Is(err, feed.ErrInvalid) {
			t.Errorf("At(%d): %v, want an error of kind %q", version, err, feed.ErrInvalid)
		}
	}
}

func TestTheStyleSheetSpeaksTheSitesLanguage(t *testing.T) {
	site := testSite()
	for language, want := range map[string]string{
		"en": "This is a web feed", "de-AT": "Das ist ein Webfeed", "es": "Esto es una fuente web",
		"fr": "Ceci est un flux web", "ja": "This is a web feed",
	} {
		site.Language = language
		css := string(render.New().StyleSheet(site).Body)
		if !strings.Contains(css, `content: "`+want) || strings.Contains(css, "{notice}") {
			t.Errorf("the style sheet of a site in %s does not say %q", language, want)
		}
		if css := string(renderer(t, 2).StyleSheet(site).Body); !strings.Contains(css, `content: "This is a web feed`) {
			t.Errorf("version 2 of the style sheet of a site in %s is not in English as it was", language)
		}
	}
}
