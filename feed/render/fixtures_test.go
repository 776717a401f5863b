package render_test

import (
	"strings"
	"time"

	"feedpub/feed"
	"feedpub/feed/build"
)

// A fixture is a feed for tests. Its documents are compared with golden files, decoded with independent parsers, and
// checked against the specifications.
type fixture struct {
	name string
	feed feed.Feed
	// rejected are the ids of the items that are not in the documents.
	rejected []string
}

func date(year int, month time.Month, day, hour, minute int) time.Time {
	return time.Date(year, month, day, hour, minute, 0, 0, time.UTC)
}

func testSite() feed.Site {
	return feed.Site{
		ID:          "main",
		Title:       "Front Page",
		Description: "What the papers say, and what to think of it",
		Language:    "en",
		BaseURL:     "https://feeds.example.org",
		HomeURL:     "https://blog.example.org/",
		Since:       date(2000, 1, 1, 0, 0),
		Limit:       50,
		TTL:         15 * time.Minute,
	}
}

// post returns a simple item with the edits applied.
func post(id string, edits ...func(*feed.Item)) *feed.Item {
	item := &feed.Item{
		ID:        id,
		URL:       "https://blog.example.org/posts/" + strings.ToLower(strings.Map(letter, id)),
		Title:     "Post " + id,
		HTML:      "<p>What there is to say about it.</p>",
		Text:      "What there is to say about it.",
		Summary:   "What there is to say about it.",
		Published: date(2014, 6, 17, 9, 30),
		Updated:   date(2014, 6, 17, 9, 30),
		Intake:    "1",
	}
	for _, edit := range edits {
		edit(item)
	}
	return item
}

func letter(r rune) rune {
	if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' {
		return r
	}
	return '-'
}

func at(t time.Time) func(*feed.Item) {
	return func(i *feed.Item) { i.Published, i.Updated = t, t }
}

func titled(title string) func(*feed.Item) { return func(i *feed.Item) { i.Title = title } }

func mainFeed(items ...*feed.Item) feed.Feed {
	return build.Feed(testSite(), feed.Main, "", items, time.Time{})
}

// shown returns the main feed with the content, title link and history from settings.
func shown(settings feed.Feed, items ...*feed.Item) feed.Feed {
	f := mainFeed(items...)
	f.Content, f.TitleLink, f.History = settings.Content, settings.TitleLink, settings.History
	return f
}

// guardian turns a post into a quotation from a newspaper, as intake does.
func guardian(i *feed.Item) {
	i.HTML = `<p>From the <a href="https://www.theguardian.com/">Guardian</a>:</p>
<figure><blockquote cite="https://www.theguardian.com/world/2014/jun/16/talks">` +
		`<p>“We are open to engaging the Iranians,” said a senior official.</p>
<p>The discussions took place on the sidelines of separate negotiations…</p></blockquote>
<figcaption>Paul Lewis, Spencer Ackerman, ` +
		`<cite><a href="https://www.theguardian.com/world/2014/jun/16/talks">US and Iran hold talks</a></cite>, ` +
		`The Guardian, <time datetime="2014-06-16">June 16, 2014</time></figcaption></figure>
<p>What a sad joke.</p>`
	i.Text = "From the Guardian: “We are open to engaging the Iranians,” said a senior official. What a sad joke."
	i.Summary = "What a sad joke. (Quoted: The Guardian, “US and Iran hold talks”, 16 June 2014)"
	i.ExternalURL = "https://www.theguardian.com/world/2014/jun/16/talks"
	i.Quotes = []feed.Quote{{
		Source: feed.Source{
			Publication:    "The Guardian",
			PublicationURL: "https://www.theguardian.com/",
			FeedURL:        "https://www.theguardian.com/world/rss",
			Headline:       "US and Iran hold talks",
			URL:            "https://www.theguardian.com/world/2014/jun/16/talks",
			Authors:        []feed.Author{{Name: "Paul Lewis"}, {Name: "Spencer Ackerman"}},
			DatePublished:  "2014-06-16",
			Agencies:       []string{"Reuters"},
		},
		Text: "“We are open to engaging the Iranians,” said a senior official.\n\n" +
			"The discussions took place on the sidelines of separate negotiations…",
		Confidence: 0.97,
	}}
}

