package feed_test

import (
	"testing"

	"feedpub/feed"
)

func TestTransient(t *testing.T) {
	for _, name := range []string{
		".post.md", ".post.md.swp", "post.md~", "#post.md#", ".#post.md", "post.swp", "4913", "~$post.txt", "post.md.tmp",
		"post.md.bak", "post.md.part", "post.md.filepart", "post.md.crdownload", "post.md.sb-1a2b3c4d-Xy12Zw",
		"post.md___jb_tmp___", "post.sync-conflict-20240102-030405-ABCDEFG.md", "~syncthing~post.md.tmp",
		"post (Ann's conflicted copy 2024-01-02).md", "post (conflicted copy 2024-01-02 030405).md",
		"post_conflict-20240102-030405.md", "post [Conflict 1].md", "post_conf(1).md", "post (Case Conflict 1).md",
		".goutputstream-AB12CD", ".DS_Store", ".post.md.icloud", ".nfs000000001",
	} {
		if !feed.Transient(name) {
			t.Errorf("Transient(%q) is false; the file would be published", name)
		}
	}
	for _, name := range []string{
		"post.md", "my notes (copy).md", "a conflict in the family.md", "template.html", "save the date.md", "~ tilde.md",
		"2024-01-02-old.md", "part 2.txt", "conflict.md", "C#.md", "download.html", "post.json", "photo (1).jpg",
		"[conflict of interest].md", "4913.md", "post.MD", "A-1.markdown",
	} {
		if feed.Transient(name) {
			t.Errorf("Transient(%q) is true; the file would be ignored", name)
		}
	}
}
