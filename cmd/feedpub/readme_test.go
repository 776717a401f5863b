package main

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"feedpub/store/storetest"
)

// TestReadmeCommands runs every shell block of the README, in order, as a reader of it would: in a shell, in one folder,
// with a Redis at hand. What differs is only where things listen. A serve goes on in the background until the end.
func TestReadmeCommands(t *testing.T) {
	readme, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	blocks := regexp.MustCompile("(?ms)^```sh\n(.*?)^```$").FindAllStringSubmatch(string(readme), -1)
	if len(blocks) < 2 {
		t.Fatalf("the README has %d shell blocks; it must show at least how to serve and how to write", len(blocks))
	}
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	shell := newReadmeShell(t, root, dir)
	for i, b := range blocks {
		ok := t.Run(strconv.Itoa(i+1)+" "+strings.TrimSpace(strings.SplitN(b[1], "\n", 2)[0]), func(t *testing.T) {
			shell.run(t, b[1])
		})
		if !ok {
			return // what follows builds on it
		}
	}
}

// readmeShell runs blocks in a folder of their own.
type readmeShell struct {
	dir      string
	env      []string
	replacer *strings.Replacer
}

func newReadmeShell(t *testing.T, root, dir string) *readmeShell {
	t.Helper()
	bin, pids := filepath.Join(dir, ".bin"), filepath.Join(dir, ".pids")
	if err := os.Mkdir(bin, 0o755); err != nil {
		t.Fatal(err)
	}
	build := exec.Command("go", "build", "-o", filepath.Join(bin, "feedpub-real"), "./cmd/feedpub")
	build.Dir = root
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	redis := storetest.StartRedis(t)
	host, port, err := net.SplitHostPort(redis.Addr())
	if err != nil {
		t.Fatal(err)
	}
	listen, admin := freeAddress(t), freeAddress(t)
	for name, script := range map[string]string{
		// A server stays until the test ends; who started it goes on when it is ready.
		"feedpub": fmt.Sprintf(`if [ "$1" = serve ]; then
  feedpub-real "$@" >>.serve.log 2>&1 &
  echo $! >>%q
  for i in $(seq 300); do feedpub-real healthcheck >/dev/null 2>&1 && exit 0; sleep 0.1; done
  cat .serve.log >&2; exit 1
fi
exec feedpub-real "$@"`, pids),
		"go":        `[ "$1 $2" = "run ./cmd/feedpub" ] || { echo "not tried: go $*" >&2; exit 1; }; shift 2; exec feedpub "$@"`,
		"make":      fmt.Sprintf(`exec /usr/bin/make -n -C %q "$@"`, root), // that the target exists: it runs this test
		"redis-cli": fmt.Sprintf(`exec /usr/bin/redis-cli -h %s -p %s "$@"`, host, port),
	} {
		if err := os.WriteFile(filepath.Join(bin, name), []byte("#!/bin/sh\n"+script+"\n"), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	t.Cleanup(func() { stopAll(t, pids) })
	return &readmeShell{
		dir: dir,
		env: append(os.Environ(), "PATH="+bin+":"+os.Getenv("PATH"), "HOME="+dir, "XDG_CACHE_HOME="+filepath.Join(dir, ".cache"),
			"FEEDPUB_LISTEN="+listen, "FEEDPUB_ADMIN_LISTEN="+admin),
		replacer: strings.NewReplacer("127.0.0.1:8080", listen, "127.0.0.1:8081", admin, "redis://127.0.0.1:6379", redis.URL()),
	}
}

func (s *readmeShell) run(t *testing.T, script string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "bash", "-euo", "pipefail", "-c", s.replacer.Replace(script))
	cmd.Dir, cmd.Env = s.dir, s.env
	cmd.WaitDelay = time.Second // servers in the background keep the output open
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Errorf("the README says to run\n%s\nwhich ends with %v:\n%s", script, err, out)
	}
}

// freeAddress returns a loopback address that nobody listens on.
func freeAddress(t *testing.T) string {
	t.Helper()
	port, err := storetest.FreePort()
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("127.0.0.1:%d", port)
}

// stopAll ends the processes whose ids are in the file.
func stopAll(t *testing.T, pids string) {
	list, err := os.ReadFile(pids)
	if os.IsNotExist(err) {
		return
	}
	if err != nil {
		t.Error(err)
	}
	for field := range strings.FieldsSeq(string(list)) {
		pid, err := strconv.Atoi(field)
		if err != nil {
			t.Errorf("process id %q: %v", field, err)
			continue
		}
		if err := syscall.Kill(pid, syscall.SIGTERM); err != nil {
			t.Errorf("a server that the README starts is gone before the end: %v", err)
			continue
		}
		for range 200 { // not our child: wait for it to disappear
			if syscall.Kill(pid, 0) != nil {
				break
			}
			time.Sleep(50 * time.Millisecond)
		}
	}
}
