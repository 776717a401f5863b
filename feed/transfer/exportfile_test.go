package transfer_test

import (
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"feedpub/feed"
	"feedpub/feed/transfer"
)

// exportFile returns an export file with three posts and two records. One of the posts looks like the last line of an
// export.
func exportFile(t *testing.T) []byte {
	t.Helper()
	var file bytes.Buffer
	w, err := transfer.NewExportWriter(&file, "main")
	if err != nil {
		t.Fatal(err)
	}
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(w.Record(feed.ExportLine{Rendering: 1}))
	must(w.Record(feed.ExportLine{Record: &feed.Record{ID: "a", FirstSeen: time.Unix(1, 0).UTC()}}))
	for id, raw := range map[string]string{"a": `{"title":"A"}`} {
		must(w.Post(feed.RawPost{ID: id, Raw: []byte(raw)}))
	}
	must(w.Post(feed.RawPost{ID: "b", Raw: []byte(`{"_end":{"posts":9},"id":"b"}`)}))
	must(w.Post(feed.RawPost{ID: "c", Raw: []byte("not JSON")}))
	must(w.Close())
	return file.Bytes()
}

// unpack returns the lines of an export file.
func unpack(t *testing.T, file []byte) []string {
	t.Helper()
	r, err := gzip.NewReader(bytes.NewReader(file))
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return strings.SplitAfter(strings.TrimSuffix(string(text), "\n"), "\n")
}

func TestVerifyExport(t *testing.T) {
	file := exportFile(t)
	want := transfer.Export{Site: "main", Posts: 3, Records: 2}
	for name, content := range map[string]string{
		"compressed": string(file), "decompressed": strings.Join(unpack(t, file), ""),
		"decompressed, without the last line end": strings.TrimSuffix(strings.Join(unpack(t, file), ""), "\n"),
	} {
		got, err := transfer.VerifyExport(strings.NewReader(content), "backup.gz")
		if err != nil || got != want {
			t.Errorf("VerifyExport of a %s file = %+v, %v; want %+v", name, got, err, want)
		}
	}
	posts := map[string]string{}
	for e, err := range (transfer.Options{}).Read(bytes.NewReader(file), "backup.gz") {
		if err != nil {
			t.Fatal(err)
		}
		if e.Post != nil {
			posts[e.Post.ID] = string(e.Post.Raw)
		}
	}
	if len(posts) != 3 || posts["b"] != `{"_end":{"posts":9},"id":"b"}` || posts["c"] != "not JSON" {
		t.Errorf("the export has the posts %q", posts)
	}
}

// TestVerifyDamagedExport checks that every kind of damage is reported when a file is verified and when it is imported.
func TestVerifyDamagedExport(t *testing.T) {
	file := exportFile(t)
	lines := unpack(t, file)
	without := func(i int) string { return strings.Join(append(append([]string{}, lines[:i]...), lines[i+1:]...), "") }
	replaced := func(old, next string) string { return strings.Replace(strings.Join(lines, ""), old, next, 1) }
	tests := map[string]struct{ content, want string }{
		"empty":                             {"", "backup: the file is empty"},
		"no last line":                      {without(len(lines) - 1), "backup: the export is truncated: it ends after 3 posts and 2 records"},
		"half":                              {strings.Join(lines, "")[:len(strings.Join(lines, ""))/3], "is truncated"},
		"missing record":                    {without(2), "written with 3 posts and 2 records, but contains 3 and 1"},
		"missing post":                      {without(3), "written with 3 posts and 2 records, but contains 2 and 2"},
		"changed word":                      {replaced(`"A"`, `"B"`), "changed after it was written: its SHA-256 checksum is "},
		"additional line":                   {strings.Join(lines, "") + "\n" + `{"id":"z"}`, "there are lines after the end of the export"},
		"joined exports":                    {strings.Join(lines[:len(lines)-1], "") + strings.Join(lines, ""), "import each export separately"},
		"compressed, half":                  {string(file[:len(file)/2]), "unexpected EOF"},
		"compressed, without its last byte": {string(file[:len(file)-1]), "unexpected EOF"},
		"later version":                     {replaced(`"version":1`, `"version":2`), "version 2 of the format, and this release reads version 1"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := transfer.VerifyExport(strings.NewReader(tt.content), "backup")
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("VerifyExport: got error %v, want one with %q", err, tt.want)
			}
			var read error
			for _, err := range (transfer.Options{Format: transfer.JSON}).Read(strings.NewReader(tt.content), "backup") {
				read = errors.Join(read, err)
			}
			if read == nil && tt.content != "" {
				t.Error("Read accepts the file")
			}
		})
	}
	if _, err := transfer.VerifyExport(strings.NewReader(without(0)), "backup"); !errors.Is(err, feed.ErrInvalid) {
		t.Errorf("VerifyExport of a file without its first line: %v", err)
	}
}

// TestVerifyFlippedBytes checks that each changed byte of the compressed data is detected.
func TestVerifyFlippedBytes(t *testing.T) {
	file := exportFile(t)
	const header = 10 // size of the gzip header; changes to its time and operating system are not detected
	for i := header; i < len(file); i++ {
		changed := bytes.Clone(file)
		changed[i] ^= 1 << (i % 8)
		if got, err := transfer.VerifyExport(bytes.NewReader(changed), "backup"); err == nil {
			t.Errorf("byte %d of %d was changed, and VerifyExport returns %+v", i, len(file), got)
		}
	}
}

func TestEqualExport(t *testing.T) {
	for stored, want := range map[string]bool{
		`{"id":"a","title":"A"}`: true, "{\n \"id\":\"a\",\n \"title\": \"A\"}": true, `{"title":"A"}`: true,
		`{"id":"a","title":"B"}`: false, "text": false,
	} {
		read := feed.RawPost{ID: "a", Raw: []byte(`{"id":"a","title":"A"}`)}
		if got := transfer.EqualExport(feed.RawPost{ID: "a", Raw: []byte(stored)}, read); got != want {
			t.Errorf("EqualExport(%q) = %t, want %t", stored, got, want)
		}
	}
}
