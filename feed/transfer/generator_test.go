package transfer

import (
	"fmt"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"feedpub/feed/intake"
)

// files returns a folder with the given files. The arguments alternate between names and contents.
func files(pairs ...string) fstest.MapFS {
	m := fstest.MapFS{}
	for i := 0; i < len(pairs); i += 2 {
		m[pairs[i]] = &fstest.MapFile{Data: []byte(pairs[i+1])}
	}
	return m
}

// addresses reads a folder and returns the URLs of its posts by id.
func addresses(t *testing.T, o Options, fsys fstest.MapFS) map[string]string {
	t.Helper()
	got := map[string]string{}
	for e, err := range o.ReadFolder(fsys) {
		switch {
		case err != nil:
			t.Errorf("%s: %v", e.Pos, err)
		case e.Post != nil:
			p, err := intake.Decode(e.Post.ID, e.Post.Raw)
			if err != nil {
				t.Errorf("%s: %v", e.Pos, err)
			}
			got[e.Post.ID] = p.URL
		}
	}
	return got
}

// TestHugoAddresses checks that posts have the addresses that Hugo's documentation defines.
func TestHugoAddresses(t *testing.T) {
	post := "---\ntitle: The Sea & I\ndate: 2020-03-04T23:30:00-05:00\n---\nWords.\n"
	for _, tt := range []struct {
		name    string
		options Options
		site    fstest.MapFS
		want    map[string]string
	}{
		{"by path", Options{}, files("hugo.toml", "baseURL = 'https://b.example/blog/'",
			"content/posts/Sea Walk.md", post, "content/posts/2020/deep.md", post, "content/posts/bundle/index.md", post,
			"content/posts/bundle/part.md", "A part.", "content/posts/_index.md", post, "content/dated.md", post, "content/about.md", "# About",
		), map[string]string{
			"posts/Sea Walk.md": "https://b.example/blog/posts/sea-walk/", "posts/2020/deep.md": "https://b.example/blog/posts/2020/deep/",
			"posts/bundle/index.md": "https://b.example/blog/posts/bundle/", "dated.md": "https://b.example/blog/dated/",
		}},
		{"slug and url", Options{}, files("config.yaml", "baseurl: https://b.example",
			"content/posts/a.md", "---\nslug: Other Name\n---\n", "content/posts/b.md", "---\nurl: /old/b\n---\n", "content/posts/c.md", "---\nURL: old/c.html\n---\n",
			"content/posts/d.md", "+++\nurl = 'https://elsewhere.example/d'\n+++\n", "content/posts/é.md", "---\nslug: élan\n---\n",
		), map[string]string{
			"posts/a.md": "https://b.example/posts/other-name/", "posts/b.md": "https://b.example/old/b/", "posts/c.md": "https://b.example/old/c.html",
			"posts/d.md": "https://elsewhere.example/d", "posts/é.md": "https://b.example/posts/%C3%A9lan/",
		}},
		{"patterns", Options{}, files("hugo.yaml", "baseURL: https://b.example/\npermalinks:\n  posts: /:year/:month/:day/:title/\n  notes: /n/:slugorfilename\n"+
			"  deep: /:sections[1:]/:filename/\n  names: /:monthname/:weekdayname/:yearday/:06/:slug",
			"content/posts/a.md", post, "content/notes/My_Note.md", "---\ntitle: x\n---\n", "content/notes/b.md", "---\nslug: bee\n---\n",
			"content/deep/one/_index.md", "", "content/deep/one/two/a.md", post, "content/names/a.md", post, "content/posts/undated.md", "---\ntitle: x\n---\n",
		), map[string]string{
			"posts/a.md": "https://b.example/2020/03/04/the-sea-i/", "notes/My_Note.md": "https://b.example/n/my_note/", "notes/b.md": "https://b.example/n/bee/",
			"deep/one/two/a.md": "https://b.example/one/a/", "names/a.md": "https://b.example/march/wednesday/64/20/the-sea-i/", "posts/undated.md": "",
		}},
		{"patterns by kind, in a folder of configuration", Options{}, files("config/_default/hugo.toml", "baseURL = 'http://localhost/'",
			"config/production/hugo.toml", "baseURL = 'https://b.example/'", "config/_default/permalinks.toml", "[page]\nposts = '/:slug/'\n[section]\nposts = '/p/'",
			"content/posts/a.md", post,
		), map[string]string{"posts/a.md": "https://b.example/the-sea-i/"}},
		{"ugly", Options{}, files("hugo.toml", "baseURL = 'https://b.example/'\nuglyURLs = true", "content/posts/a.md", post,
			"content/posts/bundle/index.md", post), map[string]string{
			"posts/a.md": "https://b.example/posts/a.html", "posts/bundle/index.md": "https://b.example/posts/bundle.html"}},
		{"ugly in one section", Options{}, files("hugo.toml", "baseURL = 'https://b.example/'\n[uglyURLs]\nposts = true\n",
			"content/posts/a.md", post, "content/notes/a.md", post), map[string]string{
			"posts/a.md": "https://b.example/posts/a.html", "notes/a.md": "https://b.example/notes/a/"}},
		{"dates in names", Options{}, files("hugo.toml", "baseURL = 'https://b.example/'\n[frontmatter]\ndate = [':filename', ':default']\n[permalinks]\nposts = '/:year/:slug'",
			"content/posts/2015-01-02-hello.md", "Words."), map[string]string{"posts/2015-01-02-hello.md": "https://b.example/2015/hello/"}},
		{"without an address", Options{}, files("hugo.toml", "", "content/posts/a.md", post), map[string]string{"posts/a.md": "/posts/a/"}},
		{"with another address", Options{BaseURL: "https://new.example/"}, files("hugo.toml", "baseURL = 'https://b.example/'", "content/posts/a.md", post),
			map[string]string{"posts/a.md": "https://new.example/posts/a/"}},
		{"another folder", Options{}, files("hugo.toml", "baseURL = 'https://b.example/'\ncontentDir = 'texts'", "texts/posts/a.md", post, "content/b/x.md", post),
			map[string]string{"posts/a.md": "https://b.example/posts/a/"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, addresses(t, tt.options, tt.site)); diff != "" {
				t.Errorf("addresses by file (-want +got):\n%s", diff)
			}
		})
	}
}

