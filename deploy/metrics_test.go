package deploy_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/goccy/go-yaml"

	"feedpub/store/storetest"
)

// TestMetricsExamples runs a server and a Prometheus that reads its metrics and evaluates the alerts, and queries every
// expression of the alerts and of the Grafana dashboard. Each must be valid, and each metric must exist.
func TestMetricsExamples(t *testing.T) {
	t.Parallel()
	dir, bin := t.TempDir(), string(buildProgram(t))
	listen, operators, prometheus := freeAddress(t), freeAddress(t), freeAddress(t)
	settings := fmt.Sprintf("{listen: %q, admin: {listen: %q}, dir: posts, site: {base_url: \"http://%s\", hubs: [/hub]}}",
		listen, operators, listen)
	if err := os.WriteFile(filepath.Join(dir, "feedpub.yml"), []byte(settings), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(dir, "posts"), 0o700); err != nil {
		t.Fatal(err)
	}
	startProgram(t, dir, bin, "serve", "--config", "feedpub.yml")
	awaitURL(t, "http://"+listen+"/feed.xml", "<rss")
	rules, err := filepath.Abs("prometheus/alerts.yml")
	if err != nil {
		t.Fatal(err)
	}
	config := fmt.Sprintf("global: {scrape_interval: 250ms, evaluation_interval: 250ms}\nrule_files: [%q]\n"+
		"scrape_configs: [{job_name: feedpub, static_configs: [{targets: [%q]}]}]\n", rules, operators)
	if err := os.WriteFile(filepath.Join(dir, "prometheus.yml"), []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	startProgram(t, dir, "prometheus", "--config.file=prometheus.yml", "--storage.tsdb.path=tsdb",
		"--web.listen-address="+prometheus)
	p := prometheusAPI("http://" + prometheus + "/api/v1/")
	awaitURL(t, string(p)+"query?query=count_over_time(feedpub_ready[1m])>2", `"metric":{`)

	t.Run("alerts", func(t *testing.T) { p.checkAlerts(t, rules) })
	t.Run("dashboard", func(t *testing.T) { p.checkDashboard(t) })
}

// prometheusAPI is the URL of the HTTP interface of a Prometheus.
type prometheusAPI string

// checkAlerts checks that Prometheus has evaluated all alerts, that no severe one fires for a healthy server, and that
// their metrics exist.
func (p prometheusAPI) checkAlerts(t *testing.T, rules string) {
	var file struct {
		Groups []struct {
			Rules []struct{ Alert, Expr string }
		}
	}
	text, err := os.ReadFile(rules)
	if err == nil {
		err = yaml.Unmarshal(text, &file)
	}
	if err != nil || len(file.Groups) != 1 || len(file.Groups[0].Rules) < 5 {
		t.Fatalf("%s: %v, %+v", rules, err, file)
	}
	awaitURL(t, string(p)+"rules", `"health":"ok"`)
	var state struct {
		Groups []struct {
			Rules []struct{ Name, Health, LastError, State string }
		}
	}
	p.get(t, "rules", &state)
	if n := len(state.Groups[0].Rules); n != len(file.Groups[0].Rules) {
		t.Errorf("Prometheus has %d rules, want %d", n, len(file.Groups[0].Rules))
	}
	for _, r := range state.Groups[0].Rules {
		if r.Health != "ok" || r.State == "firing" {
			t.Errorf("%s: health %s, state %s, for a server without problems; %s", r.Name, r.Health, r.State, r.LastError)
		}
	}
	for _, r := range file.Groups[0].Rules {
		p.checkExpression(t, r.Alert, r.Expr)
	}
}

// checkDashboard checks the expressions of the panels and variables.
func (p prometheusAPI) checkDashboard(t *testing.T) {
	var dashboard struct {
		Panels []struct {
			Title   string
			Targets []struct{ Expr string }
		}
	}
	text, err := os.ReadFile("grafana/feedpub.json")
	if err == nil {
		err = json.Unmarshal(text, &dashboard)
	}
	if err != nil {
		t.Fatal(err)
	}
	expressions := 0
	for _, panel := range dashboard.Panels {
		for _, target := range panel.Targets {
			expressions++
			expr := strings.NewReplacer("$__rate_interval", "1m", "$instance", ".*").Replace(target.Expr)
			if strings.Contains(expr, "$") {
				t.Errorf("%s: unknown variable in %s", panel.Title, expr)
			}
			p.checkExpression(t, panel.Title, expr)
		}
	}
	if expressions < 15 {
		t.Errorf("the dashboard has %d expressions, want at least 15", expressions)
	}
}

// checkExpression evaluates an expression, and checks that there are series of each of its metrics. A counter that has
// labels has no series before it is first used.
func (p prometheusAPI) checkExpression(t *testing.T, name, expr string) {
	t.Helper()
	p.get(t, "query?query="+url.QueryEscape(expr), new(struct{}))
	for _, metric := range regexp.MustCompile(`(?:feedpub|process)_\w+`).FindAllString(expr, -1) {
		if strings.HasPrefix(metric, "feedpub_push_requests") || strings.HasPrefix(metric, "feedpub_feed_") {
			continue
		}
		var found struct{ Result []any }
		// On a busy machine a scrape may time out, and until the next one no series has a current value.
		p.get(t, "query?query="+url.QueryEscape("last_over_time("+metric+"[1m])"), &found)
		if len(found.Result) == 0 {
			t.Errorf("%s: a running server has no series of the metric %s", name, metric)
		}
	}
}

// get requests a path and decodes the data of the response.
func (p prometheusAPI) get(t *testing.T, path string, data any) {
	t.Helper()
	res, err := http.Get(string(p) + path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	response := struct {
		Status, Error string
		Data          any
	}{Data: data}
	if err := json.NewDecoder(res.Body).Decode(&response); err != nil || response.Status != "success" {
		t.Errorf("%s: %v %s %s", path, err, response.Status, response.Error)
	}
}

// startProgram starts a program in a folder, and stops it when the test ends.
func startProgram(t *testing.T, dir, name string, args ...string) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.Dir, cmd.WaitDelay = dir, 10*time.Second
	var log strings.Builder
	cmd.Stdout, cmd.Stderr = &log, &log
	if err := cmd.Start(); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	t.Cleanup(func() {
		cancel()
		_ = cmd.Wait()
		if t.Failed() {
			t.Logf("%s:\n%s", name, log.String())
		}
	})
}

// awaitURL waits until a URL returns 200 and a body with text.
func awaitURL(t *testing.T, address, text string) {
	t.Helper()
	address = strings.NewReplacer("[", "%5B", "]", "%5D", ">", "%3E").Replace(address)
	out, err := exec.CommandContext(t.Context(), "curl", "-sS", "--retry", "20", "--retry-delay", "1",
		"--retry-all-errors", "--fail", address).Output()
	for deadline := time.Now().Add(15 * time.Second); err != nil || !strings.Contains(string(out), text); {
		if time.Now().After(deadline) {
			t.Fatalf("%s: %v, want %q in\n%s", address, err, text, out)
		}
		out, err = exec.CommandContext(t.Context(), "curl", "-sS", "--fail", address).Output()
	}
}

// freeAddress returns an unused loopback address.
func freeAddress(t *testing.T) string {
	t.Helper()
	port, err := storetest.FreePort()
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("127.0.0.1:%d", port)
}
