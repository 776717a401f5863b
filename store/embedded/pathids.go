package embedded

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"

	"feedpub/feed"
)

// pathIDs records ids of posts whose files specify none. Such a post normally has the path of its file as its id. The
// id differs if the file was renamed, or if the path is already the id of a renamed file; only these ids are recorded.
// Ids never change, so they are written to disk before they are used.
type pathIDs struct {
	path  string
	files fileOps
	ids   map[string]string // by path of the file
}

// openPathIDs reads the recorded ids. A damaged file is an error: without it, posts would get new ids.
func openPathIDs(dir string, files fileOps) (*pathIDs, error) {
	p := &pathIDs{path: filepath.Join(dir, "ids.json"), files: files, ids: map[string]string{}}
	b, err := os.ReadFile(p.path)
	if errors.Is(err, fs.ErrNotExist) {
		return p, nil
	}
	if err == nil {
		err = json.Unmarshal(b, &p.ids)
	}
	if err != nil {
		return nil, fmt.Errorf("ids of renamed files: %s: %w", p.path, err)
	}
	return p, nil
}

// record maps the file with the given name to the id of its post, and removes that id from any other file.
func (p *pathIDs) record(name, id string) error {
	next := maps.Clone(p.ids)
	maps.DeleteFunc(next, func(_, other string) bool { return other == id })
	if next[name] = id; name == id {
		delete(next, name)
	}
	if maps.Equal(next, p.ids) {
		return nil
	}
	b, err := json.Marshal(next)
	if err == nil {
		err = p.files.replace(p.path, b, 0o600)
	}
	if err != nil {
		return fmt.Errorf("ids of renamed files: %w", err)
	}
	p.ids = next
	return nil
}

// idOf returns the id of the post in a file that specifies no id.
func (p *pathIDs) idOf(name string) string {
	if id, ok := p.ids[name]; ok {
		return id
	}
	return name
}

// apply sets the id of the post in a file that specifies no id, if an id is recorded for it.
func (p *pathIDs) apply(name string, posts []feed.RawPost) {
	if id := p.idOf(name); pathIsID(name, posts) && id != name {
		posts[0] = withID(posts[0], id)
	}
}

// pathIsID reports whether a file contains a single post whose id is the path of the file, which the decoder uses if
// the file specifies no id.
func pathIsID(name string, posts []feed.RawPost) bool { return len(posts) == 1 && posts[0].ID == name }

// withID returns a copy of p with the given id.
func withID(p feed.RawPost, id string) feed.RawPost {
	p.ID = id
	var members map[string]json.RawMessage
	if json.Unmarshal(p.Raw, &members) != nil || members["id"] == nil {
		return p // without the member, the post has the id of its key
	}
	// Strings and decoded JSON can always be encoded.
	members["id"], _ = json.Marshal(id)
	p.Raw, _ = json.Marshal(members)
	return p
}

// identify sets the id of the post in a file that specifies no id. It chooses the recorded id if there is one. A
// renamed file with the same content keeps the id that its post had under the old name. Otherwise the id is the path,
// unless a renamed file has that id.
func (s *scan) identify(name string, state *file, v *version) error {
	if !pathIsID(name, v.posts) {
		return nil
	}
	if _, recorded := s.ids.ids[name]; !recorded {
		id, err := s.chooseID(name, state, v.sum)
		if err == nil && id != name {
			err = s.ids.record(name, id)
		}
		if err != nil {
			return err
		}
	}
	s.ids.apply(name, v.posts)
	return nil
}

// chooseID returns the id of the post in a file that specifies no id and has no recorded id.
func (s *scan) chooseID(name string, state *file, sum feed.Hash) (string, error) {
	if _, known := state.posts[name]; known {
		return name, nil
	}
	if old, ok := s.renamedFrom(name, sum); ok {
		id := s.ids.idOf(old)
		s.o.Logger.Info("file renamed; its post keeps its id", "file", name, "before", old, "post", id)
		return id, nil
	}
	taken := func(id string) bool {
		for other, own := range s.ids.ids {
			if _, exists := s.found[other]; own == id && other != name && exists {
				return true
			}
		}
		return false
	}
	id := name
	for n := 2; taken(id); n++ {
		id = name + "~" + strconv.Itoa(n)
	}
	// The post of a removed file may have had this id, which is now free.
	return id, s.ids.release(id)
}

// release removes id from the record, so that a different post can have it.
func (p *pathIDs) release(id string) error {
	for name, own := range p.ids {
		if own == id && name != id {
			return p.record(id, id)
		}
	}
	return nil
}

// renamedFrom returns the old name of a file that was renamed: the recorded name of a file that had the same content
// and no longer exists.
func (s *scan) renamedFrom(name string, sum feed.Hash) (old string, ok bool) {
	if s.renamed == nil {
		s.renamed = map[feed.Hash][]string{}
		for _, other := range slices.Sorted(maps.Keys(s.files)) {
			state := s.files[other]
			if _, single := state.posts[s.ids.idOf(other)]; state.sum != "" && single && len(state.posts) == 1 {
				s.renamed[state.sum] = append(s.renamed[state.sum], other)
			}
		}
	}
	candidates := slices.DeleteFunc(slices.Clone(s.renamed[sum]), func(other string) bool {
		state := s.files[other]
		return state == nil || state.kept || other == name || s.owner[s.ids.idOf(other)] != other || !s.vanished(other)
	})
	// If several files with the same content were moved at once, assume that each kept its base name.
	if i := slices.IndexFunc(candidates, func(other string) bool { return path.Base(other) == path.Base(name) }); i >= 0 {
		return candidates[i], true
	}
	if len(candidates) == 0 {
		return "", false
	}
	return candidates[0], true
}

// vanished reports whether a file no longer exists, even if the scan has found it: it may have been renamed after its
// old folder was listed and before its new folder was.
func (s *scan) vanished(name string) bool {
	state := s.files[name]
	if state.gone {
		return true
	}
	if _, err := fs.Stat(s.fsys, name); !errors.Is(err, fs.ErrNotExist) {
		return false
	}
	state.gone, state.since = true, s.start
	delete(s.found, name)
	return true
}
