package admin

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
	"github.com/google/go-cmp/cmp"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"feedpub/feed/intake"
)

// described is openapi.yaml as JSON, and a compiler for its schemas.
type described struct {
	root     map[string]any
	compiler *jsonschema.Compiler
}

func readDescription(t *testing.T) described {
	t.Helper()
	asJSON, err := yaml.YAMLToJSON(OpenAPI())
	if err != nil {
		t.Fatalf("openapi.yaml: %v", err)
	}
	compiler := jsonschema.NewCompiler()
	var root map[string]any
	document, err := jsonschema.UnmarshalJSON(bytes.NewReader(asJSON))
	if err != nil {
		t.Fatalf("openapi.yaml: %v", err)
	}
	root, _ = document.(map[string]any)
	if err := compiler.AddResource("openapi.json", document); err != nil {
		t.Fatalf("openapi.yaml: %v", err)
	}
	return described{root, compiler}
}

// at returns the object at a path of member names.
func at(v any, path ...string) map[string]any {
	for _, name := range path {
		m, _ := v.(map[string]any)
		v = m[name]
	}
	m, _ := v.(map[string]any)
	return m
}

// TestOpenAPIRoutes compares openapi.yaml with the table of routes.
func TestOpenAPIRoutes(t *testing.T) {
	h := &handler{Config: config(t, &fake{})}
	want := map[string]string{}
	for _, r := range h.routes() {
		var needs string
		if r.permission != "" {
			needs = " with the permission " + string(r.permission)
		}
		statuses := append([]int{http.StatusMisdirectedRequest}, r.statuses...) // any request can have the wrong host
		slices.Sort(statuses)
		want[r.method+" "+r.path] = fmt.Sprint(statuses) + needs
	}
	got := map[string]string{}
	for path := range at(readDescription(t).root, "paths") {
		for method, o := range at(readDescription(t).root, "paths", path) {
			if method == "parameters" {
				continue
			}
			var statuses []int
			for status := range at(o, "responses") {
				n, err := strconv.Atoi(status)
				if err != nil {
					t.Errorf("%s %s: status %q", method, path, status)
				}
				statuses = append(statuses, n)
			}
			slices.Sort(statuses)
			var needs string
			operation, _ := o.(map[string]any)
			security, _ := operation["security"].([]any)
			for _, s := range security {
				permissions, _ := at(s)["token"].([]any)
				for _, permission := range permissions {
					needs += fmt.Sprint(" with the permission ", permission)
				}
			}
			got[strings.ToUpper(method)+" "+path] = fmt.Sprint(statuses) + needs
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("statuses of the routes (-table +openapi.yaml):\n%s", diff)
	}
}

// TestOpenAPIExamples validates each example against its schema, and posts with the decoder too, and resolves all
// references.
func TestOpenAPIExamples(t *testing.T) {
	d := readDescription(t)
	examples, posts := 0, 0
	var walk func(pointer string, v any)
	check := func(pointer string, example any) {
		examples++
		schema, err := d.compiler.Compile("openapi.json#" + pointer + "/schema")
		if err != nil {
			t.Errorf("%s/schema: %v", pointer, err)
			return
		}
		if err := schema.Validate(example); err != nil {
			t.Errorf("the example at %s: %v", pointer, err)
		}
	}
	walk = func(pointer string, v any) {
		switch v := v.(type) {
		case []any:
			for i, e := range v {
				walk(pointer+"/"+strconv.Itoa(i), e)
			}
		case map[string]any:
			if ref, ok := v["$ref"].(string); ok {
				inside, local := strings.CutPrefix(ref, "#/")
				if !local || at(d.root, strings.Split(inside, "/")...) == nil {
					t.Errorf("%s refers to %s, which is not in openapi.yaml", pointer, ref)
				}
			}
			if example, ok := v["example"]; ok {
				check(pointer, example)
			}
			for name, example := range at(v, "examples") {
				value := at(example)["value"]
				check(pointer, value)
				raw, err := json.Marshal(value)
				if err != nil {
					t.Fatal(err)
				}
				if at(value)["verdict"] != nil {
					continue // a decision
				}
				posts++
				id, _ := at(value)["id"].(string)
				if _, err := intake.Decode(id, raw); err != nil {
					t.Errorf("the post %q at %s is rejected: %v", name, pointer, err)
				}
			}
			for name, member := range v {
				walk(pointer+"/"+strings.NewReplacer("~", "~0", "/", "~1", "{", "%7B", "}", "%7D").Replace(name), member)
			}
		}
	}
	walk("", d.root)
	if examples < 10 || posts < 2 {
		t.Errorf("found %d examples, %d of them posts, want at least 10 and 2", examples, posts)
	}
	for _, name := range slices.Sorted(maps.Keys(at(d.root, "components", "schemas"))) {
		if _, err := d.compiler.Compile("openapi.json#/components/schemas/" + name); err != nil {
			t.Errorf("schema %s: %v", name, err)
		}
	}
}

// TestOpenAPIResponses validates responses against the schemas of openapi.yaml.
func TestOpenAPIResponses(t *testing.T) {
	d := readDescription(t)
	for _, test := range []struct {
		method, path, body, header string
		schema                     string
	}{
		{"GET", "/sites", "", "X: y", "Sites"},
		{"GET", "/feeds", "", "X: y", "Feeds"},
		{"GET", "/sites/main/feeds", "", "X: y", "Feeds"},
		{"GET", "/sites/main/readers", "", "X: y", "Readers"},
		{"GET", "/sites/main/problems", "", "X: y", "Problems"},
		{"POST", "/sites/main/rebuild", "", "X: y", "Report"},
		{"POST", "/sites/none/rebuild", "", "X: y", "Problem"},
		{"GET", "/readers", "", "X: y", "Readers"},
		{"GET", "/problems", "", "X: y", "Problems"},
		{"POST", "/rebuild", "", "X: y", "Report"},
		{"GET", "/sites/main/posts?limit=1", "", "X: y", "Page"},
		{"GET", helloURL, "", "X: y", "Post"},
		{"PUT", helloURL, hello, asJSON, "Stored"},
		{"PUT", helloURL, `{"title": 7}`, asJSON, "Problem"},
		{"POST", "/sites/main/posts", `{"id": "a", "title": 7}`, asLines, "LineResult"},
		{"POST", "/sites/main/posts", hello, asLines, "LineResult"},
		{"GET", "/nothing", "", "X: y", "Problem"},
		{"GET", "/runs", "", "X: y", "Runs"},
		{"GET", "/runs?limit=x", "", "X: y", "Problem"},
		{"GET", "/sites/main/runs/r2", "", "X: y", "SiteRun"},
		{"GET", "/schedule", "", "X: y", "Schedule"},
		{"GET", "/sites/main/posts/a/explain?feed=main", "", "X: y", "Explanation"},
	} {
		c, _ := writers(t, map[string]string{"hello": hello, "other": hello})
		only(t, c).Runs = &fake{runs: someRuns()}
		schema, err := d.compiler.Compile("openapi.json#/components/schemas/" + test.schema)
		if err != nil {
			t.Fatal(err)
		}
		body := text(t, ask(t, c, test.method, test.path, test.body, bearer, test.header))
		v, err := jsonschema.UnmarshalJSON(strings.NewReader(body))
		if err != nil {
			t.Errorf("%s %s: %v: %s", test.method, test.path, err, body)
			continue
		}
		if err := schema.Validate(v); err != nil {
			t.Errorf("the response to %s %s is not a %s: %v\n%s", test.method, test.path, test.schema, err, body)
		}
	}
}

// postSchema matches the part of openapi.yaml that is generated from the post's schema.
var postSchema = regexp.MustCompile(`(?s)(\n    # Generated from the schema at /post\.schema\.json[^\n]*\n[^\n]*\n).*?(    # End of the schema)`)

// TestOpenAPIPost checks that the post's schema in openapi.yaml is the one at /post.schema.json.
func TestOpenAPIPost(t *testing.T) {
	var s struct {
		Rest map[string]json.RawMessage `json:"$defs"`
	}
	if err := json.Unmarshal(intake.Schema(), &s); err != nil {
		t.Fatal(err)
	}
	component := func(def string) string {
		if def == "url" {
			return "PostURL"
		}
		return "Post" + strings.ToUpper(def[:1]) + def[1:]
	}
	text := string(intake.Schema())
	for def := range s.Rest {
		text = strings.ReplaceAll(text, `"#/$defs/`+def+`"`, `"#/components/schemas/`+component(def)+`"`)
	}
	asYAML, err := yaml.JSONToYAML([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	post, defs, found := strings.Cut(string(asYAML), "$defs:\n")
	if !found {
		t.Fatal("the schema does not end with $defs")
	}
	var want strings.Builder
	want.WriteString("    Post:\n")
	for line := range strings.Lines(post) {
		if !strings.HasPrefix(line, "$schema:") && !strings.HasPrefix(line, "title:") {
			want.WriteString("      " + line)
		}
	}
	for line := range strings.Lines(defs) {
		if name, ok := strings.CutSuffix(strings.TrimPrefix(line, "  "), ":\n"); ok && s.Rest[name] != nil {
			line = "  " + component(name) + ":\n"
		}
		want.WriteString("  " + line)
	}
	m := postSchema.FindSubmatchIndex(openAPI)
	if m == nil {
		t.Fatal("openapi.yaml has no comments around the post's schema")
	}
	if *update {
		changed := slices.Concat(openAPI[:m[3]], []byte(want.String()), openAPI[m[4]:])
		if err := os.WriteFile("openapi.yaml", changed, 0o600); err != nil {
			t.Fatal(err)
		}
		return
	}
	if diff := cmp.Diff(want.String(), string(openAPI[m[3]:m[4]])); diff != "" {
		t.Errorf("openapi.yaml differs from the post's schema; run this test with -update (-schema +openapi.yaml):\n%s", diff)
	}
}

func TestPostSchemaServed(t *testing.T) {
	res := ask(t, config(t, &fake{}), http.MethodGet, "/post.schema.json", "")
	if got := text(t, res); got != string(intake.Schema()) ||
		res.Header.Get("Content-Type") != "application/schema+json" {
		t.Errorf("/post.schema.json: %s, %d bytes; want the schema", res.Header.Get("Content-Type"), len(got))
	}
}

func TestOpenAPIServed(t *testing.T) {
	res := ask(t, config(t, &fake{}), http.MethodGet, "/openapi.yaml", "")
	if got := text(t, res); got != string(openAPI) || res.Header.Get("Content-Type") != "application/yaml" {
		t.Errorf("/openapi.yaml: %s, %d bytes; want the description", res.Header.Get("Content-Type"), len(got))
	}
}
