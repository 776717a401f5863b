package admin

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// pictures is the folder in which the page tests save screenshots for people to look at.
var pictures = flag.String("pictures", "", "save pictures of the page in this `folder`")

// tab is a page in headless Chromium, which is controlled with the Chrome DevTools Protocol over a pipe. All methods
// fail the test on errors.
type tab struct {
	t       *testing.T
	in      *os.File
	out     *bufio.Reader
	session string
	id      int
	events  []message // all events read so far
	loads   int       // number of documents that loaded has waited for
}

// message is a message from Chromium: a response, which has an ID, or an event.
type message struct {
	ID        int             `json:"id"`
	Method    string          `json:"method"`
	SessionID string          `json:"sessionId"`
	Params    json.RawMessage `json:"params"`
	Result    json.RawMessage `json:"result"`
	Error     *struct {
		Message string `json:"message"`
	} `json:"error"`
}

// newTab starts Chromium with flags in addition to those that every test needs.
func newTab(t *testing.T, flags ...string) *tab {
	t.Helper()
	fromUs, in, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	out, fromIt, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	// T.TempDir would fail the test if a Chromium process still wrote to the folder.
	profile, err := os.MkdirTemp("", "chromium")
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), "chromium", append([]string{
		"--headless", "--remote-debugging-pipe", "--user-data-dir=" + profile, "--no-sandbox", "--disable-gpu",
		"--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync",
		"--disable-dev-shm-usage", "--hide-scrollbars",
	}, flags...)...)
	cmd.ExtraFiles = []*os.File{fromUs, fromIt} // Chromium reads from descriptor 3 and writes to 4
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.WaitDelay = 10 * time.Second
	if err := cmd.Start(); err != nil {
		t.Fatalf("start chromium, which make test installs: %v", err)
	}
	_, _ = fromUs.Close(), fromIt.Close()
	x := &tab{t: t, in: in, out: bufio.NewReader(out)}
	t.Cleanup(func() {
		x.session = ""
		_ = in.Close() // makes Chromium exit
		_ = cmd.Wait()
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) // ends the processes that Chromium started
		_ = out.Close()
		_ = os.RemoveAll(profile)
	})
	_ = out.SetReadDeadline(time.Now().Add(time.Minute))
	var target struct{ TargetID string }
	x.call(&target, "Target.createTarget", map[string]any{"url": "about:blank"})
	var attached struct{ SessionID string }
	x.call(&attached, "Target.attachToTarget", map[string]any{"targetId": target.TargetID, "flatten": true})
	x.session = attached.SessionID
	for _, domain := range []string{"Page", "Runtime", "Log", "Network"} {
		x.call(nil, domain+".enable", nil)
	}
	return x
}

// call calls a method of the protocol and, unless to is nil, stores the decoded result in the value that to points to.
func (x *tab) call(to any, method string, params map[string]any) {
	x.t.Helper()
	x.id++
	request := map[string]any{"id": x.id, "method": method, "params": params}
	if params == nil {
		delete(request, "params")
	}
	if x.session != "" {
		request["sessionId"] = x.session
	}
	b, err := json.Marshal(request)
	if err != nil {
		x.t.Fatal(err)
	}
	if _, err := x.in.Write(append(b, 0)); err != nil {
		x.t.Fatalf("%s: %v", method, err)
	}
	for {
		m := x.read()
		if m.ID == 0 {
			x.events = append(x.events, m)
			continue
		}
		if m.Error != nil {
			x.t.Fatalf("%s: %s", method, m.Error.Message)
		}
		if to != nil {
			if err := json.Unmarshal(m.Result, to); err != nil {
				x.t.Fatalf("%s: %v", method, err)
			}
		}
		return
	}
}

// read reads the next message.
func (x *tab) read() message {
	x.t.Helper()
	b, err := x.out.ReadBytes(0)
	var m message
	if err == nil {
		err = json.Unmarshal(bytes.TrimSuffix(b, []byte{0}), &m)
	}
	if err != nil {
		x.t.Fatalf("chromium: %v", err)
	}
	return m
}

