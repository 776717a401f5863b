package deploy_test

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// buildFolder is the folder of the program that the tests run. [TestMain] removes it.
var buildFolder = sync.OnceValues(func() (string, error) { return os.MkdirTemp("", "feedpub-deploy-test") })

var build = sync.OnceValues(func() (program, error) {
	dir, err := buildFolder()
	if err != nil {
		return "", err
	}
	path := filepath.Join(dir, "feedpub")
	if out, err := exec.Command("go", "build", "-o", path, "../cmd/feedpub").CombinedOutput(); err != nil {
		return "", fmt.Errorf("go build: %w\n%s", err, out)
	}
	return program(path), nil
})

func TestMain(m *testing.M) {
	status := m.Run()
	if dir, err := buildFolder(); err == nil {
		_ = os.RemoveAll(dir)
	}
	os.Exit(status)
}

// buildProgram builds feedpub once for all tests of the package.
func buildProgram(t *testing.T) program {
	t.Helper()
	p, err := build()
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// serve starts the program as a server with an empty folder of posts, and returns the URL of its admin address. The
// server is stopped when the test ends. The token "secret" has the write right.
func (p program) serve(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range map[string]string{
		"tokens":      "press [write]: secret\n",
		"feedpub.yml": "listen: 127.0.0.1:0\ndir: posts\nadmin: {listen: \"127.0.0.1:0\", tokens_file: tokens}\n",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Mkdir(filepath.Join(dir, "posts"), 0o700); err != nil {
		t.Fatal(err)
	}
	server := exec.CommandContext(t.Context(), string(p), "serve", "--config", filepath.Join(dir, "feedpub.yml"))
	server.Cancel = func() error { return server.Process.Signal(os.Interrupt) }
	out, err := server.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = server.Process.Signal(os.Interrupt)
		_ = server.Wait()
	})
	for lines := bufio.NewScanner(out); lines.Scan(); {
		if fields := strings.Fields(lines.Text()); len(fields) == 2 && fields[0] == "admin" {
			return fields[1]
		}
	}
	t.Fatal("the server does not print its admin address")
	return ""
}
