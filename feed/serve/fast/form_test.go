package fast_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"feedpub/feed"
	"feedpub/feed/serve"
)

// recorder is a hub that records forms.
type recorder struct {
	mu    sync.Mutex
	forms []string
}

func (r *recorder) Subscribe(_ context.Context, contentType string, form []byte, client netip.Addr) (
	int, string, time.Duration,
) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.forms = append(r.forms, fmt.Sprintf("%s %s %v", contentType, form, client))
	if strings.Contains(string(form), "busy") {
		return http.StatusTooManyRequests, "too many", 1500 * time.Millisecond
	}
	return http.StatusAccepted, "accepted", 0
}

const formHeader = "Host: x\r\nContent-Type: application/x-www-form-urlencoded\r\n"

// TestForms checks that both engines read the body of a request if it is a form for the hub, and only then.
func TestForms(t *testing.T) {
	form := func(path, body string, fields ...string) string {
		return fmt.Sprintf("POST %s HTTP/1.1\r\n%s%sContent-Length: %d\r\n\r\n%s", path, formHeader,
			strings.Join(fields, ""), len(body), body)
	}
	const get = "GET /none HTTP/1.1\r\nHost: x\r\n\r\n"
	for _, tt := range []struct {
		name, request string
		statuses      []int    // statuses of the responses
		forms         []string // forms that the hub received
	}{
		{"a form", form("/hub", "hub.mode=subscribe"), []int{202}, []string{"hub.mode=subscribe invalid IP"}},
		{"with a query", form("/hub?x", "a=b"), []int{202}, []string{"a=b invalid IP"}},
		{"two forms and a GET", form("/hub", "a=1") + form("/hub", "b=2") + get, []int{202, 202, 404},
			[]string{"a=1 invalid IP", "b=2 invalid IP"}},
		{"empty form", form("/hub", ""), []int{202}, []string{" invalid IP"}},
		{"a proxy's client", form("/hub", "a=1", "X-Forwarded-For: 192.0.2.1\r\n"), []int{202}, []string{"a=1 192.0.2.1"}},
		{"limited", form("/hub", "busy"), []int{429}, []string{"busy invalid IP"}},
		{"form of the greatest length", form("/hub", strings.Repeat("a", serve.MaxForm)), []int{202},
			[]string{strings.Repeat("a", serve.MaxForm) + " invalid IP"}},
		{"form too long", form("/hub", strings.Repeat("a", serve.MaxForm+1)), []int{413}, nil},
		{"form for another path", form("/feed.xml", "a=1"), []int{405}, nil},
		{"form for a path below", form("/hub/", "a=1"), []int{405}, nil},
		{"PUT", strings.Replace(form("/hub", "a=1"), "POST", "PUT", 1), []int{405}, nil},
		{"GET of the hub", strings.Replace(get, "/none", "/hub", 1), []int{404}, nil},
		{"chunked", "POST /hub HTTP/1.1\r\n" + formHeader + "Transfer-Encoding: chunked\r\n\r\n3\r\na=1\r\n0\r\n\r\n",
			[]int{400}, nil},
		{"Expect", form("/hub", "a=1", "Expect: 100-continue\r\n"), []int{100, 202}, []string{"a=1 invalid IP"}},
		{"Expect for another path", form("/feed.xml", "a=1", "Expect: 100-continue\r\n"), []int{417}, nil},
	} {
		for engine := range engines {
			t.Run(engine+"/"+tt.name, func(t *testing.T) {
				hub := new(recorder)
				front := &serve.Front{Documents: fixed{site(t, 100, feed.Main)}, Hub: hub, HubPath: "/hub"}
				conn := dial(t, start(t, engine, front, testLimits, logTo(t)))
				go func() { _, _ = io.WriteString(conn, tt.request) }()
				r := bufio.NewReader(conn)
				for i, want := range tt.statuses {
					res, err := http.ReadResponse(r, nil)
					if err != nil {
						t.Fatalf("response %d: %v", i+1, err)
					}
					_, _ = io.Copy(io.Discard, res.Body)
					if res.StatusCode != want {
						t.Errorf("response %d has status %d, want %d", i+1, res.StatusCode, want)
					}
					if text := fmt.Sprint(want, " ", http.StatusText(want)); res.Status != text {
						t.Errorf("response %d has the status line %q, want %q", i+1, res.Status, text)
					}
					if got := res.Header.Get("Retry-After"); want == 429 && got != "2" {
						t.Errorf("Retry-After is %q, want 2", got)
					}
				}
				hub.mu.Lock()
				defer hub.mu.Unlock()
				if len(hub.forms) != len(tt.forms) {
					t.Fatalf("the hub got %d forms, want %d: %.200q", len(hub.forms), len(tt.forms), hub.forms)
				}
				for i, want := range tt.forms {
					if got := hub.forms[i]; got != "application/x-www-form-urlencoded "+want {
						t.Errorf("form %d is %.200q, want %.200q", i+1, got, want)
					}
				}
			})
		}
	}
}
