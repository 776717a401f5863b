package render_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/xml"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/net/html"
	"golang.org/x/net/html/atom"

	"feedpub/feed"
	"feedpub/feed/build"
	"feedpub/feed/render"
)

// page renders the feed as a page.
func page(t *testing.T, f feed.Feed) feed.Document {
	t.Helper()
	d, err := render.New().Page(f)
	if err != nil {
		t.Fatalf("Page: %v", err)
	}
	if d.Format != feed.HTML || d.Hash != feed.HashOf(d.Body) {
		t.Errorf("Page returned format %s and hash %s, want HTML and the hash of the body", d.Format, d.Hash)
	}
	return d
}

// entries returns an unsorted list of feeds with an archive and a duplicate.
func entries() []render.Entry {
	return []render.Entry{
		{Name: feed.Join(feed.Tags, "zürich"), Title: "Front Page: Zürich", Label: "Zürich",
			Description: "Posts of Front Page tagged “Zürich”"},
		{Name: feed.Join(feed.Sources, "the-guardian"), Title: "Front Page: quoted from The Guardian", Label: "The Guardian",
			Updated: date(2014, 6, 17, 9, 30), Posts: 1},
		{Name: "links", Title: "Links & <more>", Description: "What we read",
			Formats: []feed.Format{feed.JSON, feed.Atom}},
		{Name: feed.Main, Title: "Front Page", Description: "What the papers say", Updated: date(2014, 6, 16, 9, 30), Posts: 1234},
		{Name: feed.Join(feed.Authors, "steve"), Title: "Front Page: posts by Steve", Label: "Steve"},
		{Name: feed.Main.Archive(1), Title: "Front Page"},
		{Name: feed.Join(feed.Tags, "go"), Title: "Front Page: Go", Label: "go"},
		{Name: "links", Title: "Links, listed twice"},
	}
}

// newest returns the newest posts of the index: one with credits, one without a title, and one that cannot be rendered.
func newest() []*feed.Item {
	return []*feed.Item{
		post("quoting", guardian, func(i *feed.Item) {
			i.Feeds = []feed.Name{"authors/steve", "sources/the-guardian"}
			i.Authors = []feed.Author{{Name: "Steve"}, {Name: "Ann", URL: "https://ann.example.org/"}}
		}),
		post("note", titled(""), at(date(2014, 6, 16, 8, 0)), func(i *feed.Item) { i.Language = "he" }),
		post("bad", titled("a\x00b")),
	}
}

