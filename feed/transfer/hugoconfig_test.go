package transfer

import (
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"feedpub/feed/intake"
)

// TestHugoLanguages checks the addresses, languages and visibility of posts in multilingual sites. The expected
// addresses are those that Hugo 0.147 generates.
func TestHugoLanguages(t *testing.T) {
	post := func(front string) string {
		return "---\ntitle: The Title\ndate: 2020-01-02\n" + front + "\n---\nWords.\n"
	}
	const base = "baseURL = 'https://b.example/sub/'\n"
	for _, tt := range []struct {
		name string
		site fstest.MapFS
		want []string
	}{
		{"languages in file names", files("hugo.toml", base+"[languages.en]\n[languages.fr]\n[languages.fr.permalinks]\nnotes='/n/:slug/'\n[permalinks]\nnotes='/:year/:slug/'",
			"content/notes/slug.md", post("slug: one/two"), "content/notes/slug.fr.md", post("slug: Trois Mots"), "content/posts/a.md", post(""),
			"content/posts/a.fr.md", post(""), "content/posts/b/index.fr.md", post(""), "content/posts/b/part.md", post(""), "content/posts/ext.de.md", post(""),
			"content/posts/url1.fr.md", post("url: /x/y"), "content/posts/url2.fr.md", post("url: x/z"), "content/posts/url3.md", post("url: /:year/:slug/q")),
			[]string{"notes/slug.fr.md fr https://b.example/sub/fr/n/trois-mots/", "notes/slug.md en https://b.example/sub/2020/one/two/",
				"posts/a.fr.md fr https://b.example/sub/fr/posts/a/", "posts/a.md en https://b.example/sub/posts/a/", "posts/b/index.fr.md fr https://b.example/sub/fr/posts/b/",
				"posts/ext.de.md en https://b.example/sub/posts/ext.de/", "posts/url1.fr.md fr https://b.example/sub/x/y/", "posts/url2.fr.md fr https://b.example/sub/fr/x/z/",
				"posts/url3.md en https://b.example/sub/2020/the-title/q/"}},
		{"languages in folders", files("config/_default/config.toml", base+"defaultContentLanguage = 'fr'\ndefaultContentLanguageInSubdir = true",
			"config/_default/languages.en.toml", "contentDir = 'content/en'", "config/_default/languages.fr.toml", "contentDir = 'content/fr'",
			"content/en/posts/a.md", post(""), "content/fr/posts/a.md", post(""), "content/base/posts/a.md", post(""), "content/en/posts/b.md", post("lang: nl")),
			[]string{"en/posts/a.md en https://b.example/sub/en/posts/a/", "en/posts/b.md nl https://b.example/sub/en/posts/b/", "fr/posts/a.md fr https://b.example/sub/fr/posts/a/"}},
		{"languages in folders of the site", files("hugo.toml", base+"[languages.en]\ncontentDir = 'texts/en'\n[languages.fr]\ncontentDir = 'texts/fr'\nbaseURL = 'https://f.example'", "content/x.md", post(""),
			"texts/en/posts/a.md", post(""), "texts/fr/posts/a.md", post(""), "README.md", post("")),
			[]string{"texts/en/posts/a.md en https://b.example/sub/posts/a/", "texts/fr/posts/a.md fr https://f.example/posts/a/"}},
		{"a single language in a subfolder", files("hugo.toml", base+"defaultContentLanguage = 'en-us'\ndefaultContentLanguageInSubdir = true\n[languages.en-us]", "content/posts/a.md", post("")),
			[]string{"posts/a.md  https://b.example/sub/en-us/posts/a/"}},
		{"disabled languages", files("hugo.toml", base+"disableLanguages = ['fr']\n[languages.en]\n[languages.fr]\n[languages.de]\ndisabled = true", "content/posts/a.md", post(""),
			"content/posts/a.fr.md", post(""), "content/posts/a.de.md", post("")), []string{"posts/a.md  https://b.example/sub/posts/a/"}},
		{"mounts", files("hugo.toml", base+"[languages.en]\n[languages.fr]\n[[module.mounts]]\nsource = 'blog'\ntarget = 'content/posts'\n[[module.mounts]]\nsource = 'blog-fr'\ntarget = 'content/posts'\nlang = 'fr'\n"+
			"[[module.mounts]]\nsource = '../other'\ntarget = 'content'\n[[module.mounts]]\nsource = 'static'\ntarget = 'static'", "archetypes/x.md", "", "content/posts/b.md", post(""),
			"blog/a.md", post(""), "blog/deep/c.md", post(""), "blog-fr/a.md", post("")),
			[]string{`note: the content folder "../other" is outside the site and is not read`, "blog/a.md en https://b.example/sub/posts/a/",
				"blog/deep/c.md en https://b.example/sub/posts/deep/c/", "blog-fr/a.md fr https://b.example/sub/fr/posts/a/"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var got []string
			for e, err := range (Options{}).ReadFolder(tt.site) {
				for _, note := range e.Notes {
					got = append(got, "note: "+note)
				}
				if err != nil {
					t.Errorf("%s: %v", e.Pos, err)
				}
				if e.Post == nil {
					continue
				}
				p, err := intake.Decode(e.Post.ID, e.Post.Raw)
				if err != nil {
					t.Errorf("%s: %v", e.Pos, err)
				}
				got = append(got, strings.Join([]string{p.ID, p.Language, p.URL}, " "))
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("ids, languages and addresses (-want +got):\n%s", diff)
			}
		})
	}
}

