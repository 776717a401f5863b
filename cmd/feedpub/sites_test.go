package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"feedpub/feed"
	"feedpub/store"
	"feedpub/store/storetest"
)

// platform is a server of many sites in this process, with its own Redis server.
type platform struct {
	t       testing.TB
	dir     string // folder with the subfolder sites
	store   *store.Client
	readers string // address
	admin   string // address
	log     lockedBuffer
}

func siteID(i int) feed.SiteID { return feed.SiteID(fmt.Sprintf("site-%03d", i)) }

func hostOf(id feed.SiteID) string { return string(id) + ".example" }

// newPlatform returns a platform of sites, each with the given numbers of posts and tags. It does not start the server.
func newPlatform(t testing.TB, sites, posts, tags int) *platform {
	t.Helper()
	server := storetest.StartRedis(t)
	client, err := store.Open(store.Options{URL: server.URL(), DialTimeout: 30 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := client.Close(); err != nil {
			t.Error(err)
		}
	})
	p := &platform{t: t, dir: t.TempDir(), store: client}
	if err := os.Mkdir(filepath.Join(p.dir, "sites"), 0o755); err != nil {
		t.Fatal(err)
	}
	p.write("feedpub.yml", "redis: "+server.URL()+"\nsites_from: sites\nadmin: {tokens_file: tokens}\nlog: {level: "+
		"warn}\nsite: {language: de}\n")
	p.write("tokens", "operator [write,rebuild]: of-all")
	for i := range sites {
		p.writeSite(siteID(i), "")
		batch := make([]feed.RawPost, posts)
		for j := range batch {
			id := fmt.Sprintf("post-%d", j)
			raw, err := json.Marshal(map[string]any{
				"id": id, "title": fmt.Sprintf("%s of %s", id, siteID(i)), "content_text": "Some words.",
				"date_published": "2025-01-02T03:04:05Z", "tags": tagsOf(j, posts, tags),
			})
			if err != nil {
				t.Fatal(err)
			}
			batch[j] = feed.RawPost{ID: id, Raw: raw}
		}
		if err := client.Site(siteID(i)).Put(t.Context(), batch...); err != nil {
			t.Fatal(err)
		}
	}
	return p
}

// tagsOf returns the tags of a post: each tag belongs to one post.
func tagsOf(post, posts, tags int) []string {
	names := []string{}
	for tag := post; tag < tags; tag += posts {
		names = append(names, fmt.Sprintf("tag-%d", tag))
	}
	return names
}

func (p *platform) write(name, text string) {
	p.t.Helper()
	path := filepath.Join(p.dir, name)
	// Replace the file atomically, so that the server never reads half of it.
	if err := os.WriteFile(path+"~", []byte(text), 0o600); err != nil {
		p.t.Fatal(err)
	}
	if err := os.Rename(path+"~", path); err != nil {
		p.t.Fatal(err)
	}
}

func (p *platform) writeSite(id feed.SiteID, more string) {
	p.t.Helper()
	p.write(filepath.Join("sites", string(id)+".yml"),
		fmt.Sprintf("site: {base_url: 'http://%s', title: The site %s}\n%s", hostOf(id), id, more))
}

// start starts the server. It runs until stop is called or the test ends.
func (p *platform) start() (stop func()) {
	p.t.Helper()
	ctx, cancel := context.WithCancel(context.WithoutCancel(p.t.Context()))
	out, outWriter := io.Pipe()
	done := make(chan int, 1)
	go func() {
		done <- run(ctx, []string{"serve", "--config", filepath.Join(p.dir, "feedpub.yml"), "--data",
			filepath.Join(p.dir, "data"),
			"--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0"},
			func(string) string { return "" }, nil, outWriter, &p.log)
		_ = outWriter.Close() // never fails
	}()
	stop = sync.OnceFunc(func() {
		cancel()
		if code := <-done; code != exitDone {
			p.t.Errorf("serve exits with %d, want %d; its log:\n%s", code, exitDone, p.log.String())
		}
	})
	p.t.Cleanup(stop)
	text := make([]byte, 0, 4096)
	admin := regexp.MustCompile(`(?m)^admin +http://(\S+)$`)
	for !admin.Match(text) {
		b := make([]byte, 512)
		n, err := out.Read(b)
		if err != nil {
			p.t.Fatalf("serve does not start (%v); its output:\n%s\n%s", err, text, p.log.String())
		}
		text = append(text, b[:n]...)
	}
	go func() { _, _ = io.Copy(io.Discard, out) }()
	p.admin = admin.FindStringSubmatch(string(text))[1]
	m := regexp.MustCompile(`(?m)^readers +http://(\S+)$`).FindStringSubmatch(string(text))
	if m == nil {
		p.t.Fatalf("serve does not print the address for readers:\n%s", text)
	}
	p.readers = m[1]
	return stop
}

