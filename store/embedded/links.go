package embedded

import (
	"bytes"
	"context"
	"maps"
	"net/url"
	"path"
	"slices"
	"sync"

	"feedpub/feed"
)

// links records which post each file contains, and which posts link to which files. A post that links to the file of
// another post is absorbed again when that file changes, since the URL of the other post may have changed.
type links struct {
	mu  sync.RWMutex
	ids map[string]string // id of the post, by path of the file; only files with exactly one post

	// The fields below are guarded by the mutex of the folder.
	targets map[string][]string // paths of the files that a post links to, by the id of the post
	changed map[string]bool     // paths of the files that were read or removed in the current scan
}

func newLinks() *links {
	return &links{ids: map[string]string{}, targets: map[string][]string{}, changed: map[string]bool{}}
}

// read records the posts that a file contains now; none if it was removed. changed reports whether they may differ from
// those that were absorbed.
func (l *links) read(name string, posts []feed.RawPost, changed bool) {
	if changed {
		l.changed[name] = true
	}
	l.mu.Lock()
	if delete(l.ids, name); len(posts) == 1 {
		l.ids[name] = posts[0].ID
	}
	l.mu.Unlock()
	for _, p := range posts {
		if delete(l.targets, p.ID); len(posts) == 1 {
			if names := linkedFiles(name, p.Raw); len(names) > 0 {
				l.targets[p.ID] = names
			}
		}
	}
}

// affected returns the ids of the posts that link to a file that has changed since the last call, except posts whose
// own file has changed.
func (l *links) affected() []string {
	var ids []string
	if len(l.changed) > 0 {
		own := map[string]bool{}
		for name := range l.changed {
			own[l.ids[name]] = true
		}
		for _, id := range slices.Sorted(maps.Keys(l.targets)) {
			if !own[id] && slices.ContainsFunc(l.targets[id], func(name string) bool { return l.changed[name] }) {
				ids = append(ids, id)
			}
		}
	}
	clear(l.changed)
	return ids
}

// idIn returns the id of the only post in a file.
func (l *links) idIn(name string) (string, bool) {
	l.mu.RLock()
	defer l.mu.RUnlock()
	id, ok := l.ids[name]
	return id, ok
}

// PostAt returns the post in the file with the slash-separated path, and false if there is none, or if the file
// contains several posts.
func (s *Store) PostAt(name string) (feed.StoredPost, bool) {
	id, ok := s.folder.links.idIn(name)
	if !ok {
		return feed.StoredPost{}, false
	}
	ctx, cancel := context.WithTimeout(context.Background(), internalTimeout)
	defer cancel()
	stored, err := s.folder.site.Load(ctx, []string{id})
	if err != nil || len(stored) == 0 || stored[0].Raw == nil {
		return feed.StoredPost{}, false
	}
	return stored[0], true
}

// submitLinking submits the posts that link to files that have changed in a scan. It does nothing in the first scan if
// no post was restored, since none has been absorbed yet.
func (f *folder) submitLinking(ctx context.Context, first bool) error {
	ids := f.links.affected()
	if first && !f.restored || len(ids) == 0 {
		return nil
	}
	return f.submit(ctx, ids)
}

// submit stores posts again unchanged, so that they are absorbed again.
func (f *folder) submit(ctx context.Context, ids []string) error {
	stored, err := f.site.Load(ctx, ids)
	if err != nil {
		return err
	}
	var posts []feed.RawPost
	for _, st := range stored {
		if st.Raw != nil {
			posts = append(posts, feed.RawPost{ID: st.ID, Raw: st.Raw})
		}
	}
	return f.site.Put(ctx, posts...)
}

// postExtensions are the extensions of files that contain one post, so that other posts may link to them.
var postExtensions = [][]byte{[]byte(".md"), []byte(".markdown"), []byte(".html"), []byte(".htm"), []byte(".txt")}

// linkedFiles returns the paths of the files that a post may link to. Words of the post's text that end in an extension
// of post files are taken as paths relative to the post's own file. Some of these words are not links, so a post may be
// absorbed again unnecessarily.
func linkedFiles(name string, raw []byte) []string {
	var names []string
	for _, extension := range postExtensions {
		for end := 0; ; {
			i := bytes.Index(raw[end:], extension)
			if i < 0 {
				break
			}
			start := end + i
			end = start + len(extension)
			if bytes.HasPrefix(raw[end:], []byte("l")) {
				continue // the extension is ".html"
			}
			word := raw[bytes.LastIndexAny(raw[:start], " \t\"'<>()[]{}\\,")+1 : end]
			ref, err := url.PathUnescape(string(word))
			if err != nil || bytes.Contains(word, []byte("://")) {
				continue
			}
			target := path.Join(path.Dir(name), ref)
			if ref[0] == '/' {
				target = path.Clean(ref)[1:]
			}
			if target != name && !slices.Contains(names, target) {
				names = append(names, target)
			}
		}
	}
	return names
}