// TestHugoCascade checks that pages inherit the front matter of sections and of the site, as in Hugo 0.147. If a
// section marks its pages as not public, none of them is published.
func TestHugoCascade(t *testing.T) {
	post := func(front string) string { return "---\ntitle: T\ndate: 2020-01-02\n" + front + "\n---\nWords.\n" }
	index := func(cascade string) string { return "---\ntitle: Section\ncascade:\n" + cascade + "\n---\n" }
	const head = "baseURL = 'https://b.example/'\n[languages.en]\n[languages.fr]\n"
	for _, tt := range []struct {
		name string
		site fstest.MapFS
		want map[string]string
	}{
		{"section", files("hugo.toml", head, "content/s/_index.md", index("  draft: true"), "content/s/a.md", post(""), "content/s/b.md", post("draft: false"),
			"content/s/c.md", post("Draft: false"), "content/s/sub/d.md", post(""), "content/s/e.fr.md", post(""), "content/s/bundle/index.md", post(""), "content/other/f.md", post("")),
			map[string]string{"s/a.md": "draft", "s/b.md": "", "s/c.md": "", "s/sub/d.md": "draft", "s/e.fr.md": "", "s/bundle/index.md": "draft", "other/f.md": ""}},
		{"closest section", files("hugo.toml", head, "content/s/_index.md", index("  Draft: true"), "content/s/sub/_index.md", index("  draft: false"), "content/s/sub/a.md", post(""), "content/s/sub/x/b.md", post("")),
			map[string]string{"s/sub/a.md": "", "s/sub/x/b.md": ""}},
		{"home", files("hugo.toml", head, "content/_index.md", index("  private: true"), "content/s/a.md", post("")), map[string]string{"s/a.md": "private"}},
		{"language of the section", files("hugo.toml", head, "content/s/_index.fr.md", index("  draft: true"), "content/s/a.md", post(""), "content/s/a.fr.md", post("")),
			map[string]string{"s/a.md": "", "s/a.fr.md": "draft"}},
		{"targets", files("hugo.toml", head, "content/s/_index.md", index("- target: {path: '/s/old/**'}\n  draft: true\n- _target: {kind: section}\n  draft: true\n- target: {lang: fr}\n  draft: true\n"+
			"- target: {environment: development}\n  draft: true\n- target: {path: '{/s/x,/s/y}', kind: '{page,home}'}\n  password: z"),
			"content/s/old/a.md", post(""), "content/s/new.md", post(""), "content/s/y.md", post(""), "content/s/z.md", post("")),
			map[string]string{"s/old/a.md": "draft", "s/new.md": "", "s/y.md": "private", "s/z.md": ""}},
		{"invalid target", files("hugo.toml", head, "content/s/_index.md", index("- target: {path: '{{'}\n  draft: true"), "content/s/a.md", post("")), map[string]string{"s/a.md": "draft"}},
		{"site", files("hugo.toml", "baseURL = 'https://b.example/'\n[[cascade]]\nexpiryDate = 2020-01-01\n[cascade.target]\npath = '/s/**'", "content/s/a.md", post(""), "content/t/a.md", post("")),
			map[string]string{"s/a.md": "draft", "t/a.md": ""}},
		{"build options", files("hugo.toml", head, "content/s/_index.md", index("  build: {render: never}"), "content/s/a.md", post("")), map[string]string{"s/a.md": "draft"}},
		{"broken section", files("hugo.toml", head, "content/s/_index.md", "---\ncascade: [\n---\n", "content/s/a.md", post("")), map[string]string{"s/a.md": "rejected"}},
		{"unknown value", files("hugo.toml", head, "content/s/_index.md", index("  draft: perhaps"), "content/s/a.md", post("")), map[string]string{"s/a.md": "rejected"}},
	} {
		got := map[string]string{}
		for e, err := range (Options{}).ReadFolder(tt.site) {
			switch {
			case err != nil:
				got[e.Pos] = "rejected"
			case e.Post != nil:
				p, err := intake.Decode(e.Post.ID, e.Post.Raw)
				if err != nil {
					t.Errorf("%s: %s: %v", tt.name, e.Pos, err)
				}
				got[e.Pos] = string(p.Status)
			}
		}
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("%s: statuses (-want +got):\n%s", tt.name, diff)
		}
	}
}