func fixtures() []fixture {
	longID := strings.Repeat("a/ü ", 102) + "ab" // 512 bytes
	full := testSite()
	full.Hubs = []string{"https://hub.example.org/"}
	full.Icon = "https://blog.example.org/icon.png"
	full.Copyright = "© Front Page & friends"
	full.Authors = []feed.Author{
		{Name: "Ann Editor", URL: "https://ann.example.org/", Avatar: "https://ann.example.org/me.jpg"},
		{Name: "Ben"},
	}
	bare := feed.Site{ID: "x", Title: "x", Language: "de",
		BaseURL: "http://127.0.0.1:8080", HomeURL: "http://127.0.0.1:8080",
		Since: date(2000, 1, 1, 0, 0), Limit: 1}

	return []fixture{
		{name: "several-authors", feed: build.Feed(full, feed.Main, "", []*feed.Item{
			post("two", func(i *feed.Item) {
				i.Authors = []feed.Author{{Name: "Steve", URL: "https://steve.example.org/"}, {Name: "Ann O’Nym & Sons"}}
			}),
			post("one", at(date(2014, 6, 16, 8, 0)), func(i *feed.Item) { i.Authors = []feed.Author{{Name: "Steve"}} }),
			post("nobody", at(date(2014, 6, 15, 8, 0))),
		}, time.Time{})},

		{name: "tags-and-quotes", feed: build.Feed(full, feed.Join(feed.Sources, "guardian"), "The Guardian", []*feed.Item{
			post("quoting", titled("The US And Iran *Will Not* Cooperate"), guardian, func(i *feed.Item) {
				i.Authors = []feed.Author{{Name: "Steve"}}
				i.Tags = []string{"Foreign Policy", "R&D", "中東"}
				i.Quotes = append(i.Quotes, feed.Quote{
					Source: feed.Source{Publication: "Yahoo News", Headline: "Kerry: <b>open</b> to talks & more",
						URL: "https://news.example.com/kerry?a=1&b=2"},
					Text: "We’re open to discussions.", Confidence: 1,
				}, feed.Quote{Source: feed.Source{Publication: "A speech"}, Text: "No address for this one.", Confidence: 0.8})
				i.Via = []feed.Via{{Name: "Memeorandum", URL: "https://www.memeorandum.com/"}, {Name: "a friend"}}
			}),
		}, time.Time{})},

		{name: "untitled-note", feed: mainFeed(
			post("note", titled(""), func(i *feed.Item) {
				i.Text = "Just a thought about the news of today, which went on for rather longer than a title should."
				i.HTML, i.Summary = "<p>"+i.Text+"</p>", i.Text
			}),
			post("picture", titled(" "), at(date(2014, 6, 16, 8, 0)), func(i *feed.Item) {
				i.HTML, i.Text, i.Summary = `<p><img src="https://blog.example.org/cat.jpg" alt=""></p>`, "", ""
				i.Image = "https://blog.example.org/cat.jpg"
			}),
			post("cjk", titled(""), at(date(2014, 6, 15, 8, 0)), func(i *feed.Item) {
				i.Text = strings.Repeat("今日は天気がいいから散歩しましょう", 5)
				i.HTML, i.Summary, i.Language = "<p>"+i.Text+"</p>", "", "ja"
			}),
		)},

		{name: "empty", feed: mainFeed()},

		{name: "bare-site", feed: build.Feed(bare, feed.Main, "", []*feed.Item{post("a"), post("b")}, time.Time{})},

		// The content is sanitized HTML that is dangerous if a document does not escape it correctly.
		{name: "hostile-html", feed: mainFeed(
			post("hostile", titled(`<script>alert("t")</script>`), func(i *feed.Item) {
				i.HTML = `<p>&lt;script&gt;alert(1)&lt;/script&gt; ]]&gt;&lt;/content:encoded&gt;&lt;/item&gt;</p>
<p title="&lt;![CDATA[ &quot;&gt; --&gt;">&lt;!ENTITY x SYSTEM "file:///etc/passwd"&gt;&amp;x; &amp;#0; ` +
					`<a href="https://blog.example.org/?a=1&amp;b=2" rel="nofollow">&lt;/channel&gt;</a></p>`
				i.Text = `<script>alert(1)</script> ]]></content:encoded></item>`
				i.Summary = `<script>alert(1)</script> ]]> &lt;img src=x onerror=alert(2)&gt;`
				i.Authors = []feed.Author{{Name: `"><img src=x> & Co`}}
				i.Tags = []string{`<b`, `" onload="x`, "&amp;", "]]>"}
			}),
			post("after", at(date(2014, 6, 16, 8, 0))),
		)},

		{name: "control-characters", rejected: []string{"bell", "latin1", "surrogate", "noncharacter"}, feed: mainFeed(
			post("good"),
			post("bell", at(date(2014, 6, 16, 1, 0)), func(i *feed.Item) { i.HTML = "<p>ding\a</p>" }),
			post("latin1", at(date(2014, 6, 16, 2, 0)), titled("caf\xe9")),
			post("surrogate", at(date(2014, 6, 16, 3, 0)), func(i *feed.Item) { i.Tags = []string{"fine", "\xed\xa0\x80"} }),
			post("noncharacter", at(date(2014, 6, 16, 4, 0)), func(i *feed.Item) { i.Summary = "a\uFFFEb" }),
			post("line-ends", at(date(2014, 6, 16, 5, 0)), func(i *feed.Item) {
				i.HTML, i.Summary = "<pre>one\r\ntwo\rthree\n\tfour</pre>", "one\ntwo\tthree"
			}),
		)},

		{name: "right-to-left-and-emoji", feed: mainFeed(
			post("hebrew", titled("שלום עולם – עם English באמצע"), func(i *feed.Item) {
				i.Language = "he"
				i.HTML = `<p dir="rtl">שלום <bdi>עולם</bdi>, מה “שלומך”?</p>`
				i.Summary = "שלום עולם\u200f!"
			}),
			post("emoji", titled("👩‍👩‍👧‍👦 🏳️‍🌈 𝒳 ☃"), at(date(2014, 6, 16, 8, 0)), func(i *feed.Item) {
				i.HTML, i.Summary, i.Tags = "<p>🇪🇺 👍🏽 e\u0301</p>", "🇪🇺 👍🏽", []string{"🎉"}
			}),
			post("emoji-note", titled(""), at(date(2014, 6, 15, 8, 0)), func(i *feed.Item) {
				i.Text = strings.Repeat("👩‍👩‍👧‍👦", 20)
				i.HTML, i.Summary = "<p>"+i.Text+"</p>", ""
			}),
		)},

		{name: "attachments", feed: mainFeed(
			post("podcast", func(i *feed.Item) {
				i.Image = "https://blog.example.org/cover.jpg"
				i.Attachments = []feed.Attachment{
					{URL: "https://blog.example.org/1.mp3", MIMEType: "audio/mpeg", Title: "Episode 1",
						SizeInBytes: 12345678, DurationInSeconds: 1830.5},
					{URL: "https://blog.example.org/1.ogg", MIMEType: "audio/ogg", Title: "Episode 1 <Ogg> & more",
						SizeInBytes: 5_000_000_000, DurationInSeconds: 1830},
					{URL: "https://blog.example.org/notes.pdf", MIMEType: "application/pdf"},
				}
			}),
			post("ftp", at(date(2014, 6, 16, 8, 0)), func(i *feed.Item) {
				i.Attachments = []feed.Attachment{
					{URL: "ftp://ftp.example.org/1.mp3", MIMEType: "audio/mpeg"},
					{URL: "https://blog.example.org/?file=1", MIMEType: ""},
				}
			}),
		)},

		{name: "edited", feed: mainFeed(
			post("edited", func(i *feed.Item) { i.Updated = date(2014, 6, 20, 18, 45) }),
			post("newer", at(date(2014, 6, 18, 8, 0))),
		)},

		{name: "deleted", feed: build.Feed(testSite(), feed.Main, "", []*feed.Item{post("left")}, date(2014, 6, 25, 7, 0))},

		{name: "cdata-end", feed: mainFeed(
			post("cdata", titled("]]> in a title"), func(i *feed.Item) {
				i.HTML = "<p>a]]>b ]]]]>> <code>if (x[y[0]]>1)</code></p>]]>"
				i.Summary = "a]]>b"
				i.Tags = []string{"]]>"}
			}),
		)},

		{name: "markup-in-title", feed: mainFeed(
			post("generics", titled("Use &amp; in Foo<T>, AT&T & a<b")),
			post("closing", at(date(2014, 6, 16, 8, 0)), titled("What </b> does")),
			post("quotes", at(date(2014, 6, 15, 8, 0)), titled(`"Quotes" and 'apostrophes' > all`)),
		)},

		{name: "implausible-dates", feed: mainFeed(
			post("epoch", at(time.Unix(0, 0))),
			post("future", at(time.Date(2099, 12, 31, 23, 59, 59, 999e6, time.FixedZone("", -5*60*60)))),
		)},

		{name: "equal-times", feed: mainFeed(post("a"), post("b"), post("c"), post("alone", at(date(2014, 6, 17, 9, 31))))},

		{name: "no-permalink", feed: mainFeed(
			post("nowhere", guardian, func(i *feed.Item) { i.URL = "" }),
			post("empty", at(date(2014, 6, 16, 8, 0)), func(i *feed.Item) { i.URL, i.HTML, i.Text, i.Summary = "", "", "", "" }),
		)},

		{name: "long-ids", feed: mainFeed(
			post(longID, titled("Long")),
			post("https://blog.example.org/2014/06/17/"+strings.Repeat("very-long-", 40), at(date(2014, 6, 16, 1, 0))),
			post("https://blog.example.org/ärger?p=1&q=ö#c", at(date(2014, 6, 16, 2, 0)), func(i *feed.Item) {
				i.URL = "https://bücher.example.org/ärger/[1]?p=ö|1#ä"
			}),
			post("tag:blog.example.org,2014-06-17:/archives/1", at(date(2014, 6, 16, 3, 0))),
			post("urn:uuid:f81d4fae-7dec-11d0-a765-00a0c91e6bf6", at(date(2014, 6, 16, 4, 0))),
			post("urn:feedpub:main:one", at(date(2014, 6, 16, 5, 0))),
			post("one", at(date(2014, 6, 16, 6, 0))),
			post("~steve/100%/%41", at(date(2014, 6, 16, 7, 0))),
			post("cafe\u0301.md", at(date(2014, 6, 16, 8, 0))),
			post("post:1", at(date(2014, 6, 16, 9, 0))),
			post("http://", at(date(2014, 6, 16, 10, 0))),
			post(`<"&'>`, at(date(2014, 6, 16, 11, 0))),
		)},

		{name: "summaries", feed: shown(feed.Feed{Content: feed.SummaryContent},
			post("quoting", guardian, func(i *feed.Item) { i.Summary += " <b> & more" }),
			post("no-summary", at(date(2014, 6, 16, 8, 0)), func(i *feed.Item) {
				i.Text = strings.Repeat("What there is to say about it takes some time to say. ", 10)
				i.Summary = ""
			}),
			post("nowhere", at(date(2014, 6, 15, 8, 0)), func(i *feed.Item) { i.URL = "" }),
			post("nothing", titled(""), at(date(2014, 6, 14, 8, 0)), func(i *feed.Item) {
				i.HTML, i.Text, i.Summary = "", "", ""
			}),
		)},

		{name: "link-posts", feed: shown(feed.Feed{TitleLink: feed.SourceTitle},
			post("linking", guardian, titled(`Talks & "talks"`), func(i *feed.Item) { i.URL += "?a=1&b='2'" }),
			post("of-its-own", at(date(2014, 6, 16, 8, 0))),
			post("nowhere", guardian, at(date(2014, 6, 15, 8, 0)), func(i *feed.Item) { i.URL = "" }),
		)},

		{name: "short-link-posts", feed: shown(
			feed.Feed{TitleLink: feed.SourceTitle, Content: feed.SummaryContent}, post("linking", guardian))},

		{name: "with-archives", feed: shown(feed.Feed{History: feed.History{Prev: feed.Main.Archive(12)}}, post("a"))},

		{name: "archive", feed: func() feed.Feed {
			tag := feed.Join(feed.Tags, "go")
			f := build.Feed(full, tag.Archive(2), "Go", []*feed.Item{post("a", at(date(2010, 6, 17, 9, 30)))}, time.Time{})
			f.History = feed.History{Current: tag, Prev: tag.Archive(1), Next: tag.Archive(3), Archive: true}
			return f
		}()},

		{name: "tag-beyond-ascii", feed: build.Feed(full, feed.Join(feed.Tags, "zürich-日本"), "Zürich & 日本", []*feed.Item{
			post("swiss", func(i *feed.Item) { i.Tags = []string{"Zürich & 日本"} }),
		}, time.Time{})},
	}
}
