package intake

import (
	"encoding/json"
	"net/url"
	"path"
	"slices"
	"strings"

	"golang.org/x/net/html"

	"feedpub/feed"
	"feedpub/feed/markup"
)

// FileMember is the member of a post that holds the path of its file, which relative references are resolved against.
// It is absent for files at the top of the folder.
const FileMember = "_file"

// NotesMember is the member of a post that lists what is probably wrong with its file, such as a misspelled key. The
// post is published nevertheless.
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

// files resolves the references of a post to files.
type files struct {
	media Media
	base  string // base URL of the files
	dir   string // folder of the post's file
	// elsewhere is set if the post has a page on the blog, which may have its own files.
	elsewhere bool
	missing   []string
}

// filesOf returns the resolver for a post with the given permalink, which may be empty.
func (in *Intake) filesOf(p feed.Post, permalink string) *files {
	f := &files{media: in.media, elsewhere: permalink != "", dir: "."}
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
// with a slash is a path in the folder if there is such a file. A missing file is noted, unless it may be on the blog.
func (f *files) resolve(ref string) string {
	name, u := f.find(ref)
	if name == "" {
		return ref
	}
	if _, ok := f.media.Size(name); !ok {
		if f.elsewhere || strings.HasPrefix(u.Path, "/") {
			return ref
		}
		if !slices.Contains(f.missing, name) {
			f.missing = append(f.missing, name)
		}
	}
	return f.base + (&url.URL{Path: name, RawQuery: u.RawQuery, Fragment: u.Fragment}).String()
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
	if feed.MediaType(name) == "" {
		return "", nil
	}
	return name, u
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
		if name == "" {
			continue
		}
		list[i].URL = f.resolve(a.URL)
		if size, ok := f.media.Size(name); ok && a.SizeInBytes == 0 {
			list[i].SizeInBytes = size
		}
	}
	return list
}
