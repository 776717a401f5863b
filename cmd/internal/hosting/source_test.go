package hosting

import (
	"os"
	"path/filepath"
	"testing"

	"feedpub/config"
	"feedpub/feed"
	"feedpub/feed/attribution"
)

func TestChooseSource(t *testing.T) {
	t.Setenv("XDG_CACHE_HOME", "/cache")
	var redis config.RedisURL
	if err := redis.UnmarshalText([]byte("redis://127.0.0.1:6379")); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name              string
		posts             bool // whether the folder ./posts exists
		config            config.Config
		write             bool
		sample            bool
		wantDir, wantData config.Path
	}{
		{"nothing", false, config.Config{}, false, true, "", "/cache/feedpub/samples"},
		{"nothing, to write", false, config.Config{}, true, false, "posts", "feedpub-data"},
		{"./posts", true, config.Config{}, false, false, "posts", "feedpub-data"},
		{"a folder", true, config.Config{Dir: "/srv/blog/posts"}, false, false, "/srv/blog/posts", "/srv/blog/feedpub-data"},
		{"a folder of another name", false, config.Config{Dir: "/srv/blog/notes/"}, false, false, "/srv/blog/notes/",
			"/srv/blog/feedpub-data-notes"},
		{"a data folder", false, config.Config{Dir: "notes", Data: "/var/data"}, false, false, "notes", "/var/data"},
		{"Redis", true, config.Config{Redis: redis}, false, false, "", "feedpub-data"},
		{"samples with a data folder", false, config.Config{Data: "/var/data"}, false, true, "", "/var/data"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Chdir(t.TempDir())
			if c.posts {
				if err := os.Mkdir("posts", 0o755); err != nil {
					t.Fatal(err)
				}
			}
			s, err := ChooseSource(c.config, Process{}, c.write)
			if err != nil {
				t.Fatal(err)
			}
			if s.Sample != c.sample || s.Config.Dir != c.wantDir || s.Config.Data != c.wantData {
				t.Errorf("sample %v, dir %q, data %q; want %v, %q, %q",
					s.Sample, s.Config.Dir, s.Config.Data, c.sample, c.wantDir, c.wantData)
			}
		})
	}
}

// TestDataFolderPerFolder checks that two folders of posts have different data folders: with a shared one, the posts of
// one folder would be missing from the feeds of the other.
func TestDataFolderPerFolder(t *testing.T) {
	seen := make(map[config.Path]config.Path)
	for _, dir := range []config.Path{"posts", "a", "b", "a/posts", "a/b"} {
		s, err := ChooseSource(config.Config{Dir: dir}, Process{}, false)
		if err != nil {
			t.Fatal(err)
		}
		if other, ok := seen[s.Config.Data]; ok {
			t.Errorf("%s and %s share the data folder %s", dir, other, s.Config.Data)
		}
		seen[s.Config.Data] = dir
	}
}

// TestMedia checks which folder is searched for the files that posts refer to.
func TestMedia(t *testing.T) {
	posts, files := t.TempDir(), t.TempDir()
	for dir, size := range map[string]int{posts: 1, files: 2} {
		if err := os.WriteFile(filepath.Join(dir, "sea.jpg"), make([]byte, size), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for name, tt := range map[string]struct {
		configure func(*Source)
		size      int64 // of sea.jpg; 0 if no files are served
	}{
		"folder":                {func(s *Source) { s.Config.Dir = config.Path(posts) }, 1},
		"folder with media_dir": {func(s *Source) { s.Config.Dir, s.Config.MediaDir = config.Path(posts), config.Path(files) }, 2},
		"samples":               {func(s *Source) { s.Config.Dir, s.Sample = config.Path(posts), true }, 0},
		"redis":                 {func(s *Source) { setRedis(t, s) }, 0},
		"redis with media_dir":  {func(s *Source) { setRedis(t, s); s.Config.MediaDir = config.Path(files) }, 2},
	} {
		t.Run(name, func(t *testing.T) {
			s := Source{Config: config.Default()}
			tt.configure(&s)
			dir, ok := s.media()
			size, found := dir.Size("sea.jpg")
			if size != tt.size || found != (tt.size > 0) || ok != (tt.size > 0) {
				t.Errorf("sea.jpg has %d bytes (found: %t, with a folder: %t), want %d", size, found, ok, tt.size)
			}
			r, err := s.intake(nil).Item("a", []byte(`{"id": "a", "_file": "a.md", "date_published": "2026-01-02T03:04:05Z",
				"content_text": "The sea.", "attachments": [{"url": "sea.jpg", "mime_type": "image/jpeg"}]}`), feed.Record{ID: "a"})
			if err != nil {
				t.Fatal(err)
			}
			var got int64
			if a := r.Item.Attachments; len(a) == 1 {
				got = a[0].SizeInBytes
			}
			if got != tt.size {
				t.Errorf("the attachment has %d bytes, want %d", got, tt.size)
			}
		})
	}
}

func setRedis(t *testing.T, s *Source) {
	if err := s.Config.Redis.UnmarshalText([]byte("redis://127.0.0.1:1")); err != nil {
		t.Fatal(err)
	}
}

// TestDefaultThreshold checks that the configuration and package attribution have the same default. Package config does
// not import attribution, since tools that only read a configuration do not need its tables.
func TestDefaultThreshold(t *testing.T) {
	if got := config.Default().Attribution.Threshold; got != attribution.DefaultThreshold {
		t.Errorf("the default of attribution.threshold is %v, want %v", got, attribution.DefaultThreshold)
	}
}
