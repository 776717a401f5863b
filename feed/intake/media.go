package intake

import (
	"encoding/json"
	"net/url"
	"path"
	"slices"
	"strings"
	"time"

	"golang.org/x/net/html"

	"feedpub/feed"
	"feedpub/feed/markup"
	"feedpub/feed/pathname"
)

// FileMember is the member of a post that holds the path of its file. Relative references are resolved against this
// path. The member is absent for files at the top of the folder.
const FileMember = "_file"

// NotesMember is the member of a post that lists probable mistakes in its file, such as a misspelled key. The post is
// published nevertheless.
const NotesMember = "_notes"

// notes returns the notes about the file of a post.
func notes(p feed.Post) (list []string) {
	if json.Unmarshal(p.Unknown[NotesMember], &list) != nil {
		return nil // the member was not written by feedpub
	}
	return list
}

// Media provides the files that posts refer to, which are served below [feed.MediaPath].
type Media interface {
	// Size returns the size of a file in bytes, and whether it is served. Name is a slash-separated path.
	Size(name string) (int64, bool)
}

// WithMedia returns an Intake whose posts can refer to files.
func (in *Intake) WithMedia(m Media) *Intake {
	next := *in
	next.media = m
	next.fingerprint += "-" + string(feed.HashOf([]byte(in.site.BaseURL))[:8])
	return &next
}

// Posts provides the posts that other posts link to by the paths of their files.
type Posts interface {
	// PostAt returns the post in the file with the slash-separated path, and false if there is none.
	PostAt(name string) (feed.StoredPost, bool)
}

// WithPosts returns an Intake whose posts can link to files of other posts. The paths in these links are replaced with
// the URLs of the posts. The Intake must have [Media]. pages reports whether posts without a URL have pages of their
// own.
func (in *Intake) WithPosts(p Posts, pages bool) *Intake {
	next := *in
	next.posts, next.pages = p, pages
	next.fingerprint += "-links"
	return &next
}

// address returns the URL of a published post. If the post cannot be read, this is the URL of its last good version.
// The result is "" if the post is not public, or if its URL is not known yet.
func (in *Intake) address(st feed.StoredPost) string {
	if st.Item != nil && st.Item.RawSum == feed.HashOf(st.Raw) {
		return st.Item.URL
	}
	p, err := Decode(st.ID, st.Raw)
	if err != nil && st.Item != nil && StatusOf(st.Raw) == feed.Published {
		return st.Item.URL // the last good version stays published
	}
	if err != nil || p.Status == feed.Draft || p.Status == feed.Private {
		return ""
	}
	published, _, err := dates(p, st.Record)
	if err != nil {
		published = time.Time{}
	}
	if published.IsZero() && p.URL == "" && in.datedPermalinks() {
		return "" // the date will be the time when the post is first seen, which is not known yet
	}
	if permalink := in.permalink(p, published); permalink != "" || !in.pages {
		return permalink
	}
	return strings.TrimSuffix(in.site.BaseURL, "/") + pathname.PlainPost(p.ID).Path(feed.HTML)
}

// datedPermalinks reports whether the site's pattern for permalinks contains a date.
func (in *Intake) datedPermalinks() bool {
	return slices.ContainsFunc([]string{":year", ":month", ":day"}, func(key string) bool {
		return strings.Contains(in.site.Permalink, key)
	})
}

// files resolves a post's references to files.
type files struct {
	in    *Intake
	media Media
	base  string // base URL of the files
	dir   string // folder of the post's file
	// elsewhere is set if the post has a page on the blog, which may have its own files.
	elsewhere bool
	missing   []string
}

// filesOf returns the resolver for a post with the given permalink, which may be empty.
func (in *Intake) filesOf(p feed.Post, permalink string) *files {
	f := &files{in: in, media: in.media, elsewhere: permalink != "", dir: "."}
	if f.media == nil {
		return f
	}
	f.base = strings.TrimSuffix(in.site.BaseURL, "/") + feed.MediaPath
	file := ""
	if json.Unmarshal(p.Unknown[FileMember], &file) == nil && file != "" {
		f.dir = path.Dir(file)
	}
	return f
}

// resolve returns the URL of the file that ref refers to, or ref if it refers to something else. A path that begins
// with a slash is a path in the folder if there is such a file. A missing file is added to f.missing, unless it may be
// on the blog.
func (f *files) resolve(ref string) string {
	name, u := f.find(ref)
	if name == "" {
		return ref
	}
	if feed.MediaType(name) == "" {
		return f.link(ref, name, u)
	}
	if _, ok := f.media.Size(name); !ok {
		if f.elsewhere || strings.HasPrefix(u.Path, "/") {
			return ref
		}
		f.miss(name)
	}
	return f.base + (&url.URL{Path: name, RawQuery: u.RawQuery, Fragment: u.Fragment}).String()
}

// miss adds a file to f.missing.
func (f *files) miss(name string) {
	if !slices.Contains(f.missing, name) {
		f.missing = append(f.missing, name)
	}
}

// link returns the URL of the post in a file that ref refers to, or ref if the file has no published post. In the
// latter case, it adds a Markdown file to f.missing, since such a file cannot be a page of the blog.
func (f *files) link(ref, name string, u *url.URL) string {
	address := ""
	if st, ok := f.in.posts.PostAt(name); ok {
		address = f.in.address(st)
	}
	to, err := url.Parse(address)
	if address == "" || err != nil {
		if isMarkdown(name) && !f.elsewhere && !strings.HasPrefix(u.Path, "/") {
			f.miss(name)
		}
		return ref
	}
	if u.Fragment != "" {
		to.Fragment, to.RawFragment = u.Fragment, u.RawFragment
	}
	return to.String()
}

func isMarkdown(name string) bool {
	extension := strings.ToLower(path.Ext(name))
	return extension == ".md" || extension == ".markdown"
}

// find returns the path of the file that ref refers to, or "" if it refers to no file in the folder.
func (f *files) find(ref string) (name string, u *url.URL) {
	if f.media == nil {
		return "", nil
	}
	u, err := markup.ParseURL(ref)
	if err != nil || u.IsAbs() || u.Host != "" || u.Path == "" {
		return "", nil
	}
	if rooted, ok := strings.CutPrefix(u.Path, "/"); ok {
		name = path.Clean(rooted)
	} else {
		name = path.Join(f.dir, u.Path)
	}
	if feed.MediaType(name) == "" && (f.in.posts == nil || !mayBePost(name)) {
		return "", nil
	}
	return name, u
}

// mayBePost reports whether a file may contain a post that other posts link to.
func mayBePost(name string) bool {
	if feed.Transient(path.Base(name)) || strings.HasPrefix(name, "../") {
		return false
	}
	switch strings.ToLower(path.Ext(name)) {
	case ".md", ".markdown", ".html", ".htm", ".txt":
		return true
	}
	return false
}

// content replaces the references in the content with URLs.
func (f *files) content(body *html.Node) {
	if f.media != nil {
		markup.MapReferences(body, f.resolve)
	}
}

// attachments returns the attachments with the URLs and sizes of their files.
func (f *files) attachments(list []feed.Attachment) []feed.Attachment {
	list = slices.Clone(list)
	for i, a := range list {
		name, _ := f.find(a.URL)
		if feed.MediaType(name) == "" {
			continue
		}
		list[i].URL = f.resolve(a.URL)
		if size, ok := f.media.Size(name); ok && a.SizeInBytes == 0 {
			list[i].SizeInBytes = size
		}
	}
	return list
}
