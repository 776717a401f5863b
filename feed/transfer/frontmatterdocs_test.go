package transfer

import (
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
)

// frontMatterTable returns the table of front matter keys for the documentation.
func frontMatterTable() string {
	types := map[string]string{
		"id": "text", "url": "URL or path", "external_url": "URL", "date_published": "date", "date_modified": "date",
		"summary": "text", "language": "BCP 47 tag", "image": "URL or file",
	}
	var b strings.Builder
	b.WriteString("| keys | type | meaning |\n|---|---|---|\n")
	row := func(keys []string, kind, meaning string) {
		b.WriteString("| `" + strings.Join(keys, "`, `") + "` | " + kind + " | " + meaning + " |\n")
	}
	row([]string{"title"}, "text", "the title; default: the first heading")
	var members []string
	keys := map[string][]string{}
	for _, k := range frontMatterKeys {
		if keys[k.member] == nil {
			members = append(members, k.member)
			if k.key != k.member {
				keys[k.member] = []string{k.member}
			}
		}
		keys[k.member] = append(keys[k.member], k.key)
	}
	for _, m := range members {
		row(keys[m], types[m], "`"+m+"` of the post")
	}
	row([]string{"authors", "author"}, "names, or objects with name and url", "`authors` of the post")
	row([]string{"tags", "categories", "category"}, "names", "`tags` of the post, together")
	row([]string{"attachments"}, "URLs, files or objects", "`attachments` of the post")
	row([]string{"slug"}, "text", "`:slug` in `site.permalink`")
	row(slices.Sorted(maps.Keys(scheduleKeys)), "date", "the post is published at this time if it is later than its date")
	row(slices.Sorted(maps.Keys(frontVisibility)), "true or false, a status, a date", "whether the post is published")
	return b.String()
}

// TestFrontMatterDocs checks that the table in the documentation lists the keys in the code.
func TestFrontMatterDocs(t *testing.T) {
	for _, k := range frontMatterKeys {
		if !strings.Contains(frontMatterTable(), "`"+k.key+"`") {
			t.Errorf("the table lacks %s", k.key)
		}
	}
	docs, err := os.ReadFile("../../deploy/docs/writing-posts.md")
	if err != nil {
		t.Fatal(err)
	}
	if want := frontMatterTable(); !strings.Contains(string(docs), want) {
		t.Errorf("the table in deploy/docs/writing-posts.md differs from the code, want:\n%s", want)
	}
}