// TestJekyllAddresses checks that posts have the addresses that Jekyll's documentation defines.
func TestJekyllAddresses(t *testing.T) {
	const name, id = "_posts/2016-02-03-My_First Post.md", "_posts/2016-02-03-My_First Post.md"
	post := "---\ntitle: x\ncategories: Travel Far\n---\nWords.\n"
	base := "url: https://b.example\nbaseurl: /blog\n"
	for _, tt := range []struct {
		name    string
		options Options
		site    fstest.MapFS
		want    map[string]string
	}{
		{"default", Options{}, files("_config.yml", base, name, post), map[string]string{id: "https://b.example/blog/travel/far/2016/02/03/My_First-Post.html"}},
		{"pretty", Options{}, files("_config.yml", base+"permalink: pretty", name, post), map[string]string{id: "https://b.example/blog/travel/far/2016/02/03/My_First-Post/"}},
		{"ordinal", Options{}, files("_config.yml", base+"permalink: ordinal", name, post), map[string]string{id: "https://b.example/blog/travel/far/2016/034/My_First-Post.html"}},
		{"weekdate", Options{}, files("_config.yml", base+"permalink: weekdate", name, post), map[string]string{id: "https://b.example/blog/travel/far/2016/W05/Wed/My_First-Post.html"}},
		{"none", Options{}, files("_config.yml", base+"permalink: none", name, post), map[string]string{id: "https://b.example/blog/travel/far/My_First-Post.html"}},
		{"pattern", Options{}, files("_config.yml", base+"permalink: /:short_year/:i_month/:i_day/:slug", name, post),
			map[string]string{id: "https://b.example/blog/16/2/3/my-first-post"}},
		{"collection", Options{}, files("_config.yml", base+"collections:\n  posts:\n    permalink: /p/:slug/\n", name, post), map[string]string{id: "https://b.example/blog/p/my-first-post/"}},
		{"front matter", Options{}, files("_config.yml", base, name, "---\npermalink: /one.html\n---\n", "_posts/2016-01-01-b.md", "---\npermalink: /:year/:title/\nslug: bee\n---\n"),
			map[string]string{id: "https://b.example/blog/one.html", "_posts/2016-01-01-b.md": "https://b.example/blog/2016/bee/"}},
		{"defaults", Options{}, files("_config.yml", base+"defaults:\n- scope: {path: '', type: posts}\n  values: {permalink: /all/:slug/, author: Ann}\n"+
			"- scope: {path: _posts/deep}\n  values: {permalink: /deep/:slug/}\n- scope: {path: '', type: pages}\n  values: {permalink: /no/}\n",
			"_posts/2016-01-01-a.md", "A", "_posts/deep/2016-01-01-b.md", "B", "_posts/deep/2016-01-01-c.md", "---\npermalink: /own/\n---\nC"),
			map[string]string{"_posts/2016-01-01-a.md": "https://b.example/blog/all/a/", "_posts/deep/2016-01-01-b.md": "https://b.example/blog/deep/b/",
				"_posts/deep/2016-01-01-c.md": "https://b.example/blog/own/"}},
		{"categories of folders", Options{}, files("_config.yml", "url: https://b.example\n", "_posts/2015-01-01-z.md", "Z", "walks/_posts/2016-01-01-a.md", "---\ncategory: By The Sea\n---\n",
			"_posts/2016-01-01-list.md", "---\ncategory: [Go, Sea]\n---\n"),
			map[string]string{"_posts/2016-01-01-list.md": "https://b.example/go/sea/2016/01/01/list.html", "_posts/2015-01-01-z.md": "https://b.example/2015/01/01/z.html", "walks/_posts/2016-01-01-a.md": "https://b.example/walks/by%20the%20sea/2016/01/01/a.html"}},
		{"the day in the site's time zone", Options{}, files("_config.yml", "url: https://b.example\ntimezone: America/New_York\npermalink: /:year/:month/:day/:title/\n",
			"_posts/2016-01-01-a.md", "---\ndate: 2016-01-01 02:00:00 +0000\n---\n", "_posts/2016-01-01-b.md", "B"),
			map[string]string{"_posts/2016-01-01-a.md": "https://b.example/2015/12/31/a/", "_posts/2016-01-01-b.md": "https://b.example/2016/01/01/b/"}},
		{"without an address", Options{}, files("_config.yml", "baseurl: /blog", "_posts/2016-01-01-a.md", "A"), map[string]string{"_posts/2016-01-01-a.md": "/2016/01/01/a.html"}},
		{"in a subfolder, as in archives", Options{}, files("blog-main/_config.yml", "url: https://b.example", "blog-main/_posts/2016-01-01-a.md", "A", ".DS_Store", ""),
			map[string]string{"_posts/2016-01-01-a.md": "https://b.example/2016/01/01/a.html"}},
		{"without a configuration", Options{BaseURL: "https://b.example"}, files("_posts/2016-01-01-a.md", "A"), map[string]string{"_posts/2016-01-01-a.md": "https://b.example/2016/01/01/a.html"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, addresses(t, tt.options, tt.site)); diff != "" {
				t.Errorf("addresses by file (-want +got):\n%s", diff)
			}
		})
	}
}

