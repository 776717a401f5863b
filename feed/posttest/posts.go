// Package posttest generates posts that resemble those of real blogs, for tests and benchmarks. The feedpub program
// does not use it.
//
// A post is about 3 KB long, has one of 5 authors, and has 3 of 200 tags, some of which are frequent. Half of the posts
// quote one of 100 publications in the ways that bloggers do. They link to an article at the host of the publication,
// so that the credits are certain. The post with a given number is always the same. The text has no meaning, but its
// words are as frequent and as varied as those of English prose, so that it is compressed about as well.
package posttest

import (
	"encoding/json"
	"fmt"
	"iter"
	"math/rand/v2"
	"strings"
	"sync"
	"time"

	"feedpub/feed"
)

const (
	authors = 5
	tags    = 200
	// seed is constant, so that every run generates the same posts.
	seed = 20140617
)

// words is the vocabulary of all posts. It must not be modified.
var words = sync.OnceValue(newVocabulary)

var (
	// publications are the quoted publications, the most frequent first. Each article has the host of its publication, so
	// that the credit is certain.
	publications = combine(strings.Fields(`Ashcombe Barrowby Calderwick Dunmere Eastholt Farnley Glenmoor Harwell Inverside
Kingsford Larkhill Marlowe Northbrook Oakhampton Pendleton Quarrington Ravensworth Stanbridge Thornbury Westerfield`),
		strings.Fields("Gazette Herald Courier Tribune Chronicle"))
	// people are the authors of the posts, followed by the authors of the quoted articles.
	people = combine(strings.Fields("Anna Brian Carla Derek Ellen Frank Grace Henry Irene James Laura"),
		strings.Fields("Abbott Bennett Carver Dawson Ellison"))
)

// combine returns each first word followed by each last word.
func combine(first, last []string) []string {
	all := make([]string, 0, len(first)*len(last))
	for _, l := range last {
		for _, f := range first {
			all = append(all, f+" "+l)
		}
	}
	return all
}

// start is the date of the first post. Each later post is dated one hour after the previous post.
var start = time.Date(2004, 1, 1, 8, 0, 0, 0, time.UTC)

// All returns n posts, oldest first.
func All(n int) iter.Seq[feed.RawPost] {
	return func(yield func(feed.RawPost) bool) {
		for i := range n {
			if !yield(Post(i)) {
				return
			}
		}
	}
}

// Post returns the i-th post.
func Post(i int) feed.RawPost { return Version(i, 0) }

// Version returns the i-th post after the given number of edits.
func Version(i, edit int) feed.RawPost {
	r := rand.New(rand.NewPCG(seed, uint64(i)))
	id := fmt.Sprintf("post-%07d", i)
	date := start.Add(time.Duration(i) * time.Hour)
	post := struct {
		ID            string        `json:"id"`
		URL           string        `json:"url"`
		Title         string        `json:"title"`
		ContentHTML   string        `json:"content_html"`
		DatePublished time.Time     `json:"date_published"`
		Authors       []feed.Author `json:"authors"`
		Tags          []string      `json:"tags"`
	}{
		ID: id, URL: "https://blog.example/" + id, Title: words().sentence(r, 6), DatePublished: date,
		Authors: []feed.Author{{Name: people[r.IntN(authors)]}},
	}
	for range 3 {
		post.Tags = append(post.Tags, fmt.Sprintf("Tag %d", skewed(r, tags)))
	}
	post.ContentHTML = content(r, date)
	if edit > 0 {
		post.ContentHTML += fmt.Sprintf("<p>Edited for the %dth time.</p>", edit)
	}
	raw, err := json.Marshal(post)
	if err != nil {
		panic(err) // cannot happen for a struct of strings
	}
	return feed.RawPost{ID: id, Raw: raw}
}

// content returns about 2.4 KB of HTML.
func content(r *rand.Rand, date time.Time) string {
	var b strings.Builder
	paragraph := func(size int) {
		b.WriteString("<p>")
		for from := b.Len(); b.Len()-from < size; {
			b.WriteString(words().sentence(r, 8+r.IntN(12)) + " ")
		}
		b.WriteString(`<a href="https://blog.example/more">More</a>.</p>` + "\n")
	}
	paragraph(400)
	if r.IntN(2) == 0 { // half of the posts contain a quote
		publication := publications[skewed(r, len(publications))]
		host := strings.ToLower(strings.ReplaceAll(publication, " ", ""))
		article := fmt.Sprintf("https://www.%s.example/news/%d", host, r.IntN(1e6))
		headline := words().sentence(r, 7)
		by := people[authors+r.IntN(len(people)-authors)]
		switch r.IntN(3) {
		case 0:
			fmt.Fprintf(&b, "<p>From <a href=%q>the %s</a>:</p>\n", article, publication)
		case 1:
			fmt.Fprintf(&b, "<p>%s, writing for <a href=%q>%s</a>:</p>\n", by, article, publication)
		case 2:
			fmt.Fprintf(&b, "<p>From the %s:</p><p><a href=%q>%s</a></p><p>By %s | %s</p>\n",
				publication, article, headline, by, date.Format("January 2, 2006"))
		}
		b.WriteString("<blockquote>")
		paragraph(500)
		paragraph(500)
		b.WriteString("</blockquote>\n")
	}
	for b.Len() < 2300 {
		paragraph(450)
	}
	return b.String()
}

// skewed returns a random number less than n. Small numbers are much more likely than large ones.
func skewed(r *rand.Rand, n int) int {
	f := r.Float64()
	return int(f * f * float64(n))
}
