package transfer

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"feedpub/feed/intake"
)

// TestOctopressTags checks the replacements for Octopress's Liquid tags.
func TestOctopressTags(t *testing.T) {
	for _, tt := range []struct{ text, want string }{
		{"{% img /a.png %}", `<img src="/a.png" alt="">`},
		{`{% img left https://e.example/a.png 350 350 'A walk' 'Sea' %}`, `<img src="https://e.example/a.png" alt="Sea" title="A walk">`},
		{`{% img images/a.png A & B %}`, `<img src="images/a.png" alt="A &amp; B" title="A &amp; B">`},
		{"{% img %}", "{% img %}"},
		{"{% video /a.mp4 640 320 /a.png %}", `<video controls src="/a.mp4"></video>`},
		{"{% blockquote Ann Lee, The Sea https://e.example/sea The Sea, again %}\nOne.\n\nTwo.\n{% endblockquote %}",
			"<figure>\n\n<blockquote cite=\"https://e.example/sea\">\n\nOne.\n\nTwo.\n\n</blockquote>\n<figcaption>Ann Lee, <cite>" +
				`<a href="https://e.example/sea">The Sea, again</a></cite></figcaption></figure>`},
		{"{% blockquote Ann Lee, The Sea %}One.{% endblockquote %}",
			"<figure>\n\n<blockquote>\n\nOne.\n\n</blockquote>\n<figcaption>Ann Lee, <cite>The Sea</cite></figcaption></figure>"},
		{"{% blockquote @ann https://e.example/1 %}One.{% endblockquote %}", "<figure>\n\n<blockquote cite=\"https://e.example/1\">\n\nOne.\n\n" +
			`</blockquote>` + "\n" + `<figcaption>@ann, <cite><a href="https://e.example/1">https://e.example/1</a></cite></figcaption></figure>`},
		{"{% blockquote %}One.{% endblockquote %}", "<blockquote>\n\nOne.\n\n</blockquote>"},
		{"{% blockquote Ann %}One.", "{% blockquote Ann %}One."},
		{`{% pullquote %}One {" two "} three.{% endpullquote %}`, "One two three."},
		{"{% codeblock A sum (sum.rb) lang:ruby https://e.example/sum.rb the file %}\n1 < 2\n{% endcodeblock %}",
			`<p>A sum (sum.rb) <a href="https://e.example/sum.rb">the file</a></p>` + "\n\n<pre><code class=\"language-ruby\">1 &lt; 2\n</code></pre>"},
		{"{% codeblock %}\nx\n{% endcodeblock %}", "<pre><code>x\n</code></pre>"},
		{"```ruby A sum https://e.example/sum.rb\n1\n```\n\n``` js\n2\n```\n\n~~~ruby Not this\n", "<p>A sum <a href=\"https://e.example/sum.rb\">link</a></p>\n\n" +
			"```ruby\n1\n```\n\n``` js\n2\n```\n\n~~~ruby Not this"},
		{"````\n```ruby A sum\n````", "````\n```ruby A sum\n````"},
		{"{% include JB/setup %}One", "One"},
		{`{% include quote.html text="One." author="Ann Lee" source="The Sea" url="https://e.example/sea" %}`,
			"<figure>\n\n<blockquote cite=\"https://e.example/sea\">\n\nOne.\n\n</blockquote>\n<figcaption>Ann Lee, <cite>" +
				`<a href="https://e.example/sea">The Sea</a></cite></figcaption></figure>`},
		{`{% include quote.html author="Ann Lee" %}One`, `{% include quote.html author="Ann Lee" %}One`},
		{"{% include other.html %}One", "{% include other.html %}One"},
		{"{% oembed https://video.example/1 %}", `<a href="https://video.example/1">https://video.example/1</a>`},
		{"![x]({{ root_url }}/a.png) {{ BASE_PATH }}/b", "![x](/blog/a.png) /b"},
	} {
		fsys := files("_config.yml", "url: https://b.example\nroot: /blog\nsource: source", "plugins/backtick_code_block.rb", "",
			"source/_posts/2015-01-02-a.md", "---\ntitle: T\n---\n"+tt.text)
		for e, err := range (Options{}).ReadFolder(fsys) {
			if err != nil || e.Post == nil {
				t.Errorf("%q: got error %v", tt.text, err)
				continue
			}
			p, err := intake.Decode(e.Post.ID, e.Post.Raw)
			if diff := cmp.Diff(tt.want, strings.TrimSpace(p.ContentMarkdown)); err != nil || diff != "" {
				t.Errorf("%q: got error %v and content (-want +got):\n%s", tt.text, err, diff)
			}
			unchanged := strings.Contains(tt.text, "{%") && strings.TrimSpace(p.ContentMarkdown) == tt.text
			if unchanged != (len(e.Notes) > 0) {
				t.Errorf("%q: got notes %q; want one if and only if a tag was not replaced", tt.text, e.Notes)
			}
		}
	}
}

// TestLinkBlogKeys checks that the keys of link blogs become the external URL and the vias of a post.
func TestLinkBlogKeys(t *testing.T) {
	for _, tt := range []struct{ front, external, via string }{
		{"external-url: https://e.example/a", "https://e.example/a", ""},
		{"external_url: https://e.example/a", "https://e.example/a", ""},
		{"link: https://e.example/a", "https://e.example/a", ""},
		{"linkurl: https://e.example/a", "https://e.example/a", ""},
		{"source_url: https://e.example/a", "https://e.example/a", ""},
		{"link: https://e.example/a\nexternal-url: https://e.example/b", "https://e.example/b", ""},
		{"link: /about/", "", ""},
		{"link: true", "", ""},
		{"link:", "", ""},
		{"link: http://b.example/own\nurl: https://b.example/own/", "", ""},
		{"via: https://v.example/", "", " https://v.example/"},
		{"via: Ann", "", "Ann "},
		{"via: Ann\nvia_url: https://v.example/", "", "Ann https://v.example/"},
		{"via: {name: Ann, url: https://v.example/}", "", "Ann https://v.example/"},
		{"via: [Ann, https://v.example/]", "", "Ann | https://v.example/"},
		{"via:", "", ""},
		{"via: false", "", ""},
	} {
		posts, err := Options{}.Decode("a.md", []byte("---\ntitle: T\n"+tt.front+"\n---\nWords.\n"))
		if err != nil {
			t.Errorf("%q: %v", tt.front, err)
			continue
		}
		p, err := intake.Decode(posts[0].ID, posts[0].Raw)
		var vias []string
		for _, v := range p.Via {
			vias = append(vias, v.Name+" "+v.URL)
		}
		if via := strings.Join(vias, "|"); err != nil || p.ExternalURL != tt.external || via != tt.via {
			t.Errorf("%q: got external URL %q, via %q and error %v, want %q and %q", tt.front, p.ExternalURL, via, err, tt.external, tt.via)
		}
	}
}
