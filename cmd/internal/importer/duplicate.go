package importer

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"strconv"
	"strings"
)

// firstPosts records where the first post with each id was read, in about 50 bytes per post.
type firstPosts struct {
	posts  map[[16]byte]firstPost // keyed by a hash of the id
	places []string               // places without line numbers
}

// firstPost is the first post with an id.
type firstPost struct {
	content uint64 // the hash of the raw post
	place   uint32 // in firstPosts.places
	line    uint32 // 0 if the place contains no line number
}

func newFirstPosts() firstPosts { return firstPosts{posts: make(map[[16]byte]firstPost)} }

// add records a post whose id is new.
func (f *firstPosts) add(p post) {
	place, line := p.place, 0
	if i := strings.LastIndexByte(place, ':'); i > 0 {
		if n, err := strconv.Atoi(place[i+1:]); err == nil && n > 0 {
			place, line = place[:i], n
		}
	}
	if n := len(f.places); n == 0 || f.places[n-1] != place {
		f.places = append(f.places, place)
	}
	f.posts[idSum(p.ID)] = firstPost{contentSum(p.Raw), uint32(len(f.places) - 1), uint32(line)}
}

// find returns the place of the first post with the id of p, and reports whether it has the same content. It returns
// false if there is no such post.
func (f *firstPosts) find(p post) (place string, same, ok bool) {
	first, ok := f.posts[idSum(p.ID)]
	if !ok {
		return "", false, false
	}
	place = f.places[first.place]
	if first.line > 0 {
		place = fmt.Sprintf("%s:%d", place, first.line)
	}
	return place, first.content == contentSum(p.Raw), true
}

func idSum(id string) [16]byte {
	sum := sha256.Sum256([]byte(id))
	return [16]byte(sum[:16])
}

func contentSum(raw []byte) uint64 {
	sum := sha256.Sum256(raw)
	return binary.BigEndian.Uint64(sum[:8])
}