// count returns the number of events with the given name.
func (x *tab) count(name string) (n int) {
	for _, m := range x.events {
		if m.Method == name {
			n++
		}
	}
	return n
}

// loaded waits until the next document has been loaded.
func (x *tab) loaded() {
	x.t.Helper()
	x.loads++
	for x.count("Page.loadEventFired") < x.loads {
		if m := x.read(); m.ID == 0 {
			x.events = append(x.events, m)
		}
	}
}

// open loads a URL.
func (x *tab) open(url string) {
	x.t.Helper()
	x.call(nil, "Page.navigate", map[string]any{"url": url})
	x.loaded()
}

// eval evaluates a JavaScript expression, waits for it if it is a promise and, unless to is nil, stores its decoded
// value in the value that to points to.
func (x *tab) eval(to any, format string, args ...any) {
	x.t.Helper()
	expression := fmt.Sprintf(format, args...)
	var answer struct {
		Result           struct{ Value json.RawMessage }
		ExceptionDetails *struct {
			Exception struct{ Description string }
		}
	}
	x.call(&answer, "Runtime.evaluate", map[string]any{
		"expression": expression, "returnByValue": true, "awaitPromise": true,
	})
	if e := answer.ExceptionDetails; e != nil {
		x.t.Fatalf("%s: %s", expression, e.Exception.Description)
	}
	if to != nil {
		if err := json.Unmarshal(answer.Result.Value, to); err != nil {
			x.t.Fatalf("%s: %v", expression, err)
		}
	}
}

// text returns the text of the page, as a person sees it.
func (x *tab) text() (text string) {
	x.t.Helper()
	x.eval(&text, "document.body.innerText")
	return text
}

// wantText checks that the page shows a text.
func (x *tab) wantText(want string) {
	x.t.Helper()
	if got := x.text(); !strings.Contains(got, want) {
		x.t.Errorf("the page does not show %q:\n%s", want, got)
	}
}

// click clicks the first element that matches a selector, and waits for the document that it loads.
func (x *tab) click(selector string) {
	x.t.Helper()
	x.eval(nil, "document.querySelector(%q).click()", selector)
	x.loaded()
}

// signIn signs in with a token.
func (x *tab) signIn(token string) {
	x.t.Helper()
	x.eval(nil, "document.querySelector('[name=token]').value = %q", token)
	x.click("main button")
}

// device sets the size of the screen in CSS pixels, and the color scheme.
func (x *tab) device(width, height int, scheme string) {
	x.t.Helper()
	x.call(nil, "Emulation.setDeviceMetricsOverride", map[string]any{
		"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600,
	})
	x.call(nil, "Emulation.setEmulatedMedia", map[string]any{
		"features": []map[string]string{{"name": "prefers-color-scheme", "value": scheme}},
	})
}

// picture saves a picture of the whole page if the flag -pictures is set.
func (x *tab) picture(name string) {
	x.t.Helper()
	if *pictures == "" {
		return
	}
	var shot struct{ Data string }
	x.call(&shot, "Page.captureScreenshot", map[string]any{"captureBeyondViewport": true})
	b, err := base64.StdEncoding.DecodeString(shot.Data)
	if err == nil {
		err = os.WriteFile(filepath.Join(*pictures, name+".png"), b, 0o644)
	}
	if err != nil {
		x.t.Fatal(err)
	}
}

// wantNoErrors checks that the browser reported no error: an exception, or an entry in the console, such as a violation
// of the content security policy. Failed requests are not errors here.
func (x *tab) wantNoErrors() {
	x.t.Helper()
	x.eval(nil, "0") // reads the events that have arrived
	for _, m := range x.events {
		var entry struct {
			Entry struct{ Level, Source, Text string }
		}
		switch m.Method {
		case "Runtime.exceptionThrown", "Runtime.consoleAPICalled":
			x.t.Errorf("the browser reported %s: %s", m.Method, m.Params)
		case "Log.entryAdded":
			if err := json.Unmarshal(m.Params, &entry); err != nil {
				x.t.Fatal(err)
			}
			if entry.Entry.Source != "network" && entry.Entry.Level != "verbose" {
				x.t.Errorf("the browser reported: %s", m.Params)
			}
		}
	}
}