func TestGoldenPages(t *testing.T) {
	names := []string{
		"tags-and-quotes", "right-to-left-and-emoji", "short-link-posts", "archive", "empty", "attachments",
	}
	pages := map[string][]byte{}
	for _, fx := range fixtures() {
		if slices.Contains(names, fx.name) {
			pages[fx.name+".html"] = page(t, fx.feed).Body
		}
	}
	index, err := render.New().Index(testSite(), entries(), newest())
	if err != nil {
		t.Fatal(err)
	}
	opml, err := render.OPML(testSite(), entries())
	if err != nil {
		t.Fatal(err)
	}
	errorPages, err := render.New().ErrorPages(testSite())
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range errorPages {
		pages[d.Format.File()] = d.Body
	}
	pages["index.html"], pages["feeds.opml"] = index.Body, opml.Body
	pages["snippet.html"] = []byte(render.Snippet(testSite(), entries()[2:4], func(n feed.Name, f feed.Format) string {
		return render.URL(testSite(), n, f)
	}))
	// Golden files do not include the style sheet.
	style := regexp.MustCompile(`(?s)<style>.*</style>`)
	for name, got := range pages {
		got = style.ReplaceAll(got, []byte("<style></style>"))
		file := filepath.Join("testdata", "pages", name)
		if *update {
			if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(file, got, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(file)
		if err != nil {
			t.Fatalf("no golden file; run go test -update: %v", err)
		}
		if diff := cmp.Diff(string(want), string(got)); diff != "" {
			t.Errorf("%s differs from the golden file; an intended change needs a new render.Version (-want +got):\n%s",
				file, diff)
		}
	}
}

// elements returns the descendants of n that are elements with the name, or all elements if name is 0.
func elements(n *html.Node, name atom.Atom) (list []*html.Node) {
	for d := range n.Descendants() {
		if d.Type == html.ElementNode && (name == 0 || d.DataAtom == name) {
			list = append(list, d)
		}
	}
	return list
}

func attribute(n *html.Node, key string) string {
	for _, a := range n.Attr {
		if a.Key == key {
			return a.Val
		}
	}
	return ""
}

func parsePage(t *testing.T, d feed.Document) *html.Node {
	t.Helper()
	doc, err := html.Parse(bytes.NewReader(d.Body))
	if err != nil {
		t.Fatal(err)
	}
	return doc
}

// hostile is HTML that the sanitizer would remove.
const hostile = `</div></article></main><script>alert(1)</script><style>*{display:none}</style>` +
	`<p id="content" class="skip" style="color:red" onclick="x()">a</p>
<!--p-0--><iframe src="https://evil.example/"></iframe><form action="/x"><input name=q></form>` +
	`<svg><script>x</script></svg><h1>Head</h1><main>m</main>
<a href="https://example.org/" target=_blank accesskey=x>link</a>` +
	`<img src="https://example.org/a.png" onerror=x()><textarea><base href="https://evil.example/"><!-- `

func TestPageHostileContent(t *testing.T) {
	f := mainFeed(
		post("a", func(i *feed.Item) { i.HTML = hostile }),
		post("b", titled(hostile), at(date(2014, 6, 16, 8, 0)), func(i *feed.Item) {
			i.Authors = []feed.Author{{Name: hostile, URL: "javascript:alert(1)"}}
			i.Tags, i.Language = []string{hostile}, `"><script>`
			i.Via = []feed.Via{{Name: hostile, URL: "javascript:alert(1)"}}
			i.URL = "javascript:alert(1)"
		}),
		post("c", at(date(2014, 6, 15, 8, 0))),
	)
	doc := parsePage(t, page(t, f))
	main := elements(doc, atom.Main)
	if len(main) != 1 {
		t.Fatalf("the page has %d main elements, want 1", len(main))
	}
	var articles int
	for c := range main[0].ChildNodes() {
		switch {
		case c.Type == html.TextNode && strings.TrimSpace(c.Data) == "", c.Type == html.CommentNode:
		case c.DataAtom == atom.Article:
			articles++
		default:
			t.Errorf("<main> contains %q besides articles", c.Data)
		}
	}
	if articles != 3 {
		t.Errorf("the page has %d articles, want 3: a post closed its own article", articles)
	}
	ids := map[string]bool{}
	for _, e := range elements(doc, 0) {
		if slices.Contains(strings.Fields("script iframe form input svg base textarea object"), e.Data) ||
			e.Data == "style" && e.Parent.Data != "head" {
			t.Errorf("the page contains <%s>", e.Data)
		}
		for _, a := range e.Attr {
			if strings.HasPrefix(a.Key, "on") || slices.Contains(strings.Fields("style target accesskey"), a.Key) ||
				strings.HasPrefix(a.Val, "javascript:") {
				t.Errorf("the page contains <%s %s=%q>", e.Data, a.Key, a.Val)
			}
		}
		if id := attribute(e, "id"); id != "" && ids[id] {
			t.Errorf("two elements have the id %q", id)
		} else if id != "" {
			ids[id] = true
		}
	}
	if n := len(elements(doc, atom.H1)); n != 1 {
		t.Errorf("the page has %d h1 elements, want 1", n)
	}
}

func FuzzPageContent(f *testing.F) {
	f.Add(hostile)
	f.Add(`<table><p><tr><td><a><table></a></article>`)
	f.Add(`<h1>a</h1><h3>b</h3><math><mi></article>`)
	f.Fuzz(func(t *testing.T, content string) {
		fd := mainFeed(post("a", func(i *feed.Item) { i.HTML = content }), post("b", at(date(2014, 6, 16, 8, 0))))
		if docs, rejected, err := render.New().Documents(fd); err != nil || len(rejected) > 0 || len(docs) != 3 {
			return
		}
		d, err := render.New().Page(fd)
		if err != nil {
			t.Fatalf("Page: %v", err)
		}
		articles := elements(parsePage(t, d), atom.Article)
		if len(articles) != 2 || articles[0].Parent != articles[1].Parent || articles[0].Parent.DataAtom != atom.Main {
			t.Errorf("with the content %q, the page has %d articles, want 2 in <main>:\n%s", content, len(articles), d.Body)
		}
		rest, err := render.Remove(d, []string{"a", "b"}, []string{"a"})
		if err != nil || bytes.Count(rest.Body, []byte("<article")) != 1 ||
			bytes.Contains(rest.Body, []byte("<!--p-ca978112ca1bbdcafac231b39a23dc4d")) {
			t.Errorf("with the content %q, Remove fails or does not remove the post: %v", content, err)
		}
	})
}

func TestPolicy(t *testing.T) {
	index, err := render.New().Index(testSite(), entries(), newest())
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range []feed.Document{page(t, mainFeed(post("a"))), page(t, mainFeed()), index} {
		_, style, _ := strings.Cut(string(d.Body), "<style>")
		style, _, _ = strings.Cut(style, "</style>")
		sum := sha256.Sum256([]byte(style))
		policy := d.Policy
		if want := "style-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "';"; !strings.Contains(policy, want) {
			t.Errorf("the policy %q does not contain %s", policy, want)
		}
	}
	policy := index.Policy
	for _, want := range []string{
		"default-src 'none'", "img-src 'self' https:", "base-uri 'none'", "form-action 'none'", "frame-ancestors 'none'",
	} {
		if !strings.Contains(policy, want) {
			t.Errorf("the policy %q does not contain %s", policy, want)
		}
	}
	if strings.Contains(policy, "unsafe") || strings.Contains(policy, "script-src") {
		t.Errorf("the policy %q allows scripts or unsafe sources", policy)
	}
	docs, _, err := render.New().Documents(mainFeed(post("a")))
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range docs {
		if d.Policy != "" {
			t.Errorf("documents of format %s have the policy %q, want none", d.Format, d.Policy)
		}
	}
}

func TestPageItems(t *testing.T) {
	good, bad := post("good"), post("bad", func(i *feed.Item) {
		// JSON has no NaN.
		i.Attachments = []feed.Attachment{{URL: "https://blog.example.org/a", DurationInSeconds: math.NaN()}}
	})
	f := mainFeed(good)
	f.Items = append(f.Items, bad, good, nil)
	if diff := cmp.Diff(string(page(t, mainFeed(good)).Body), string(page(t, f).Body)); diff != "" {
		t.Errorf("page of a feed with rejected items (-want +got):\n%s", diff)
	}
	f.Title = "a\x00b"
	if _, err := render.New().Page(f); !errors.Is(err, feed.ErrInvalid) {
		t.Errorf("Page of a feed with a control character in its title = %v, want an error of kind %v", err, feed.ErrInvalid)
	}
}

func TestPageSubscribeLinks(t *testing.T) {
	f := build.Feed(testSite(), feed.Join(feed.Tags, "go"), "Go", []*feed.Item{post("a")}, time.Time{})
	f.Formats = []feed.Format{feed.JSON, feed.RSS}
	docs, _, err := render.New().Documents(f)
	if err != nil || len(docs) != 2 || docs[0].Format != feed.RSS || docs[1].Format != feed.JSON {
		t.Errorf("documents of a feed with the formats RSS and JSON are %v, %v; want one in each format", docs, err)
	}
	doc := parsePage(t, page(t, f))
	var discovered, shown []string
	for _, l := range elements(doc, atom.Link) {
		if attribute(l, "rel") == "alternate" {
			discovered = append(discovered, attribute(l, "type")+" "+attribute(l, "href"))
		}
	}
	for _, c := range elements(doc, atom.Code) {
		shown = append(shown, c.FirstChild.Data)
	}
	const rss, json = "https://feeds.example.org/tags/go/feed.xml", "https://feeds.example.org/tags/go/feed.json"
	want := []string{"application/rss+xml " + rss, "application/feed+json " + json}
	if diff := cmp.Diff(want, discovered); diff != "" {
		t.Errorf("link elements (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{rss, json}, shown); diff != "" {
		t.Errorf("URLs in the text (-want +got):\n%s", diff)
	}
}

func TestPageAccessibility(t *testing.T) {
	hebrew := testSite()
	hebrew.Language = "he"
	japanese := testSite()
	japanese.Language = "ja"
	index, err := render.New().Index(japanese, entries(), newest())
	if err != nil {
		t.Fatal(err)
	}
	for name, tt := range map[string]struct {
		page      feed.Document
		lang, dir string
	}{
		"english":  {page(t, mainFeed(post("a", guardian))), "en", "ltr"},
		"hebrew":   {page(t, build.Feed(hebrew, feed.Main, "", []*feed.Item{post("a")}, time.Time{})), "he", "rtl"},
		"index":    {index, "ja", "ltr"},
		"no posts": {page(t, mainFeed()), "en", "ltr"},
	} {
		doc := parsePage(t, tt.page)
		root := elements(doc, atom.Html)[0]
		if attribute(root, "lang") != tt.lang || attribute(root, "dir") != tt.dir {
			t.Errorf("%s: lang and dir are %q and %q, want %q and %q",
				name, attribute(root, "lang"), attribute(root, "dir"), tt.lang, tt.dir)
		}
		for _, landmark := range []atom.Atom{atom.Header, atom.Main, atom.Footer, atom.H1, atom.Title} {
			if n := len(elements(doc, landmark)); n != 1 {
				t.Errorf("%s: the page has %d <%s>, want 1", name, n, landmark)
			}
		}
		for _, nav := range elements(doc, atom.Nav) {
			if attribute(nav, "aria-label") == "" {
				t.Errorf("%s: a nav element has no aria-label", name)
			}
		}
		level := 0
		for _, e := range elements(doc, 0) {
			if len(e.Data) == 2 && e.Data[0] == 'h' && e.Data[1] >= '1' && e.Data[1] <= '6' {
				if next := int(e.Data[1] - '0'); next > level+1 {
					t.Errorf("%s: a heading of level %d follows a heading of level %d", name, next, level)
				} else {
					level = next
				}
			}
			if e.DataAtom == atom.A && strings.TrimSpace(attribute(e, "aria-label")) == "" && len(elements(e, 0)) == 0 &&
				(e.FirstChild == nil || strings.TrimSpace(e.FirstChild.Data) == "") {
				t.Errorf("%s: a link has no text", name)
			}
		}
		skip := elements(doc, atom.A)[0]
		target := strings.TrimPrefix(attribute(skip, "href"), "#")
		if attribute(elements(doc, atom.Main)[0], "id") != target {
			t.Errorf("%s: the first link is to %q, want the id of <main>", name, target)
		}
		english := strings.Contains(string(tt.page.Body), "Skip to content")
		if english && tt.lang != "en" && attribute(skip, "lang") != "en" {
			t.Errorf("%s: English words on a page in %s have no lang attribute", name, tt.lang)
		}
	}
}

// TestColorContrast checks the contrast ratio (WCAG 2.2) of every text color on every background color.
func TestColorContrast(t *testing.T) {
	css, err := os.ReadFile("pages/page.css")
	if err != nil {
		t.Fatal(err)
	}
	luminance := func(hex string) float64 {
		n, err := strconv.ParseUint(hex, 16, 32)
		if err != nil {
			t.Fatal(err)
		}
		var sum float64
		for i, weight := range []float64{0.2126, 0.7152, 0.0722} {
			c := float64(n>>(16-8*i)&255) / 255
			if c <= 0.04045 {
				c /= 12.92
			} else {
				c = math.Pow((c+0.055)/1.055, 2.4)
			}
			sum += weight * c
		}
		return sum
	}
	schemes := regexp.MustCompile(`(--\w+: #[0-9a-f]{6}; ?){6}`).FindAllString(string(css), -1)
	if len(schemes) != 2 {
		t.Fatalf("the style sheet has %d color schemes, want 2: light and dark", len(schemes))
	}
	for _, scheme := range schemes {
		color := map[string]float64{}
		for _, m := range regexp.MustCompile(`--(\w+): #([0-9a-f]{6})`).FindAllStringSubmatch(scheme, -1) {
			color[m[1]] = luminance(m[2])
		}
		for _, text := range []string{"ink", "quiet", "link"} {
			for _, background := range []string{"paper", "card"} {
				a, b := color[text], color[background]
				if ratio := (max(a, b) + 0.05) / (min(a, b) + 0.05); ratio < 4.5 {
					t.Errorf("%s on %s has a contrast ratio of %.2f, want at least 4.5, in %s", text, background, ratio, scheme)
				}
			}
		}
	}
}

func TestListOrder(t *testing.T) {
	reversed := entries()[:7]
	slices.Reverse(reversed)
	for name, list := range map[string]func([]render.Entry) (feed.Document, error){
		"Index": func(e []render.Entry) (feed.Document, error) { return render.New().Index(testSite(), e, newest()) },
		"OPML":  func(e []render.Entry) (feed.Document, error) { return render.OPML(testSite(), e) },
	} {
		want, err1 := list(entries()[:7])
		got, err2 := list(reversed)
		if err1 != nil || err2 != nil || want.Hash != got.Hash {
			t.Errorf("%s depends on the order of the list: %v, %v", name, err1, err2)
		}
	}
}

func TestOPML(t *testing.T) {
	d, err := render.OPML(testSite(), entries())
	if err != nil {
		t.Fatal(err)
	}
	type outline struct {
		Type     string    `xml:"type,attr"`
		Text     string    `xml:"text,attr"`
		XMLURL   string    `xml:"xmlUrl,attr"`
		Outlines []outline `xml:"outline"`
	}
	var opml struct {
		Version string    `xml:"version,attr"`
		Title   string    `xml:"head>title"`
		Body    []outline `xml:"body>outline"`
	}
	if err := xml.Unmarshal(d.Body, &opml); err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, o := range opml.Body {
		for _, feed := range append([]outline{o}, o.Outlines...) {
			if feed.Type == "rss" {
				got = append(got, feed.Text+" "+strings.TrimPrefix(feed.XMLURL, "https://feeds.example.org"))
			}
		}
	}
	want := []string{"Front Page /feed.xml", "Links & <more> /links/atom.xml", "Front Page: Go /tags/go/feed.xml",
		"Front Page: Zürich /tags/z%C3%BCrich/feed.xml", "Front Page: posts by Steve /authors/steve/feed.xml",
		"Front Page: quoted from The Guardian /sources/the-guardian/feed.xml"}
	if diff := cmp.Diff(want, got); diff != "" || opml.Version != "2.0" || opml.Title != "Front Page" {
		t.Errorf("OPML version %s with the title %q; feeds (-want +got):\n%s", opml.Version, opml.Title, diff)
	}
	empty, err := render.OPML(testSite(), nil)
	if err != nil || !strings.Contains(string(empty.Body), "<outline") {
		t.Errorf("OPML of no feeds = %v; want a body with the required outline:\n%s", err, empty.Body)
	}
	if _, err := render.OPML(testSite(), []render.Entry{{Name: "x", Title: "\x00"}}); !errors.Is(err, feed.ErrInvalid) {
		t.Errorf("OPML with a control character = %v, want an error of kind %v", err, feed.ErrInvalid)
	}
	_, err = render.New().Index(testSite(), []render.Entry{{Name: "x", Title: "\x00"}}, nil)
	if !errors.Is(err, feed.ErrInvalid) {
		t.Errorf("Index with a control character = %v, want an error of kind %v", err, feed.ErrInvalid)
	}
}

func TestPagePaths(t *testing.T) {
	tag := feed.Join(feed.Tags, "go")
	for want, got := range map[string]string{
		"/":                             feed.Pages.Path(feed.HTML),
		"/feeds.opml":                   feed.Pages.Path(feed.OPML),
		"/feed.css":                     feed.Pages.Path(feed.CSS),
		"/main/":                        feed.Main.Path(feed.HTML),
		"/tags/go/":                     tag.Path(feed.HTML),
		"/archive/2/":                   feed.Main.Archive(2).Path(feed.HTML),
		"/archive/2/feed.xml":           feed.Main.Archive(2).Path(feed.RSS),
		"/tags/go/archive/10/feed.json": tag.Archive(10).Path(feed.JSON),
	} {
		if got != want {
			t.Errorf("path %q, want %q", got, want)
		}
	}
	if family, slug := tag.Archive(3).Split(); family != feed.Tags || slug != "go" {
		t.Errorf("Split of an archive of %s = %q, %q; want the tag family and \"go\"", tag, family, slug)
	}
	if family, slug := feed.Main.Archive(3).Split(); family != "" || slug != string(feed.Main) {
		t.Errorf("Split of an archive of the main feed = %q, %q; want no family and the main feed's name", family, slug)
	}
}

func TestStyleSheetPath(t *testing.T) {
	f := mainFeed(post("a"))
	for base, want := range map[string]string{
		"https://feeds.example.org":             "/feed.css",
		"https://example.org/blog/":             "/blog/feed.css",
		"https://example.org/a&b/ü":             "/a&#x26;b/%C3%BC/feed.css",
		"http://127.0.0.1:8080/?>%3C?\"<script": "/feed.css",
	} {
		f.Site.BaseURL = base
		docs := render1(t, f)
		for _, format := range []feed.Format{feed.RSS, feed.Atom} {
			got := strings.Split(docs[format], "\n")[1]
			if want := `<?xml-stylesheet type="text/css" href="` + want + `"?>`; got != want {
				t.Errorf("with the base URL %s, the second line of %s is %q, want %q", base, format, got, want)
			}
		}
	}
	if d := render.New().StyleSheet(f.Site, true); d.Format != feed.CSS || len(d.Body) == 0 {
		t.Errorf("StyleSheet = %v, want a CSS document that is not empty", d)
	}
}

// TestIndexOfManyFeeds checks that the index lists only the largest feeds of a family in full, and links to the others.
func TestIndexOfManyFeeds(t *testing.T) {
	var list []render.Entry
	for i := range 60 {
		label := fmt.Sprintf("t%02d", i)
		list = append(list, render.Entry{Name: feed.Join(feed.Tags, label), Title: label, Label: label, Posts: 1 + i})
	}
	index := func(list []render.Entry) *html.Node {
		d, err := render.New().Index(testSite(), list, nil)
		if err != nil {
			t.Fatal(err)
		}
		return parsePage(t, d)
	}
	doc := index(list)
	var full, rest []string
	for _, a := range elements(doc, atom.A) {
		switch {
		case attribute(a, "class") == "name":
			full = append(full, a.FirstChild.Data)
		case a.Parent.Parent.Parent.DataAtom == atom.Details:
			rest = append(rest, a.FirstChild.Data+" "+attribute(a, "href"))
		}
	}
	if len(full) != 50 || full[0] != "t10" || full[49] != "t59" {
		t.Errorf("the index lists %q in full, want the 50 largest feeds, t10 to t59", full)
	}
	if len(rest) != 10 || rest[0] != "t00 https://feeds.example.org/tags/t00/" {
		t.Errorf("the collapsed list has %q, want the other ten feeds, t00 to t09", rest)
	}
	if summary := elements(doc, atom.Summary); len(summary) != 1 || summary[0].FirstChild.Data != "More (10)" {
		t.Errorf("the index has %d summaries, want one that says how many feeds follow", len(summary))
	}
	if n := len(elements(index(list[:50]), atom.Details)); n != 0 {
		t.Errorf("the index of 50 tags has %d collapsed lists, want none", n)
	}
}