// bodyOf returns the content of the post named a or 2016-01-01-a, and the notes of all posts.
func bodyOf(t *testing.T, fsys fstest.MapFS) (body string, notes []string) {
	t.Helper()
	for e, err := range (Options{}).ReadFolder(fsys) {
		if err != nil {
			t.Fatal(err)
		}
		notes = append(notes, e.Notes...)
		if e.Post == nil || e.Post.ID != "posts/a.md" && e.Post.ID != "_posts/2016-01-01-a.md" {
			continue
		}
		p, err := intake.Decode(e.Post.ID, e.Post.Raw)
		if err != nil {
			t.Fatal(err)
		}
		body = p.ContentMarkdown
	}
	return body, notes
}

// TestHugoShortcodes checks that known shortcodes are replaced, and that unknown ones are kept with a note.
func TestHugoShortcodes(t *testing.T) {
	for _, tt := range []struct {
		name, text, want string
		notes            []string
	}{
		{"figure", `{{< figure src="a.jpg" title="Sea" caption="At \"dawn\"" attr="Ann" attrlink="https://ann.example/" link="b.jpg" >}}`,
			`<figure><a href="b.jpg"><img src="a.jpg" alt="At &#34;dawn&#34;"></a><figcaption><strong>Sea</strong> At &#34;dawn&#34; ` +
				`<a href="https://ann.example/">Ann</a></figcaption></figure>`, nil},
		{"figure alone", "{{% figure src=a.jpg alt=`x` %}}", `<figure><img src="a.jpg" alt="x"></figure>`, nil},
		{"embeds", "{{< youtube w7Ft2ymGmfc >}} {{< vimeo id=\"12\" >}} {{<tweet user=\"ann\" id=\"7\">}} {{< gist ann 42 >}}",
			`<a href="https://www.youtube.com/watch?v=w7Ft2ymGmfc">https://www.youtube.com/watch?v=w7Ft2ymGmfc</a> ` +
				`<a href="https://vimeo.com/12">https://vimeo.com/12</a> <a href="https://twitter.com/ann/status/7">https://twitter.com/ann/status/7</a> ` +
				`<a href="https://gist.github.com/ann/42">https://gist.github.com/ann/42</a>`, nil},
		{"code", "{{< highlight go \"linenos=table\" >}}\nif a < b {\n\n}\n{{< /highlight >}}\nAfter",
			"<pre><code class=\"language-go\">if a &lt; b {\n\n}\n</code></pre>\nAfter", nil},
		{"quotation", `{{< quote author="Ann Lee" source="The Sea" url="https://e.example/sea" >}}` + "\nOne *two*.\n{{< /quote >}}\n\nThree.",
			"<figure>\n\n<blockquote cite=\"https://e.example/sea\">\n\nOne *two*.\n\n</blockquote>\n<figcaption>Ann Lee, <cite>" +
				`<a href="https://e.example/sea">The Sea</a></cite></figcaption></figure>` + "\n\n\n\nThree.", nil},
		{"quotation with a URL and no author", `{{% blockquote cite="https://e.example/sea" %}}One.{{% /blockquote %}}`,
			"<figure>\n\n<blockquote cite=\"https://e.example/sea\">\n\nOne.\n\n</blockquote>\n<figcaption><cite>" +
				`<a href="https://e.example/sea">https://e.example/sea</a></cite></figcaption></figure>` + "\n\n", nil},
		{"shortcodes in a quotation", `{{< quote author="Ann" >}}{{< youtube x1 >}}{{< /quote >}}`,
			"<figure>\n\n<blockquote>\n\n" + `<a href="https://www.youtube.com/watch?v=x1">https://www.youtube.com/watch?v=x1</a>` +
				"\n\n</blockquote>\n<figcaption>Ann</figcaption></figure>\n\n", nil},
		{"raw HTML", "{{< rawhtml >}}<b>{{ x }}</b>{{</rawhtml>}}", "<b>{{ x }}</b>", nil},
		{"links", `[a]({{< ref "b.md" >}}) [b]({{< relref "/posts/b" >}}) [c]({{% ref "b#top" %}}) [d]({{< relref "#here" >}})`,
			"[a](https://b.example/bee/) [b](https://b.example/bee/) [c](https://b.example/bee/#top) [d](#here)", nil},
		{"escaped", "{{</* figure src=\"a.jpg\" */>}} {{%/* x */%}}", "{{< figure src=\"a.jpg\" >}} {{% x %}}", nil},
		{"unknown", "One\n\n{{<chart 7>}}words{{</chart>}} and {{< ref \"missing\" >}}", "One\n\n{{< chart 7 >}}words{{< /chart >}} and {{< ref \"missing\" >}}",
			[]string{"posts/a.md:6: {{<chart 7>}} is unknown and was left as it is", "posts/a.md:6: {{</chart>}} is unknown and was left as it is",
				`posts/a.md:6: {{< ref "missing" >}} is unknown and was left as it is`}},
		{"no shortcode", "{{ x }} {{< never ends", "{{ x }} {{< never ends", nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			site := files("hugo.toml", "baseURL = 'https://b.example/'", "content/posts/a.md", "---\ntitle: A\n---\n"+tt.text, "content/posts/b.md", "---\nurl: /bee/\n---\n")
			body, notes := bodyOf(t, site)
			if body != tt.want {
				t.Errorf("%s: got\n%s, want\n%s", tt.text, body, tt.want)
			}
			if diff := cmp.Diff(tt.notes, notes); diff != "" {
				t.Errorf("notes (-want +got):\n%s", diff)
			}
		})
	}
}

