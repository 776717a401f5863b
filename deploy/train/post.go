package main

import (
	"bufio"
	"cmp"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"feedpub/feed/attribution"
	"feedpub/feed/markup"
)

// Post is a post with the credits that a careful reader would find in it.
type Post struct {
	ID         string   `json:"id"`
	Title      string   `json:"title"`
	Format     string   `json:"format"`
	Body       string   `json:"html_or_text"`
	OtherBody  string   `json:"body"` // the body in the files of feed/attribution/testdata
	Language   string   `json:"language"`
	Form       string   `json:"form"`       // how the source is credited; posts of the same form are in the same fold
	Convention string   `json:"convention"` // the form in the files of feed/attribution/testdata
	Expect     Expected `json:"expect"`
	Lenient    bool     `json:"lenient"`
	LenientOwn bool     `json:"commentary_lenient"`

	// File is the name of the file that contains the post.
	File string `json:"-"`
	// Ruled reports whether the rules were written for the post. If so, training ignores what they find in it.
	Ruled bool `json:"-"`
	// Late reports whether only the certainties and verdicts are trained on the post.
	Late bool `json:"-"`
}

// Expected is what a careful reader would find in a post.
type Expected struct {
	Quotes     []Quote  `json:"quotes"`
	Commentary []string `json:"commentary"` // the first words of each of the author's own paragraphs
	Optional   []string `json:"commentary_optional"`
	Via        []string `json:"via"`
}

// Quote is a source and the first and last words of its passage. The lists of other correct values contain null if an
// empty field is correct.
type Quote struct {
	Publication *string    `json:"publication"`
	Headline    *string    `json:"headline"`
	Authors     []string   `json:"authors"`
	Date        *string    `json:"date"`
	URL         *string    `json:"url"`
	First       *string    `json:"first_words"`
	Last        *string    `json:"last_words"`
	Kind        string     `json:"kind"`
	Group       any        `json:"group"`
	PubOr       []*string  `json:"publication_accept"`
	HeadlineOr  []*string  `json:"headline_accept"`
	AuthorsOr   [][]string `json:"authors_accept"`
	DateOr      []*string  `json:"date_accept"`
	URLOr       []*string  `json:"url_accept"`
	FirstOr     []*string  `json:"first_words_accept"`
	LastOr      []*string  `json:"last_words_accept"`
}

// readPosts reads the JSON Lines files that match the pattern.
func readPosts(pattern string) ([]*Post, error) {
	names, err := filepath.Glob(pattern)
	if err != nil {
		return nil, err
	}
	if len(names) == 0 {
		return nil, fmt.Errorf("no file matches %s", pattern)
	}
	var posts []*Post
	for _, name := range names {
		list, err := readFile(name)
		if err != nil {
			return nil, err
		}
		posts = append(posts, list...)
	}
	return posts, nil
}

func readFile(name string) ([]*Post, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	var posts []*Post
	sc := bufio.NewScanner(f)
	sc.Buffer(nil, 8<<20)
	for line := 1; sc.Scan(); line++ {
		if len(sc.Bytes()) == 0 {
			continue
		}
		p := &Post{}
		if err := json.Unmarshal(sc.Bytes(), p); err != nil {
			return nil, fmt.Errorf("%s: line %d: %w", name, line, err)
		}
		p.Body = cmp.Or(p.Body, p.OtherBody)
		p.Form, p.File = cmp.Or(p.Form, p.Convention, p.ID), filepath.Base(name)
		posts = append(posts, p)
	}
	return posts, sc.Err()
}

// input returns the post as the input of a Reader. Each call parses it again, since a Reader may keep nodes.
func (p *Post) input() (attribution.Input, error) {
	body, err := markup.Parse(markup.Format(p.Format), p.Body)
	if err != nil {
		return attribution.Input{}, fmt.Errorf("post %s: %w", p.ID, err)
	}
	return attribution.Input{Body: body, Title: p.Title}, nil
}

// folds divides the posts into n groups of similar size, with all posts of a form in one group. way selects one of
// several divisions.
func folds(posts []*Post, n, way int) []int {
	count := map[string]int{}
	var forms []string
	for _, p := range posts {
		if count[p.Form] == 0 {
			forms = append(forms, p.Form)
		}
		count[p.Form]++
	}
	slices.SortFunc(forms, func(a, b string) int { return cmp.Or(cmp.Compare(count[b], count[a]), cmp.Compare(a, b)) })
	// Swap forms of similar size. Each way results in a different order.
	for i := range forms {
		if j := i + (i*7+way*5)%11; way > 0 && j < len(forms) {
			forms[i], forms[j] = forms[j], forms[i]
		}
	}
	size, of := make([]int, n), map[string]int{}
	for _, f := range forms {
		k := 0
		for i := range size {
			if size[i] < size[k] {
				k = i
			}
		}
		of[f] = k
		size[k] += count[f]
	}
	out := make([]int, len(posts))
	for i, p := range posts {
		out[i] = of[p.Form]
	}
	return out
}