// get requests a path of a host, and returns status and body.
func (p *platform) get(host, path string) (int, string) {
	p.t.Helper()
	r, err := http.NewRequestWithContext(p.t.Context(), http.MethodGet, "http://"+p.readers+path, nil)
	if err != nil {
		p.t.Fatal(err)
	}
	r.Host = host
	return p.do(r)
}

// ask makes a request to the admin address with a token for all sites.
func (p *platform) ask(method, path, body string) (int, string) {
	p.t.Helper()
	r, err := http.NewRequestWithContext(p.t.Context(), method, "http://"+p.admin+path, strings.NewReader(body))
	if err != nil {
		p.t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer of-all")
	return p.do(r)
}

func (p *platform) do(r *http.Request) (int, string) {
	p.t.Helper()
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		p.t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		p.t.Fatal(err)
	}
	return res.StatusCode, string(body)
}

// until polls until done returns true.
func (p *platform) until(what string, done func() bool) {
	p.t.Helper()
	ticker := time.NewTicker(20 * time.Millisecond)
	defer ticker.Stop()
	for end := time.Now().Add(patience); !done(); <-ticker.C {
		if time.Now().After(end) {
			p.t.Fatalf("condition not met after %v: %s; the log:\n%s", patience, what, p.log.String())
		}
	}
}

// served waits until the sites are served, and returns their main feeds.
func (p *platform) served(ids ...feed.SiteID) map[feed.SiteID]string {
	p.t.Helper()
	feeds := make(map[feed.SiteID]string)
	for _, id := range ids {
		p.until("the feed of "+string(id)+" is served", func() bool {
			status, body := p.get(hostOf(id), "/feed.xml")
			feeds[id] = body
			return status == 200
		})
	}
	return feeds
}

