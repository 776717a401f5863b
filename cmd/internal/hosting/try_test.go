package hosting

import (
	"bytes"
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"

	"feedpub/config"
	"feedpub/feed"
)

// TestTryPosts checks that the configuration arrives in the process that tries posts, and that each post is reported.
func TestTryPosts(t *testing.T) {
	c := config.Default()
	c.Attribution.Publications = []config.Publication{{
		Name: "The Daily", Aliases: []string{"Daily"}, Domains: []string{"daily.example"}, URL: "https://daily.example/",
	}}
	want := trial{Site: c.FeedSite(), Attribution: c.Attribution, Posts: []trialPost{
		{"a", []byte(`{"content_text": "Text."}`)}, {"b", []byte("not JSON \xff")}, {"c", nil},
	}}
	encoded, err := json.Marshal(want)
	if err != nil {
		t.Fatal(err)
	}
	var got trial
	if err := json.Unmarshal(encoded, &got); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(feed.Site{})); diff != "" {
		t.Errorf("decoded trial (-want +got):\n%s", diff)
	}
	var output bytes.Buffer
	if err := TryPosts(bytes.NewReader(encoded), &output); err != nil {
		t.Fatal(err)
	}
	if lines := bytes.Count(output.Bytes(), []byte("\n")); lines != 3 {
		t.Errorf("output is %q, want a line for each of 3 posts", &output)
	}
	if err := TryPosts(bytes.NewReader([]byte("{")), &output); err == nil {
		t.Error("TryPosts of incomplete input returned no error")
	}
}
