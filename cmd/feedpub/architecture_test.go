package main

import (
	"cmp"
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"path"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// goPackage is a package as `go list -json` describes it.
type goPackage struct {
	ImportPath string
	Imports    []string // imports of the package itself, without its tests
	Deps       []string // Imports and their imports, recursively
	Doc        string
}

func listPackages(t *testing.T) []goPackage {
	t.Helper()
	out, err := exec.Command("go", "list", "-json=ImportPath,Imports,Deps,Doc", "feedpub/...").Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	var packages []goPackage
	for d := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p goPackage
		err := d.Decode(&p)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatalf("go list: %v", err)
		}
		packages = append(packages, p)
	}
	if len(packages) < 10 {
		t.Fatalf("go list found %d packages of feedpub, want at least 10", len(packages))
	}
	return packages
}

func under(path string, roots ...string) bool {
	return slices.ContainsFunc(roots, func(root string) bool { return path == root || strings.HasPrefix(path, root+"/") })
}

// TestImports checks the list of imports in ARCHITECTURE.md, and the rules for direct and indirect imports.
func TestImports(t *testing.T) {
	architecture, err := os.ReadFile("../../ARCHITECTURE.md")
	if err != nil {
		t.Fatal(err)
	}
	listed := map[string]string{}
	for _, m := range regexp.MustCompile(`(?m)^(\S+) +──> (.+)$`).FindAllStringSubmatch(string(architecture), -1) {
		listed[path.Join("feedpub", strings.TrimPrefix(m[1], "feedpub"))] = m[2]
	}
	for _, p := range listPackages(t) {
		if !under(p.ImportPath, "feedpub/cmd", "feedpub/deploy") {
			var own []string
			for _, imported := range p.Imports {
				if name, ok := strings.CutPrefix(imported, "feedpub/"); ok {
					own = append(own, name)
				}
			}
			slices.Sort(own)
			if got := cmp.Or(strings.Join(own, ", "), "nothing"); got != listed[p.ImportPath] {
				t.Errorf("%s imports %s, but ARCHITECTURE.md lists %q", p.ImportPath, got, listed[p.ImportPath])
			}
		}
		for _, dep := range p.Deps {
			for _, rule := range []struct {
				from, to []string
				why      string
			}{
				{[]string{"feedpub/feed"}, []string{"feedpub/store", "feedpub/config"},
					"feed/* must not depend on a store or the configuration"},
				{[]string{"feedpub/feed/serve"}, []string{"feedpub/feed/publish"}, "serving must not depend on building"},
				{[]string{"feedpub/feed/publish"}, []string{"feedpub/feed/serve"}, "building must not depend on serving"},
				{[]string{"feedpub/feed", "feedpub/store", "feedpub/config"}, []string{"feedpub/cmd"},
					"only packages in cmd may depend on cmd"},
				{[]string{"feedpub/store"}, []string{"feedpub/feed/publish", "feedpub/feed/serve", "feedpub/feed/intake"},
					"the store must depend on the domain only"},
				{[]string{"feedpub/feed", "feedpub/store"}, []string{"feedpub/config"}, "only cmd and package feedpub may depend on the configuration"},
			} {
				if under(p.ImportPath, rule.from...) && under(dep, rule.to...) {
					t.Errorf("%s depends on %s: %s", p.ImportPath, dep, rule.why)
				}
			}
			if p.ImportPath == "feedpub/feed" && strings.Contains(strings.SplitN(dep, "/", 2)[0], ".") {
				t.Errorf("feedpub/feed depends on %s: the domain uses the standard library only", dep)
			}
		}
	}
}

// TestOnePackageOwnsEachDependency checks that each library is imported only by its owner, so that it can be replaced
// in one place.
func TestOnePackageOwnsEachDependency(t *testing.T) {
	owners := map[string][]string{
		"github.com/gorilla/feeds":            {"feedpub/feed/render"},
		"github.com/robfig/cron/v3":           {"feedpub/feed/schedule"},
		"github.com/dchest/siphash":           {"feedpub/feed/serve/audience"},
		"github.com/redis/go-redis/v9":        {"feedpub/store"},
		"github.com/alicebob/miniredis/v2":    {"feedpub/store/embedded", "feedpub/store/storetest"},
		"github.com/yuin/goldmark":            {"feedpub/feed/markup"},
		"github.com/microcosm-cc/bluemonday":  {"feedpub/feed/markup"},
		"github.com/fsnotify/fsnotify":        {"feedpub/store/embedded", "feedpub/cmd/internal/hosting"},
		"github.com/google/renameio/v2":       {"feedpub/feed/durable"},
		"github.com/andybalholm/brotli":       {"feedpub/feed/coding"},
		"github.com/klauspost/compress/gzip":  {"feedpub/feed/coding"},
		"github.com/klauspost/compress/zstd":  {"feedpub/store"},
		"github.com/goccy/go-yaml":            {"feedpub/config", "feedpub/feed/transfer", "feedpub/feed/admin"},
		"github.com/gofrs/flock":              {"feedpub/store/embedded", "feedpub/feed/serve"},
		"github.com/valyala/fasthttp":         {"feedpub/feed/serve/fast"},
		"github.com/spf13/cobra":              {"feedpub/cmd/feedpub"},
		"github.com/prometheus/client_golang": {"feedpub/feed/admin", "feedpub/cmd/feedpub", "feedpub/cmd/internal/hosting"},
	}
	used := map[string]bool{}
	for _, p := range listPackages(t) {
		for _, imported := range p.Imports {
			for library, own := range owners {
				if !under(imported, library) {
					continue
				}
				used[library] = true
				if !slices.Contains(own, p.ImportPath) {
					t.Errorf("%s imports %s, which only %s may import", p.ImportPath, imported, strings.Join(own, " and "))
				}
			}
		}
	}
	for library := range owners {
		if !used[library] {
			t.Errorf("no package imports %s: remove it from the table", library)
		}
	}
}

func TestPackageComments(t *testing.T) {
	for _, p := range listPackages(t) {
		if p.Doc == "" {
			t.Errorf("%s has no package comment", p.ImportPath)
		}
	}
}