// TestWatchSites checks that sites are updated when their files change, and that a file with an error affects no other
// site.
func TestWatchSites(t *testing.T) {
	t.Parallel()
	p := newPlatform(t, 4, 2, 0)
	p.start()
	zero, one, two, three := siteID(0), siteID(1), siteID(2), siteID(3)
	before := p.served(zero, one, two, three)
	problems := func() map[string]bool { // by file: whether its site is served
		var answer struct{ Problems []feed.Problem }
		_, body := p.ask("GET", "/problems", "")
		if err := json.Unmarshal([]byte(body), &answer); err != nil {
			t.Fatalf("%v: %s", err, body)
		}
		files := map[string]bool{}
		for _, x := range answer.Problems {
			files[filepath.Base(x.ID)] = x.Serving
			if x.Kind != feed.KindFile || x.Reason == "" || x.Since.IsZero() {
				t.Errorf("problem %+v: want kind file, a reason and a time", x)
			}
		}
		return files
	}

	// Meanwhile, readers poll two sites.
	reading, read := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(read)
		for {
			select {
			case <-reading:
				return
			default:
			}
			if status, body := p.get(hostOf(zero), "/feed.xml"); status != 200 || body != before[zero] {
				t.Errorf("a reader of an unchanged site gets %d:\n%s", status, body)
				return
			}
			if status, _ := p.get(hostOf(one), "/feed.xml"); status != 200 {
				t.Errorf("a reader of a site whose file changes gets %d, want 200 throughout", status)
				return
			}
		}
	}()

	t.Log("a site is added")
	four := siteID(4)
	p.writeSite(four, "hosts: [four.example]\n")
	if body := p.served(four)[four]; !strings.Contains(body, "The site "+string(four)) {
		t.Errorf("the added site serves:\n%s", body)
	}
	if status, _ := p.get("FOUR.example.:81", "/feed.xml"); status != 200 {
		t.Errorf("under its second host the site responds with %d, want 200", status)
	}

	t.Log("a site is changed")
	p.write("sites/"+string(one)+".yml", "site: {base_url: 'http://"+hostOf(one)+"', title: Another title}\nmoved: "+
		"{/old: /feed.xml}\n")
	p.until("the new title is served", func() bool {
		_, body := p.get(hostOf(one), "/feed.xml")
		return strings.Contains(body, "Another title")
	})

	t.Log("files are made invalid")
	p.write("sites/"+string(one)+".yml", "site: {base_url: 'http://"+hostOf(one)+"', titel: Oh}\n")
	p.write("sites/"+string(two)+".yml", "site: {base_url: 'http://"+hostOf(zero)+"', title: Thief}\n")
	p.write("sites/new.yml", "site: [\n")
	p.write("sites/Wrong name.yml", "site: {base_url: 'http://x.example'}\n")
	wrong := map[string]bool{string(one) + ".yml": true, string(two) + ".yml": true, "new.yml": false,
		"Wrong name.yml": false}
	p.until("the invalid files are problems", func() bool { return maps.Equal(problems(), wrong) })
	if diff := cmp.Diff(wrong, problems()); diff != "" {
		t.Errorf("problems (-want +got):\n%s", diff)
	}
	now := p.served(one, two, three)
	if !strings.Contains(now[one], "Another title") || now[two] != before[two] || now[three] != before[three] {
		t.Error("the sites whose files are invalid are not served as before")
	}
	if _, body := p.ask("GET", "/metrics", ""); !strings.Contains(body, "feedpub_problems{kind=\"file\",site=\"\"} 4\n") {
		t.Error("/metrics does not count 4 problems of kind file")
	}

	t.Log("files are corrected, and a site is removed")
	p.writeSite(one, "")
	p.writeSite(two, "")
	for _, name := range []string{"new", "Wrong name", string(three)} {
		if err := os.Remove(filepath.Join(p.dir, "sites", name+".yml")); err != nil {
			t.Fatal(err)
		}
	}
	p.until("the host of the removed site is unknown", func() bool {
		status, _ := p.get(hostOf(three), "/feed.xml")
		return status == 421
	})
	p.until("there are no problems", func() bool { return len(problems()) == 0 })
	p.until("the first title is served", func() bool {
		_, body := p.get(hostOf(one), "/feed.xml")
		return body == before[one]
	})
	close(reading)
	<-read

	t.Log("the removed site is added again")
	p.writeSite(three, "")
	if now := p.served(three)[three]; now != before[three] {
		t.Errorf("the site that was added again serves a different feed:\n%s", now)
	}
}

// TestMoveHost checks that a host can move from one site to another in one change of their files.
func TestMoveHost(t *testing.T) {
	t.Parallel()
	p := newPlatform(t, 2, 1, 0)
	p.start()
	zero, one := siteID(0), siteID(1)
	p.served(zero, one)
	t.Log("the host moves from the later site to the earlier one, in one step")
	p.write("sites/"+string(zero)+".yml", "site: {base_url: 'http://"+hostOf(one)+"', title: Zero}\n")
	p.write("sites/"+string(one)+".yml", "site: {base_url: 'http://new.example', title: One}\n")
	p.until("both have moved", func() bool {
		_, a := p.get(hostOf(one), "/feed.xml")
		_, b := p.get("new.example", "/feed.xml")
		return strings.Contains(a, "Zero") && strings.Contains(b, "One")
	})
	if status, _ := p.get(hostOf(zero), "/feed.xml"); status != 421 {
		t.Errorf("the host that no longer belongs to a site responds with %d, want 421", status)
	}
}
