package intake_test

import (
	"bytes"
	"encoding/json"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"feedpub/feed"
	"feedpub/feed/intake"
)

func compileSchema(t testing.TB) *jsonschema.Schema {
	t.Helper()
	document, err := jsonschema.UnmarshalJSON(bytes.NewReader(intake.Schema()))
	if err != nil {
		t.Fatal(err)
	}
	compiler := jsonschema.NewCompiler()
	if err := compiler.AddResource("post.schema.json", document); err != nil {
		t.Fatal(err)
	}
	schema, err := compiler.Compile("post.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	return schema
}

// TestSchemaAgreesWithDecoder checks that the schema and the decoder accept and reject the same posts.
func TestSchemaAgreesWithDecoder(t *testing.T) {
	tests := []struct {
		raw  string
		good bool
	}{
		{`{}`, true},
		{fullPost1, true},
		{`{"id":null,"title":null,"authors":null,"tags":null,"status":null,"quotes":null,"date_published":null}`, true},
		{`{"id":"1","unknown":{"id":7}}`, true},
		{`{"id":"","url":"","status":"","attribution":"","language":"","date_modified":" "}`, true},
		{`[]`, false},
		{`"post"`, false},
		{`{"id":1}`, false},
		{`{"id":"a\u0000"}`, false},
		{`{"id":"a\u0085"}`, false},
		{`{"id":"` + strings.Repeat("x", 513) + `"}`, false},
		{`{"title":["t"]}`, false},
		{`{"content_html":7}`, false},
		{`{"content_text":true}`, false},
		{`{"content_markdown":{}}`, false},
		{`{"summary":0}`, false},
		{`{"url":"../a"}`, true},
		{`{"url":"https://blog.example/ü?x=1#y"}`, true},
		{`{"url":"javascript:alert(1)"}`, false},
		{`{"url":" JAVASCRIPT:alert(1)"}`, false},
		{`{"image":"data:image/png;base64,AA=="}`, false},
		{`{"external_url":"file:///etc/passwd"}`, false},
		{`{"url":7}`, false},
		{`{"date_published":"2014-06-17T08:30:00Z"}`, true},
		{`{"date_published":"2014-06-17 08:30 +0200"}`, true},
		{`{"date_published":"2014-06-17t08:30:00.5z"}`, true},
		{`{"date_published":"2014-06-17"}`, true},
		{`{"date_published":"2014-06"}`, false},
		{`{"date_published":"2014-06-17T08:30:00"}`, false},
		{`{"date_published":"Tue, 17 Jun 2014 08:30:00 GMT"}`, false},
		{`{"date_modified":1403000000}`, false},
		{`{"authors":[{"name":"Ada"}]}`, true},
		{`{"authors":[{"url":"https://ada.example/"}]}`, true},
		{`{"authors":[{"avatar":"a.png","name":null}]}`, true},
		{`{"authors":[{"name":" "}]}`, false},
		{`{"authors":[{}]}`, false},
		{`{"authors":["Ada"]}`, false},
		{`{"authors":{"name":"Ada"}}`, false},
		{`{"authors":[{"name":7}]}`, false},
		{`{"tags":["a",""]}`, true},
		{`{"tags":"a"}`, false},
		{`{"tags":[1]}`, false},
		{`{"exclude_from":["links","tags/go"]}`, true},
		{`{"exclude_from":["main"]}`, false},
		{`{"exclude_from":[""]}`, false},
		{`{"exclude_from":"links"}`, false},
		{`{"tags":[null]}`, false},
		{`{"tags":["a"` + strings.Repeat(`,"a"`, 999) + `]}`, true},
		{`{"tags":["a"` + strings.Repeat(`,"a"`, 1000) + `]}`, false},
		{`{"language":"pt_BR"}`, true},
		{`{"language":"zh-Hant-TW"}`, true},
		{`{"language":"Portuguese (Brazil)"}`, false},
		{`{"attachments":[{"url":"a","mime_type":"audio/mpeg"}]}`, true},
		{`{"attachments":[{"url":"a","mime_type":"text/html; charset=utf-8","size_in_bytes":1e3,"duration_in_seconds":null}]}`, true},
		{`{"attachments":[{"url":"a"}]}`, false},
		{`{"attachments":[{"url":"","mime_type":"audio/mpeg"}]}`, false},
		{`{"attachments":[{"mime_type":"audio/mpeg"}]}`, false},
		{`{"attachments":[{"url":"a","mime_type":"mp3"}]}`, false},
		{`{"attachments":[{"url":"a","mime_type":"audio/mpeg","size_in_bytes":1.5}]}`, false},
		{`{"attachments":[{"url":"a","mime_type":"audio/mpeg","size_in_bytes":-1}]}`, false},
		{`{"attachments":[{"url":"a","mime_type":"audio/mpeg","size_in_bytes":"1"}]}`, false},
		{`{"attachments":[{"url":"a","mime_type":"audio/mpeg","duration_in_seconds":-0.5}]}`, false},
		{`{"status":"draft"}`, true},
		{`{"status":"Draft"}`, false},
		{`{"status":"deleted"}`, false},
		{`{"attribution":"given"}`, true},
		{`{"attribution":true}`, false},
		{`{"quotes":[{"source":{}}]}`, true},
		{`{"quotes":[{"source":{"date_published":"1859"}}]}`, true},
		{`{"quotes":[{"source":{"date_published":"yesterday"}}]}`, false},
		{`{"quotes":[{"text":"t"}]}`, true},
		{`{"quotes":[{"html":"<p>t","source":null}]}`, true},
		{`{"quotes":[{"text":" "}]}`, false},
		{`{"quotes":[{"source":null}]}`, false},
		{`{"quotes":[{}]}`, false},
		{`{"quotes":[{"source":"The Paper"}]}`, false},
		{`{"quotes":[{"source":{"authors":["Ada"]}}]}`, false},
		{`{"quotes":[{"source":{"url":"vbscript:x"}}]}`, false},
		{`{"quotes":[{"source":{"agencies":"Wire"}}]}`, false},
		{`{"quotes":[{"text":"t","confidence":1.5}]}`, false},
		{`{"quotes":{}}`, false},
		{`{"via":[{"name":"Cleo"}]}`, true},
		{`{"via":[{"url":"https://cleo.example/"}]}`, true},
		{`{"via":[{}]}`, false},
		{`{"via":["Cleo"]}`, false},
	}
	schema := compileSchema(t)
	for _, tt := range tests {
		_, err := intake.Decode("1", []byte(tt.raw))
		if (err == nil) != tt.good {
			t.Errorf("%.120s: Decode returned error %v, want valid: %t", tt.raw, err, tt.good)
		}
		value, err := jsonschema.UnmarshalJSON(strings.NewReader(tt.raw))
		if err != nil {
			t.Fatalf("%s: %v", tt.raw, err)
		}
		if err := schema.Validate(value); (err == nil) != tt.good {
			t.Errorf("%.120s: the schema returned error %v, want valid: %t", tt.raw, err, tt.good)
		}
	}
}

// TestSchemaListsEveryMember checks that the schema, the decoder and feed.Post have the same members.
func TestSchemaListsEveryMember(t *testing.T) {
	var schema struct {
		Properties map[string]json.RawMessage `json:"properties"`
	}
	if err := json.Unmarshal(intake.Schema(), &schema); err != nil {
		t.Fatal(err)
	}
	var want []string
	for field := range reflect.TypeFor[feed.Post]().Fields() {
		if name, _, _ := strings.Cut(field.Tag.Get("json"), ","); name != "-" {
			want = append(want, name)
		}
	}
	slices.Sort(want)
	if diff := cmp.Diff(want, slices.Sorted(maps.Keys(schema.Properties))); diff != "" {
		t.Errorf("members of a post in the schema (-want +got):\n%s", diff)
	}
	raw := make(map[string]any)
	for _, name := range want {
		raw[name] = nil
	}
	encoded, err := json.Marshal(raw)
	if err != nil {
		t.Fatal(err)
	}
	p, err := intake.Decode("1", encoded)
	if err != nil || len(p.Unknown) > 0 {
		t.Errorf("Decode reports unknown members %v, error %v, want none", slices.Sorted(maps.Keys(p.Unknown)), err)
	}
	p.Unknown = map[string]json.RawMessage{"kept": json.RawMessage("1")}
	for _, name := range want {
		p.Unknown[name] = json.RawMessage(`"twice"`)
	}
	if encoded, err = intake.Encode(p); err != nil || strings.Contains(string(encoded), "twice") {
		t.Errorf("Encode wrote a known member from Unknown: %s, error %v", encoded, err)
	}
}
