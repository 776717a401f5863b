package transfer_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"feedpub/feed"
	"feedpub/feed/posttest"
	"feedpub/feed/transfer"
)

// BenchmarkRead reads posts of 3 KB in several formats.
func BenchmarkRead(b *testing.B) {
	const n = 1000
	for _, form := range []struct {
		name string
		make func(n int) []byte
	}{{"JSONLines", lines}, {"WXR", wxr}, {"RSS", rss}} {
		file := form.make(n)
		b.Run(form.name, func(b *testing.B) {
			b.SetBytes(int64(len(file)))
			b.ReportAllocs()
			for b.Loop() {
				read := 0
				for e, err := range (transfer.Options{}).Read(bytes.NewReader(file), "f") {
					if err != nil {
						b.Fatal(err)
					}
					if e.Post != nil {
						read++
					}
				}
				if read != n {
					b.Fatalf("read %d posts, want %d", read, n)
				}
			}
		})
	}
}

func lines(n int) []byte {
	var b bytes.Buffer
	for p := range posttest.All(n) {
		b.Write(append(p.Raw, '\n'))
	}
	return b.Bytes()
}

func wxr(n int) []byte {
	return items(n, `<rss version="2.0" xmlns:excerpt="http://wordpress.org/export/1.2/excerpt/"`+
		` xmlns:content="http://purl.org/rss/1.0/modules/content/" xmlns:dc="http://purl.org/dc/elements/1.1/"`+
		` xmlns:wp="http://wordpress.org/export/1.2/"><channel>`, func(p feed.Post) string {
		return fmt.Sprintf("<wp:post_date_gmt>%s</wp:post_date_gmt><wp:status>publish</wp:status><wp:post_type>post</wp:post_type>",
			p.DatePublished.Format(time.DateTime))
	})
}

func rss(n int) []byte {
	return items(n, `<rss version="2.0" xmlns:content="http://purl.org/rss/1.0/modules/content/"`+
		` xmlns:dc="http://purl.org/dc/elements/1.1/"><channel>`, func(p feed.Post) string {
		return fmt.Sprintf("<pubDate>%s</pubDate>", p.DatePublished.Format(time.RFC1123Z))
	})
}

func items(n int, head string, rest func(feed.Post) string) []byte {
	var b strings.Builder
	b.WriteString(head)
	for raw := range posttest.All(n) {
		var p feed.Post
		if err := json.Unmarshal(raw.Raw, &p); err != nil {
			panic(err) // cannot happen: posttest makes only valid posts
		}
		fmt.Fprintf(&b, "<item><title>%s</title><link>%s</link><guid isPermaLink=\"false\">%s</guid><dc:creator><![CDATA[%s]]></dc:creator>\n"+
			"<content:encoded><![CDATA[%s]]></content:encoded>%s", p.Title, p.URL, p.ID, p.Authors[0].Name, p.ContentHTML, rest(p))
		for _, t := range p.Tags {
			fmt.Fprintf(&b, "<category domain=\"post_tag\" nicename=\"t\"><![CDATA[%s]]></category>\n", t)
		}
		b.WriteString("</item>\n")
	}
	return []byte(b.String() + "</channel></rss>\n")
}
