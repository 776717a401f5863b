package serve

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"reflect"
	"testing"

	"github.com/google/go-cmp/cmp"

	"feedpub/feed"
)

func TestShardsEdit(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	table, want := newShards[int](), map[string]int{}
	for range 200 {
		before, kept := maps.Clone(want), table
		e := table.edit()
		for range random.IntN(20) {
			key := fmt.Sprint(random.IntN(500))
			if random.IntN(3) == 0 {
				e.remove(key)
				delete(want, key)
			} else {
				e.set(key, random.Int())
				want[key], _ = e.get(key)
			}
		}
		table = e.done()
		if diff := cmp.Diff(want, maps.Collect(table.all())); diff != "" || table.size != len(want) {
			t.Fatalf("the table has size %d, want %d; entries (-want +got):\n%s", table.size, len(want), diff)
		}
		if diff := cmp.Diff(before, maps.Collect(kept.all())); diff != "" {
			t.Fatalf("an edit changed the original (-want +got):\n%s", diff)
		}
	}
	for key, v := range want {
		if got, ok := table.getBytes([]byte(key)); got != v || !ok {
			t.Errorf("getBytes(%q) = %d, %t; want %d", key, got, ok, v)
		}
	}
}

// TestShardsGrowAndShrink checks lookups of many entries and of missing keys.
func TestShardsGrowAndShrink(t *testing.T) {
	const count = 20_000
	table := newShards[int]()
	for _, step := range []struct {
		name   string
		change func(e *edit[int], key string, i int)
		want   func(i int) bool
	}{
		{"all set", func(e *edit[int], key string, i int) { e.set(key, i) }, func(int) bool { return true }},
		{"two of three removed", func(e *edit[int], key string, i int) {
			if i%3 > 0 {
				e.remove(key)
			}
		}, func(i int) bool { return i%3 == 0 }},
		{"all removed", func(e *edit[int], key string, _ int) { e.remove(key) }, func(int) bool { return false }},
	} {
		e := table.edit()
		for i := range count {
			step.change(e, fmt.Sprint("/tags/", i, "/feed.xml"), i)
		}
		table = e.done()
		size := 0
		for i := range count {
			key := fmt.Sprint("/tags/", i, "/feed.xml")
			got, ok := table.get(key)
			if ok != step.want(i) || ok && got != i {
				t.Fatalf("%s: get(%q) = %d, %t; want %d, %t", step.name, key, got, ok, i, step.want(i))
			}
			if ok {
				size++
			}
		}
		if _, ok := table.get("/none"); ok || table.size != size {
			t.Errorf("%s: the size is %d, want %d; get(/none) finds an entry: %t", step.name, table.size, size, ok)
		}
		entries, slots := 0, 0
		for _, part := range table.parts {
			slots += len(part)
			for _, x := range part {
				if x.hash != 0 {
					entries++
				}
			}
		}
		if entries != size || slots > 4*size+4*maxShards {
			t.Errorf("%s: %d entries in %d slots, want %d in at most %d", step.name, entries, slots, size, 4*size+4*maxShards)
		}
	}
}

// TestCommitCopiesOnlyChangedParts checks that a snapshot shares the unchanged parts with the previous snapshot.
func TestCommitCopiesOnlyChangedParts(t *testing.T) {
	all := map[feed.Name]*edition{}
	noise := rand.NewChaCha8([32]byte{})
	for i := range 2000 {
		name := feed.Join(feed.Tags, fmt.Sprint(i))
		all[name] = bulky(name, 1, noise)
	}
	before := emptySnapshot(nil).with(all, nil)
	after := before.with(map[feed.Name]*edition{"tags/7": bulky("tags/7", 1, noise)}, nil)
	if got, most := copied(before.paths, after.paths), len(feed.Formats()); got == 0 || got > most {
		t.Errorf("committing one of 2000 feeds copied %d parts of paths, want 1 to %d", got, most)
	}
	if got := copied(before.editions, after.editions); got != 1 {
		t.Errorf("committing one of 2000 feeds copied %d parts of editions, want 1", got)
	}
	if before.index != after.index {
		t.Errorf("a commit that changes no path created a new index")
	}
}

// copied returns how many parts b does not share with a.
func copied[V any](a, b *shards[V]) int {
	n := 0
	for i := range a.parts {
		if reflect.ValueOf(a.parts[i]).Pointer() != reflect.ValueOf(b.parts[i]).Pointer() {
			n++
		}
	}
	return n
}

// TestIncrementalSnapshotsEqualFullOnes commits feeds that add and remove each other's paths and aliases, and compares
// the result with a snapshot built from the last editions only.
func TestIncrementalSnapshotsEqualFullOnes(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	names := []feed.Name{feed.Main, "aaa", "tags/a", "tags/b"}
	targets := []string{"/", "/a", "/b", "/c", "/d", "/gone", "/a?x", "/b?x&y", "/gone?x"}
	redirects := newRedirects(Options{Retired: []string{"/gone", "/gone?x"}})
	step, last := emptySnapshot(redirects), map[feed.Name]*edition{}
	for range 500 {
		changes := map[feed.Name]*edition{}
		for _, name := range names[:1+random.IntN(len(names))] {
			head, blobs := commit(name, 1, noon, fmt.Sprint(random.IntN(3)))
			for i := range head.Documents {
				head.Documents[i].Path = targets[random.IntN(6)]
				for range random.IntN(3) {
					head.Documents[i].Aliases = append(head.Documents[i].Aliases, targets[1+random.IntN(len(targets)-1)])
				}
			}
			e, err := newEdition(head, nil, func(ref feed.DocumentRef) (feed.Blob, error) {
				for _, b := range blobs {
					if b.Hash == ref.Hash {
						return b, nil
					}
				}
				return feed.Blob{}, feed.ErrNotFound
			})
			if err != nil {
				t.Fatal(err)
			}
			changes[name], last[name] = e, e
		}
		step = step.with(changes, nil)
		once := emptySnapshot(redirects).with(last, nil)
		for _, target := range targets {
			got, want := documentAt(step, target), documentAt(once, target)
			if target == "/" && (got == "" || want == "") {
				continue // the list of feeds, which depends only on what is compared here
			}
			if got != want {
				t.Fatalf("document at %s is %q, want %q as in a snapshot of all feeds", target, got, want)
			}
		}
		if step.editions.size != len(last) {
			t.Fatalf("the snapshot has %d feeds, want %d", step.editions.size, len(last))
		}
	}
}

// documentAt returns the feed and format of the document at a path with or without a query, or "" if there is none.
func documentAt(s *Snapshot, target string) string {
	path, query := target, ""
	for i, c := range target {
		if c == '?' {
			path, query = target[:i], target[i+1:]
		}
	}
	var d *document
	if query == "" {
		d = s.document(path)
	} else {
		_, d = s.queried(path, query)
	}
	if d == nil || d.feed == "" {
		return ""
	}
	return fmt.Sprint(d.feed, " ", d.ref.Format)
}
