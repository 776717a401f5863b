package main

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"feedpub/feed"
	"feedpub/feed/render"
	"feedpub/store/storetest"
)

// patience bounds how long a test waits for a condition.
const patience = time.Minute

// raceOptions keep programs with the race detector from sleeping for a second before they exit.
const raceOptions = "atexit_sleep_ms=10"

func TestMain(m *testing.M) {
	if err := os.Setenv("GORACE", raceOptions); err != nil {
		panic(err)
	}
	// Most of the time, parallel tests wait for processes that they started. The flag -parallel still takes precedence.
	if err := flag.Set("test.parallel", strconv.Itoa(2*runtime.GOMAXPROCS(0))); err != nil {
		panic(err)
	}
	testscript.Main(m, map[string]func(){
		"feedpub": main,
		// Simulates a later release, which can render one more version.
		"feedpub-newer": func() { program(feed.Versions{Oldest: render.Oldest, Newest: render.Version + 1}) },
	})
}

// TestScripts runs testdata/script/*.txtar, which run the program in separate processes.
func TestScripts(t *testing.T) {
	t.Parallel()
	testscript.Run(t, testscript.Params{
		Dir:                 filepath.Join("testdata", "script"),
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Condition:           hasPackage,
		Setup: func(e *testscript.Env) error {
			// The data folder of the sample posts is in the user's cache folder.
			e.Setenv("XDG_CACHE_HOME", filepath.Join(e.WorkDir, ".cache"))
			e.Setenv("GORACE", raceOptions)
			packages, err := filepath.Abs(filepath.Join("..", "..", "deploy", "tools", "node_modules"))
			e.Setenv("NODE_PATH", packages)
			return err
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"freeports": freePorts,
			"hangup":    hangUp,
			"hold":      hold,
			"refused":   refused,
			"waitfor":   waitFor,
			"http":      request,
			"post":      postForm,
			"redis":     startRedis,
			"receiver":  startReceiver,
			"terminate": terminate,
		},
	})
}

// hasPackage is the condition npm:PACKAGE, which holds if a package of deploy/tools is installed. In CI, it is an error
// if it is not.
func hasPackage(condition string) (bool, error) {
	name, ok := strings.CutPrefix(condition, "npm:")
	if !ok {
		return false, fmt.Errorf("unknown condition %q", condition)
	}
	_, err := os.Stat(filepath.Join("..", "..", "deploy", "tools", "node_modules", name))
	if err == nil {
		_, err = exec.LookPath("node")
	}
	if err != nil && os.Getenv("CI") != "" {
		return false, fmt.Errorf("%w; deploy/install-test-deps installs it", err)
	}
	return err == nil, nil
}

// freePorts sets each named variable to a free port of the loopback interface: freeports VARIABLE...
func freePorts(ts *testscript.TestScript, neg bool, names []string) {
	if neg || len(names) == 0 {
		ts.Fatalf("usage: freeports VARIABLE...")
	}
	for _, name := range names {
		port, err := storetest.FreePort()
		ts.Check(err)
		ts.Setenv(name, strconv.Itoa(port))
	}
}

// fetch makes one request and returns the status, headers and body as one string.
func fetch(
	ctx context.Context, method, url string, header http.Header, body io.Reader,
) (status int, text string, err error) {
	req, err := http.NewRequestWithContext(ctx, method, url, body)
	if err != nil {
		return 0, "", err
	}
	req.Header = header
	client := &http.Client{
		Transport: &http.Transport{DisableKeepAlives: true, DisableCompression: true},
		// Scripts check redirects.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	res, err := client.Do(req)
	if err != nil {
		return 0, "", err
	}
	defer func() { _ = res.Body.Close() }()
	var b bytes.Buffer
	fmt.Fprintf(&b, "%s\n", res.Status)
	if err := res.Header.Write(&b); err != nil {
		return 0, "", err
	}
	b.WriteString("\n")
	_, err = b.ReadFrom(res.Body)
	return res.StatusCode, strings.ReplaceAll(b.String(), "\r\n", "\n"), err
}

// waitFor requests a URL until the status is 200 and, if a pattern is given, the response matches it. If it is negated,
// it waits until the response no longer matches: [!] waitfor URL [PATTERN].
func waitFor(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) == 0 || len(args) > 2 || neg && len(args) == 1 {
		ts.Fatalf("usage: waitfor URL [PATTERN]")
	}
	pattern := regexp.MustCompile("")
	if len(args) == 2 {
		pattern = regexp.MustCompile(`(?m)` + args[1])
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	last := "nothing"
	for {
		status, text, err := fetch(ctx, http.MethodGet, args[0], nil, nil)
		if err == nil && status == http.StatusOK && pattern.MatchString(text) != neg {
			return
		}
		if err == nil {
			last = text
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			ts.Fatalf("waited %v for %s; the last response was:\n%s", patience, strings.Join(args, " "), last)
		}
	}
}

// request makes a request and writes the response, with status line and header, to the script's stdout:
// http STATUS METHOD URL [HEADER: VALUE]... It fails if the status differs.
func request(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 3 {
		ts.Fatalf("usage: http STATUS METHOD URL [HEADER: VALUE]...")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	header := make(http.Header)
	for _, field := range args[3:] {
		name, value, _ := strings.Cut(field, ": ")
		header.Add(name, value)
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	got, text, err := fetch(ctx, args[1], args[2], header, nil)
	ts.Check(err)
	_, err = io.WriteString(ts.Stdout(), text)
	ts.Check(err)
	if got != want {
		ts.Fatalf("%s %s responds with %d, want %d:\n%s", args[1], args[2], got, want, text)
	}
}

// postForm posts a form and checks the status: post STATUS URL FORM.
func postForm(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 3 {
		ts.Fatalf("usage: post STATUS URL FORM")
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	header := http.Header{"Content-Type": {"application/x-www-form-urlencoded"}}
	got, text, err := fetch(ctx, http.MethodPost, args[1], header, strings.NewReader(args[2]))
	ts.Check(err)
	if strconv.Itoa(got) != args[0] {
		ts.Fatalf("POST %s responds with %d, want %s:\n%s", args[1], got, args[0], text)
	}
}

// startReceiver starts a receiver of WebSub deliveries, pings and webhooks, and sets the variable to its URL: receiver
// VARIABLE [PORT]. It confirms each verification request. A GET of /log returns all other requests since the last GET.
func startReceiver(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) == 0 || len(args) > 2 {
		ts.Fatalf("usage: receiver VARIABLE [PORT]")
	}
	listener, err := net.Listen("tcp", "127.0.0.1:"+strings.Join(args[1:], ""))
	ts.Check(err)
	var mu sync.Mutex
	var log bytes.Buffer
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		if r.URL.Path == "/log" {
			_, _ = log.WriteTo(w)
			return
		}
		body, _ := io.ReadAll(r.Body)
		fmt.Fprintf(&log, "%s %s\n", r.Method, r.URL)
		_ = r.Header.Write(&log)
		fmt.Fprintf(&log, "%s\n", body)
		_, _ = io.WriteString(w, r.URL.Query().Get("hub.challenge"))
	}))
	ts.Check(s.Listener.Close())
	s.Listener = listener
	s.Start()
	ts.Defer(s.Close)
	ts.Setenv(args[0], s.URL)
}