// TestHugoFiles checks which content files are posts, and their dates.
func TestHugoFiles(t *testing.T) {
	const config = "baseURL = 'b.example'\ntimeZone = 'America/New_York'\n"
	for _, tt := range []struct {
		name string
		site fstest.MapFS
		want []string
	}{
		{"files", files("hugo.toml", config, "content/s/a.md", "Words.", "content/s/b.html", "<p>Words.</p>", "content/s/c.txt", "x", "content/s/d.json", "{}", "content/s/e.org", "* x",
			"content/s/g/index.md", "Words.", "content/s/g/part.md", "x", "content/s/g/deep/part.html", "x", "content/s/g/deep/index.md", "x", "content/s/_content.gotmpl", "x"),
			[]string{`note: the site's URL "b.example" has no scheme; using https://b.example`, "s/a.md |  |  | https://b.example/s/a/", "s/b.html |  |  | https://b.example/s/b/",
				"error: s/e.org: the format .org cannot be read; convert the post to Markdown or HTML: invalid", "s/g/index.md |  |  | https://b.example/s/g/"}},
		{"dates", files("hugo.toml", "baseURL = 'https://b.example'\ntimeZone = 'America/New_York'\n", "content/s/a.md", "---\ndate: 2020-01-02\n---\n", "content/s/b.md", "---\nlastmod: 2020-01-02T03:04:05Z\n---\n",
			"content/s/c.md", "---\npublished: true\nmodified: 2020-01-03\n---\n"), []string{"s/a.md |  | 2020-01-02T05:00:00Z | https://b.example/s/a/",
			"s/b.md |  | 2020-01-02T03:04:05Z | https://b.example/s/b/", "s/c.md |  | 2020-01-03T05:00:00Z | https://b.example/s/c/"}},
		{"configured dates", files("hugo.toml", "baseURL = 'https://b.example'\ndisablePathToLower = true\n[frontmatter]\ndate = [':filename', 'written', ':default']", "content/s/2019-03-04-A%20b.md", "---\ndate: 2020-01-02\n---\n",
			"content/s/B.md", "---\nwritten: 2018-01-01\ndate: 2020-01-02\n---\n"), []string{"s/2019-03-04-A%20b.md |  | 2019-03-04T00:00:00Z | https://b.example/s/A-b/", "s/B.md |  | 2018-01-01T00:00:00Z | https://b.example/s/B/"}},
		{"without accents", files("hugo.toml", "baseURL = 'https://b.example'\nremovePathAccents = true\n[permalinks]\np = '/:year/:slug/'\n",
			"content/p/a.md", "---\ntitle: Été à Łódź\ndate: 2020-01-02\n---\n", "content/s/naïve.md", "Words."),
			[]string{"p/a.md | Été à Łódź | 2020-01-02T00:00:00Z | https://b.example/2020/ete-a-%C5%82odz/", "s/naïve.md |  |  | https://b.example/s/naive/"}},
		{"bytes that are not UTF-8", files("hugo.toml", "baseURL = 'https://b.example'\n", "content/s/a.md", "---\ntitle: Th\xe9 sea, élan\n---\n"),
			[]string{`note: s/a.md: not UTF-8: "\ntitle: Th\xe9 sea, él"; such bytes are read as Windows-1252`, "s/a.md | Thé sea, élan |  | https://b.example/s/a/"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, site(t, Options{}, tt.site)); diff != "" {
				t.Errorf("posts and notes (-want +got):\n%s", diff)
			}
		})
	}
}

// TestHugoReferences checks that references between posts of a multilingual site use the URL in the language of the
// referring post.
func TestHugoReferences(t *testing.T) {
	fsys := files("hugo.toml", "baseURL = 'https://b.example/'\n[languages.en]\ncontentDir = 'content/en'\n[languages.fr]\ncontentDir = 'content/fr'",
		"content/en/posts/a.md", "[x]({{< ref \"b\" >}}) [y]({{< relref \"/posts/b.md#z\" >}})", "content/en/posts/b.md", "B",
		"content/fr/posts/a.md", "[x]({{< ref \"b.md\" >}}) [y]({{< ref \"/posts/c\" >}})", "content/fr/posts/b.md", "B", "content/en/posts/c.md", "C")
	want := map[string]string{
		"en/posts/a.md": "[x](https://b.example/posts/b/) [y](https://b.example/posts/b/#z)",
		"fr/posts/a.md": "[x](https://b.example/fr/posts/b/) [y](https://b.example/posts/c/)",
	}
	for e, err := range (Options{}).ReadFolder(fsys) {
		if err != nil {
			t.Errorf("%s: %v", e.Pos, err)
			continue
		}
		p, err := intake.Decode(e.Post.ID, e.Post.Raw)
		if want, ok := want[p.ID]; ok && (err != nil || p.ContentMarkdown != want) {
			t.Errorf("%s: got %q and error %v, want %q", p.ID, p.ContentMarkdown, err, want)
		}
	}
}