// TestLiquid checks that known Liquid tags and values are replaced, and that unknown ones are kept with a note.
func TestLiquid(t *testing.T) {
	for _, tt := range []struct {
		name, text, want string
		notes            []string
	}{
		{"code", "{% highlight ruby linenos %}\nputs 1 < 2 {{ x }}\n{% endhighlight %}", "<pre><code class=\"language-ruby\">puts 1 &lt; 2 {{ x }}\n</code></pre>", nil},
		{"links", "[a]({% post_url 2015-03-04-b %}) [b]({% link _posts/2015-03-04-b.md %}#top)",
			"[a](https://b.example/blog/2015/03/04/b.html) [b](https://b.example/blog/2015/03/04/b.html#top)", nil},
		{"values", "{{ site.url }}{{ site.baseurl }}/x {{site.title}} {{ page.title | escape }}", "https://b.example/blog/x My blog A &amp; B", nil},
		{"filters", `{{ "/a.jpg" | relative_url }} {{ '/b.jpg' | prepend: site.baseurl | prepend: site.url }} {{ "c" | append: "d" }}`,
			"https://b.example/blog/a.jpg https://b.example/blog/b.jpg cd", nil},
		{"raw", "{% raw %}{{ x }} {% y %}{% endraw %}", "{{ x }} {% y %}", nil},
		{"comment", "a{%- comment -%} no {%- endcomment -%}b", "ab", nil},
		{"gist", "{% gist ann/42 %}", `<a href="https://gist.github.com/ann/42">https://gist.github.com/ann/42</a>`, nil},
		{"unknown", "One\n{% include x.html a=\"b\" %} {{ page.none }} {{ x | size }} {% highlight go %}", "One\n{% include x.html a=\"b\" %} {{ page.none }} {{ x | size }} {% highlight go %}",
			[]string{`_posts/2016-01-01-a.md:5: {% include x.html a="b" %} is unknown and was left as it is`,
				"_posts/2016-01-01-a.md:5: {{ page.none }} is unknown and was left as it is",
				"_posts/2016-01-01-a.md:5: {{ x | size }} is unknown and was left as it is",
				"_posts/2016-01-01-a.md:5: {% highlight go %} is unknown and was left as it is"}},
		{"no tag", "a { b {{ c", "a { b {{ c", nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			site := files("_config.yml", "url: https://b.example\nbaseurl: /blog\ntitle: My blog\n",
				"_posts/2016-01-01-a.md", "---\ntitle: A & B\n---\n"+tt.text, "_posts/2015-03-04-b.md", "B")
			body, notes := bodyOf(t, site)
			if body != tt.want {
				t.Errorf("%s: got\n%s, want\n%s", tt.text, body, tt.want)
			}
			if diff := cmp.Diff(tt.notes, notes); diff != "" {
				t.Errorf("notes (-want +got):\n%s", diff)
			}
		})
	}
}