// hold sends a rebuild request without its body, so that a draining server has an active request:
// hold ADDRESS TOKEN.
func hold(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: hold ADDRESS TOKEN")
	}
	conn, err := net.Dial("tcp", args[0])
	ts.Check(err)
	ts.Defer(func() { _ = conn.Close() })
	_, err = fmt.Fprintf(conn, "POST /rebuild HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer %s\r\n"+
		"Content-Type: application/json\r\nContent-Length: 10\r\nExpect: 100-continue\r\n\r\n", args[1])
	ts.Check(err)
	// The server sends this response when it starts to wait for the body, so the request is active.
	want := "HTTP/1.1 100 Continue"
	got := make([]byte, len(want))
	ts.Check(conn.SetReadDeadline(time.Now().Add(patience)))
	if _, err := io.ReadFull(conn, got); err != nil || string(got) != want {
		ts.Fatalf("the server responds with %q (%v), want %q", got, err, want)
	}
}

// refused waits until connections to an address are refused: refused ADDRESS.
func refused(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: refused ADDRESS")
	}
	for end := time.Now().Add(patience); ; {
		conn, err := net.Dial("tcp", args[0])
		if err != nil {
			return
		}
		_ = conn.Close()
		if time.Now().After(end) {
			ts.Fatalf("after %v, %s still accepts connections", patience, args[0])
		}
	}
}

// terminate sends SIGTERM to the programs in the background. The command kill of testscript supports only INT and KILL.
func terminate(ts *testscript.TestScript, neg bool, args []string) {
	signalAll(ts, neg, args, "terminate", syscall.SIGTERM)
}

// hangUp sends SIGHUP to the programs in the background.
func hangUp(ts *testscript.TestScript, neg bool, args []string) {
	signalAll(ts, neg, args, "hangup", syscall.SIGHUP)
}

func signalAll(ts *testscript.TestScript, neg bool, args []string, name string, s syscall.Signal) {
	if neg || len(args) > 0 {
		ts.Fatalf("usage: %s", name)
	}
	for _, c := range ts.BackgroundCmds() {
		if c.ProcessState == nil {
			ts.Check(c.Process.Signal(s))
		}
	}
}

// startRedis starts a redis-server on a free port of the loopback interface, with the given arguments, and sets
// variables to its URL and port: redis URL-VARIABLE PORT-VARIABLE [ARG]...
func startRedis(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: redis URL-VARIABLE PORT-VARIABLE [ARG]...")
	}
	freePorts(ts, false, args[1:2])
	port := ts.Getenv(args[1])
	arguments := append([]string{
		"--port", port, "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--dir", ts.MkAbs("."),
	}, args[2:]...)
	server := exec.Command("redis-server", arguments...)
	var log bytes.Buffer
	server.Stdout, server.Stderr = &log, &log
	if err := server.Start(); err != nil {
		ts.Fatalf("redis-server (Debian's package of that name): %v", err)
	}
	ts.Defer(func() {
		_ = server.Process.Kill()
		_ = server.Wait()
	})
	ts.Setenv(args[0], "redis://127.0.0.1:"+port)
	for end := time.Now().Add(patience); ; {
		conn, err := net.Dial("tcp", "127.0.0.1:"+port)
		if err == nil {
			_ = conn.Close()
			return
		}
		if time.Now().After(end) {
			ts.Fatalf("redis-server does not listen: %v\n%s", err, log.String())
		}
	}
}
