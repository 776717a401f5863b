package audience

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"feedpub/feed"
)

// counted returns an Audience with clients of all kinds, saved in the file at path.
func counted(t *testing.T, path string) *Audience {
	t.Helper()
	a := Open(path, func() time.Time { return noon }, salt, slog.New(slog.DiscardHandler))
	for i := range 100 {
		a.Polled("main", nil, 304, address(i), "newsboat/2.39 (Linux x86_64)")
	}
	a.Polled("main", nil, 226, address(1), "Feedly/1.0 (17 subscribers)")
	a.Polled("main", nil, 200, address(2), "")
	a.Polled("tags/go", nil, 200, address(3), "something new")
	if err := a.save(); err != nil {
		t.Fatalf("save: %v", err)
	}
	return a
}

func TestSaveAndOpen(t *testing.T) {
	path := filepath.Join(t.TempDir(), "audience", "main")
	a := counted(t, path)
	other := Salt([]byte("a different salt"))
	for days, same := range map[int]bool{0: true, 6: true, 7: false} {
		now := func() time.Time { return noon.Add(time.Duration(days) * 24 * time.Hour) }
		b := Open(path, now, other, slog.New(slog.DiscardHandler))
		a.now = now
		if diff := cmp.Diff(a.Readers(), b.Readers()); diff != "" {
			t.Errorf("readers %d days later (-before +after a restart):\n%s", days, diff)
		}
		for i := range 100 { // the same readers again, who are counted as new only after a week
			b.Polled("main", nil, 304, address(i), "newsboat/2.39 (Linux x86_64)")
		}
		got, want := b.Readers()[0].Direct, a.Readers()[0].Direct
		if same && got != want {
			t.Errorf("%d days later: %d direct readers after all polled again, want %d", days, got, want)
		}
		if !same && want != 0 {
			t.Errorf("%d days later: %d direct readers before all polled again, want none", days, want)
		}
	}
}

// TestFileIsPrivate checks that only the owner may read the file, and that it contains no addresses or User-Agents.
func TestFileIsPrivate(t *testing.T) {
	path := filepath.Join(t.TempDir(), "main")
	counted(t, path)
	info, err := os.Stat(path)
	if err != nil || info.Mode() != 0o600 {
		t.Errorf("the file has the mode %v, %v; want 0600", info.Mode(), err)
	}
	text := unpack(t, path)
	for _, secret := range []string{"10.0.0", "2.39", "something new"} {
		if strings.Contains(text, secret) {
			t.Errorf("the file contains %q:\n%.2000s", secret, text)
		}
	}
}

func unpack(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	r, err := gzip.NewReader(bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func pack(text string) []byte {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	_, err := w.Write([]byte(text))
	if err := errors.Join(err, w.Close()); err != nil {
		panic(err) // writes to a buffer never fail
	}
	return b.Bytes()
}

// TestDamagedFileIsIgnored checks that a damaged file is logged, adds nothing to the counts, and is replaced by the
// next save.
func TestDamagedFileIsIgnored(t *testing.T) {
	path := filepath.Join(t.TempDir(), "main")
	counted(t, path)
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	text := unpack(t, path)
	flipped := bytes.Clone(whole)
	flipped[len(flipped)/2] ^= 1
	for name, content := range map[string][]byte{
		"empty":           nil,
		"cut off":         whole[:len(whole)-1],
		"half":            whole[:len(whole)/2],
		"one bit flipped": flipped,
		"text":            []byte("hello"),
		"not JSON":        pack("hello"),
		"another format":  pack(strings.Replace(text, format, "feedpub audience 9", 1)),
		"short salt":      pack(strings.Replace(text, `"salt":"`, `"salt":"AA==","old":"`, 1)),
		"no sketch":       pack(strings.Replace(text, `"19860":"`, `"19860":"AA==","1":"`, 1)),
	} {
		t.Run(name, func(t *testing.T) {
			if string(content) == string(pack(text)) {
				t.Fatal("the test file is not damaged")
			}
			if err := os.WriteFile(path, content, 0o600); err != nil {
				t.Fatal(err)
			}
			var log bytes.Buffer
			a := Open(path, func() time.Time { return noon }, salt, slog.New(slog.NewTextHandler(&log, nil)))
			if got := a.Readers(); len(got) != 0 {
				t.Errorf("readers of a damaged file: %+v, want none", got)
			}
			if !strings.Contains(log.String(), path) {
				t.Errorf("log is %q, want the path of the file", log.String())
			}
			a.Polled("main", nil, 200, address(1), "newsboat")
			if err := a.save(); err != nil {
				t.Errorf("save: %v", err)
			}
			if b := Open(path, a.now, Salt{}, slog.New(slog.DiscardHandler)); b.salt != salt || len(b.Readers()) != 1 {
				t.Errorf("the file saved in its place has the readers %+v and salt %x, want one feed and salt %x",
					b.Readers(), b.salt, salt)
			}
		})
	}
}

// TestUnusedFeedsAreNotSaved checks that feeds without requests are removed from the file.
func TestUnusedFeedsAreNotSaved(t *testing.T) {
	path := filepath.Join(t.TempDir(), "main")
	a := counted(t, path)
	now := noon
	a.now = func() time.Time { return now }
	now = now.Add((forgetAfter - 1) * 24 * time.Hour)
	a.Polled("tags/new", nil, 200, address(1), "newsboat")
	for days, want := range []int{3, 1} {
		if err := a.save(); err != nil {
			t.Fatal(err)
		}
		if got := Open(path, a.now, salt, slog.New(slog.DiscardHandler)).Readers(); len(got) != want {
			t.Errorf("%d days after the last poll, the file contains %+v, want %d feeds", forgetAfter-1+days, got, want)
		}
		now = now.Add(24 * time.Hour)
	}
}

func TestRunSaves(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "main")
		a := Open(path, time.Now, salt, slog.New(slog.DiscardHandler))
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error)
		go func() { done <- a.Run(ctx, func() []Served { return nil }) }()
		kept := func() (polls uint64) {
			for _, r := range Open(path, time.Now, salt, slog.New(slog.DiscardHandler)).Readers() {
				polls += r.Polls
			}
			return polls
		}
		time.Sleep(saveEvery + time.Second) // on the bubble's clock
		synctest.Wait()
		if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("a file was written although nothing was counted: %v", err)
		}
		a.Polled("main", nil, 200, address(1), "newsboat")
		time.Sleep(saveEvery)
		synctest.Wait()
		if got := kept(); got != 1 {
			t.Errorf("%v after a poll, %d polls are saved, want 1", saveEvery, got)
		}
		a.Polled("main", nil, 200, address(1), "newsboat")
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Run: %v", err)
		}
		if got := kept(); got != 2 {
			t.Errorf("%d polls are saved after Run has returned, want 2", got)
		}
	})
}