// FuzzGenerators checks that, for arbitrary configurations and posts, reading a site terminates and every post has a
// valid id.
func FuzzGenerators(f *testing.F) {
	f.Add("posts = '/:year/:sections[1:last]/:slug'", "{{< figure src=\"a\" >}}{{% /x %}}{{</* a */>}}")
	f.Add("permalink: x", "{%} {{%}} {%- -%}")
	f.Add("permalink: /:categories/:week/:title", "{% highlight a %}{% endhighlight %}{{ site.url | append: page.x }}")
	f.Fuzz(func(t *testing.T, config, text string) {
		for _, site := range []fstest.MapFS{
			files("hugo.toml", "baseURL = 'https://b.example'\n[permalinks]\n"+config, "content/posts/a.md", "---\nslug: a\n---\n"+text),
			files("_config.yml", config, "_posts/2016-01-01-a.md", "---\nslug: a\n---\n"+text),
		} {
			for e, err := range (Options{}).ReadFolder(site) {
				if err == nil && e.Post != nil && intake.CheckID(e.Post.ID) != nil {
					t.Errorf("a post has the invalid id %q", e.Post.ID)
				}
			}
		}
	})
}

// TestFrontMatterIDs checks that all posts of a site are read if some have the same id in their front matter: the first
// post keeps the id, and each of the other posts gets its path as its id. In other folders, the caller decides which
// post to keep.
func TestFrontMatterIDs(t *testing.T) {
	a, b := "---\nid: 26\ntitle: A\n---\n", "---\nid: 26\ntitle: B\n---\n"
	note := `: the id "26" is also that of %s; using the path of the file as the id`
	for _, tt := range []struct {
		name string
		site fstest.MapFS
		want []string
	}{
		{"Jekyll", files("_config.yml", "url: https://b.example\n", "_posts/2007-01-06-a.md", a, "_posts/2009-05-08-b.md", b), []string{
			"26 | A | 2007-01-06T00:00:00Z | https://b.example/2007/01/06/a.html",
			"note: _posts/2009-05-08-b.md" + fmt.Sprintf(note, "_posts/2007-01-06-a.md"),
			"_posts/2009-05-08-b.md | B | 2009-05-08T00:00:00Z | https://b.example/2009/05/08/b.html"}},
		{"translation in Hugo", files("hugo.toml", "baseURL = 'https://b.example'\n[languages.en]\n[languages.fr]\n",
			"content/s/a.fr.md", b, "content/s/a.md", a), []string{
			"26 | B |  | https://b.example/fr/s/a/", "note: s/a.md" + fmt.Sprintf(note, "s/a.fr.md"), "s/a.md | A |  | https://b.example/s/a/"}},
		{"no generator", files("a.md", a, "b.md", b), []string{"26 | A |  | ", "26 | B |  | "}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, site(t, Options{}, tt.site)); diff != "" {
				t.Errorf("posts and notes (-want +got):\n%s", diff)
			}
		})
	}
}
