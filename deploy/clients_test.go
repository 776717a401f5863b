package deploy_test

import (
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// nodeTools returns the absolute path of the installed Node packages. Without them, the test is skipped, unless the
// environment variable CI is set.
func nodeTools(t *testing.T) string {
	t.Helper()
	tools, err := filepath.Abs("tools/node_modules")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(tools, ".bin", "redocly")); err != nil {
		const missing = "the Node packages are not installed; run make deps with Node 20.19 or later"
		if os.Getenv("CI") != "" {
			t.Fatal(missing)
		}
		t.Skip(missing)
	}
	return tools
}

// download stores the OpenAPI description of a server in a folder, as openapi.yaml.
func download(t *testing.T, admin, dir string) {
	t.Helper()
	res, err := http.Get(admin + "/openapi.yaml")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	text, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode != http.StatusOK {
		t.Fatalf("/openapi.yaml: %s, %v", res.Status, err)
	}
	if err := os.WriteFile(filepath.Join(dir, "openapi.yaml"), text, 0o600); err != nil {
		t.Fatal(err)
	}
}

// client is an example program that uses a client generated from openapi.yaml.
type client struct {
	dir    string // copy of the example's folder
	admin  string // URL of the server's admin address
	folder string // name of the example's folder
}

func newClient(t *testing.T, folder string) client {
	t.Helper()
	c := client{dir: filepath.Join(t.TempDir(), folder), folder: folder}
	if err := os.CopyFS(c.dir, os.DirFS("clients/"+folder)); err != nil {
		t.Fatal(err)
	}
	c.admin = buildProgram(t).serve(t)
	download(t, c.admin, c.dir)
	return c
}

// run runs a command in the folder and returns its output.
func (c client) run(t *testing.T, command ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), command[0], command[1:]...)
	cmd.Dir = c.dir
	cmd.Env = append(os.Environ(), "FEEDPUB_ADMIN="+c.admin, "FEEDPUB_TOKEN=secret", "GOWORK=off",
		"REDOCLY_TELEMETRY=off", "REDOCLY_SUPPRESS_UPDATE_NOTICE=true")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%s: %v\n%s", strings.Join(command, " "), err, out)
	}
	return string(out)
}

// posts runs the example and checks that it stored, read and deleted a post.
func (c client) posts(t *testing.T, command ...string) {
	t.Helper()
	want := `stored "On a report" as https://example.org/` + c.folder + ", read it and deleted it\n"
	if got := c.run(t, command...); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// TestGoClient generates a client with oapi-codegen, and stores, reads and deletes a post with it.
func TestGoClient(t *testing.T) {
	t.Parallel()
	c := newClient(t, "go")
	c.run(t, "go", "tool", "oapi-codegen", "-config", "oapi-codegen.yml", "openapi.yaml")
	c.run(t, "go", "build", "-o", "posts", ".")
	c.posts(t, "./posts")
	// The whole interface, not only the part that the example uses.
	c.run(t, "go", "tool", "oapi-codegen", "-generate", "types,client,std-http-server", "-package", "api", "-o",
		"api.gen.go", "openapi.yaml")
}

// TestTypeScriptClient is like TestGoClient, but with openapi-typescript and openapi-fetch.
func TestTypeScriptClient(t *testing.T) {
	t.Parallel()
	tools := nodeTools(t)
	c := newClient(t, "typescript")
	if err := os.Symlink(tools, filepath.Join(c.dir, "node_modules")); err != nil {
		t.Fatal(err)
	}
	c.run(t, "node_modules/.bin/openapi-typescript", "openapi.yaml", "-o", "feedpub.d.ts")
	c.run(t, "node_modules/.bin/tsc")
	c.posts(t, "node", "posts.js")
}

// TestRedocly checks that Redocly's linter reports neither errors nor warnings for the description.
func TestRedocly(t *testing.T) {
	t.Parallel()
	tools := nodeTools(t)
	c := newClient(t, "typescript")
	out := c.run(t, filepath.Join(tools, ".bin", "redocly"), "lint", "--format=json", "openapi.yaml")
	if !strings.Contains(out, `"problems": []`) {
		t.Errorf("problems:\n%s", out)
	}
}