// TestSaveErrorIsLoggedOnce checks that a full disk does not fill the log, and that counts are kept.
func TestSaveErrorIsLoggedOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, "file"), nil, 0o600); err != nil {
			t.Fatal(err)
		}
		var log bytes.Buffer
		a := Open(filepath.Join(dir, "file", "main"), time.Now, salt, slog.New(slog.NewTextHandler(&log, nil)))
		log.Reset()
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error)
		go func() { done <- a.Run(ctx, func() []Served { return nil }) }()
		a.Polled("main", nil, 200, address(1), "newsboat")
		time.Sleep(10 * saveEvery)
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Run: %v", err)
		}
		if got := strings.Count(log.String(), "level=ERROR"); got != 1 {
			t.Errorf("%d records about the failed save in the log, want 1:\n%s", got, log.String())
		}
		if got := a.Readers()[0].Polls; got != 1 {
			t.Errorf("%d polls are counted, want 1", got)
		}
	})
}

// FuzzRestore checks that restore rejects files with invalid counts.
func FuzzRestore(f *testing.F) {
	f.Add(`{"format":"feedpub audience 1","salt":"c2l4dGVlbiBieXRlcyBvaw=="}` + "\n" +
		`{"feed":"main","last_poll":19860,"polls":3,"clients":{"newsboat":2,"unheard-of":1},` +
		`"aggregators":{"feedly":{"subscribers":5,"day":19860}},"sketches":{"19860":"AA=="}}`)
	f.Fuzz(func(t *testing.T, text string) {
		a := New(func() time.Time { return noon }, salt)
		if err := a.restore(pack(text)); err != nil {
			if len(a.feeds) > 0 {
				t.Errorf("restore(%q): %v, with the feeds %v, want none after an error", text, err, a.order)
			}
			return
		}
		names := map[string]bool{otherName: true, unnamedName: true}
		for _, k := range known {
			names[k.name] = true
		}
		for _, r := range a.Readers() {
			for name := range r.Clients {
				if !names[name] {
					t.Errorf("restore(%q) returns the unknown client %q", text, name)
				}
			}
			if r.Direct < 0 || r.Subscribers < r.Direct {
				t.Errorf("restore(%q) returns the invalid counts %+v", text, r)
			}
		}
		b, err := a.encode()
		if err != nil {
			t.Fatalf("encode: %v", err)
		}
		again := New(a.now, Salt{})
		if err := again.restore(b); err != nil {
			t.Fatalf("restore of an encoded file: %v", err)
		}
		if today := dayOf(noon); fmt.Sprint(recentOnly(a, today)) != fmt.Sprint(recentOnly(again, today)) {
			t.Errorf("restore(%q) differs after encoding:\n%+v\nrestored again:\n%+v", text, a.Readers(), again.Readers())
		}
	})
}

// recentOnly returns the readership of the feeds that were requested recently enough to be saved.
func recentOnly(a *Audience, today int64) (list []feed.Readership) {
	for _, t := range a.tallies() {
		if t.last > today-forgetAfter {
			list = append(list, t.readership(today))
		}
	}
	return list
}
