package render

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"errors"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"feedpub/feed"
)

// The oracle for the writers encodes the types of gorilla/feeds with encoding/xml and encoding/json. Fragments must
// have the same bytes and decode to the same values.

func slowXML(t *testing.T, x any, indent string) []byte {
	t.Helper()
	text, err := xml.MarshalIndent(x, indent, "  ")
	if err != nil {
		t.Fatal(err)
	}
	return append(respell(text), '\n')
}

func slowJSON(t *testing.T, x any) []byte {
	t.Helper()
	text, err := encodeJSON(x, jsonIndent)
	if err != nil {
		t.Fatal(err)
	}
	return append([]byte(jsonIndent), text...)
}

// checkAgainstOracle compares the item's fragments with the results of the oracle.
func checkAgainstOracle(t *testing.T, item *feed.Item, v Variant) {
	t.Helper()
	for _, format := range feed.Formats() {
		got, err := Fragment("main", item, format, v)
		if err != nil {
			if checkItem(item) == nil && !strings.Contains(contentOf(item), "\r") {
				t.Errorf("Fragment of a valid item as %s: %v", format, err)
			}
			continue
		}
		var want []byte
		switch format { //nolint:exhaustive // the standard library has no encoder for other formats
		case feed.RSS:
			x := newRSSItem(item, rssVariant(v))
			want = slowXML(t, &x, rssIndent)
			back := decodeXML(t, got)
			if back["guid"] != item.ID || back["encoded"] != x.Content.Content || back["title"] != x.Title {
				t.Errorf("RSS item decodes to %q", back)
			}
		case feed.Atom:
			x := newAtomEntry("main", item, atomVariant(v))
			want = slowXML(t, &x, atomIndent)
			back := decodeXML(t, got)
			if back["id"] != x.Id || back["content"] != x.Content.HTML || back["title"] != x.Title.Text {
				t.Errorf("Atom entry decodes to %q", back)
			}
		case feed.JSON:
			x := newJSONItem(item, jsonVariant(v))
			want = slowJSON(t, &x)
			var back jsonItem
			if err := json.Unmarshal(got, &back); err != nil {
				t.Fatalf("not JSON: %v\n%s", err, got)
			}
			if diff := cmp.Diff(x, back, cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("decoded JSON item (-want +got):\n%s", diff)
			}
		}
		if diff := cmp.Diff(string(want), string(got)); diff != "" {
			t.Errorf("%s fragment differs from the output of the standard library (-want +got):\n%s", format, diff)
		}
	}
}

// contentOf returns the text that is written to a CDATA section instead of empty HTML. A CDATA section cannot contain
// carriage returns.
func contentOf(item *feed.Item) string {
	if strings.TrimSpace(item.HTML) == "" {
		return item.Summary + item.Title + item.Text
	}
	return ""
}

// decodeXML returns the texts of the children of the fragment's root.
func decodeXML(t *testing.T, fragment []byte) map[string]string {
	t.Helper()
	var root struct {
		Children []struct {
			XMLName xml.Name
			Text    string `xml:",chardata"`
		} `xml:",any"`
	}
	if err := xml.Unmarshal(fragment, &root); err != nil {
		t.Fatalf("not well-formed: %v\n%s", err, fragment)
	}
	texts := map[string]string{}
	for _, c := range root.Children {
		if c.XMLName.Space == "" || c.XMLName.Local == "encoded" {
			texts[c.XMLName.Local] = c.Text
		}
	}
	return texts
}

// arbitrary sets v and all its fields to random values with special characters.
func arbitrary(rng *rand.Rand, v reflect.Value) {
	texts := []string{
		"", "a", " b ", "<&>\"'", "]]>", "]]]]>>", "&amp;", "\t\n", "ü日👩‍👩‍👧", "\u2028\u2029", "a\\b", "x\ufffdy", "\u00a0",
		"&#xD;", "</item>", "https://example.org/ä b?c=d&e#f", "\u007f", "\uffef",
	}
	switch v.Kind() {
	case reflect.String:
		v.SetString(texts[rng.IntN(len(texts))] + texts[rng.IntN(len(texts))])
	case reflect.Int, reflect.Int64:
		v.SetInt(rng.Int64N(1<<62) >> rng.IntN(63))
	case reflect.Float64:
		v.SetFloat([]float64{0, 1, 0.97, 1e-9, 1e21, 1830.5}[rng.IntN(6)])
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), rng.IntN(3), 3))
		for i := range v.Len() {
			arbitrary(rng, v.Index(i))
		}
	case reflect.Struct:
		if v.Type() == reflect.TypeFor[time.Time]() {
			v.Set(reflect.ValueOf(time.UnixMilli(rng.Int64N(4e12)).UTC()))
			return
		}
		for _, field := range v.Fields() {
			arbitrary(rng, field)
		}
	}
}

func arbitraryItem(rng *rand.Rand) *feed.Item {
	item := new(feed.Item)
	arbitrary(rng, reflect.ValueOf(item).Elem())
	item.ID += "id"
	return item
}

func FuzzFragmentAgainstStandardLibrary(f *testing.F) {
	f.Add(uint64(1), "title", "<p>html]]></p>", "summary")
	f.Add(uint64(2), "a\rb", "<pre>\r\n\t</pre>", "\u2028")
	f.Add(uint64(3), "", "", "\r")
	f.Fuzz(func(t *testing.T, seed uint64, title, html, summary string) {
		item := arbitraryItem(rand.New(rand.NewPCG(seed, 0)))
		item.Title, item.HTML, item.Summary = title, html, summary
		item.ID += title
		checkAgainstOracle(t, item, Variant{})
	})
}

// TestReadBackDetectsDamage changes each byte of valid fragments. Changes that are not detected must not change the
// decoded values.
func TestReadBackDetectsDamage(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	damages := []byte{0, '\r', '\n', ' ', '<', '>', '&', '"', '\\', ']', '}', ',', 'x', 0x80, 0xFF}
	for range 3 {
		item := arbitraryItem(rng)
		var p pen
		if _, err := p.fragment(Version, "main", item, feed.RSS, Variant{}); err != nil {
			t.Fatal(err)
		}
		x := newRSSItem(item, Variant{})
		doc := bytes.Clone(p.xml.b)
		for i := range doc {
			for _, damage := range damages {
				damaged := bytes.Clone(doc)
				damaged[i] = damage
				if err := readBackXML(damaged, p.xml.wrote); err == nil && !bytes.Equal(blanks(damaged), blanks(doc)) {
					t.Fatalf("the byte %q at offset %d is not detected in %+v:\n%s", damage, i, x, damaged)
				} else if err != nil && !errors.Is(err, feed.ErrInvalid) {
					t.Fatalf("error %v is not of kind %v", err, feed.ErrInvalid)
				}
			}
			if err := readBackXML(doc[:i], p.xml.wrote); err == nil && len(blanks(doc[i:])) > 0 {
				t.Fatalf("truncation at offset %d is not detected:\n%s", i, doc)
			}
		}
		if _, err := p.fragment(Version, "main", item, feed.JSON, Variant{}); err != nil {
			t.Fatal(err)
		}
		doc = bytes.Clone(p.json.b)
		for i := range doc {
			for _, damage := range damages {
				damaged := bytes.Clone(doc)
				damaged[i] = damage
				if err := readBackJSON(damaged, p.json.wrote); err == nil && !bytes.Equal(blanks(damaged), blanks(doc)) {
					t.Fatalf("the byte %q at offset %d is not detected in %+v:\n%s", damage, i, item, damaged)
				}
			}
			if err := readBackJSON(doc[:i], p.json.wrote); err == nil {
				t.Fatalf("truncation at offset %d is not detected:\n%s", i, doc)
			}
		}
	}
}

// blanks removes spaces and line feeds. They are insignificant between elements and members; elsewhere the read-back
// compares them.
func blanks(doc []byte) []byte {
	return bytes.ReplaceAll(bytes.ReplaceAll(doc, []byte(" "), nil), []byte("\n"), nil)
}

func TestSumContent(t *testing.T) {
	ignored := map[string]bool{"Feeds": true, "ExcludeFrom": true, "Intake": true, "RawSum": true} // not in documents
	base := &feed.Item{
		Authors: []feed.Author{{}}, Tags: []string{""}, Attachments: []feed.Attachment{{}}, Via: []feed.Via{{}},
		Feeds:  []feed.Name{""},
		Quotes: []feed.Quote{{Source: feed.Source{Authors: []feed.Author{{}}, Agencies: []string{""}}}},
	}
	sums := map[contentSum]string{}
	add := func(what string, site feed.SiteID, item *feed.Item) {
		t.Helper()
		sum, _ := sumContent(nil, site, item)
		if other, ok := sums[sum]; ok {
			t.Errorf("items that differ in %s and in %s have equal sums, want different ones", what, other)
		}
		sums[sum] = what
	}
	add("nothing", "main", base)
	add("the site", "other", base)
	var change func(path string, v reflect.Value)
	change = func(path string, v reflect.Value) {
		old := reflect.New(v.Type()).Elem()
		old.Set(v)
		switch v.Kind() {
		case reflect.String:
			v.SetString("x")
		case reflect.Int, reflect.Int64:
			v.SetInt(1)
		case reflect.Float64:
			v.SetFloat(1)
		case reflect.Slice:
			change(path+"[0]", v.Index(0))
			v.Set(reflect.Zero(v.Type()))
		case reflect.Struct:
			if v.Type() != reflect.TypeFor[time.Time]() {
				for i := range v.NumField() {
					name := v.Type().Field(i).Name
					if name == "Certain" || path == "" && ignored[name] {
						continue
					}
					change(path+"."+name, v.Field(i))
				}
				return
			}
			v.Set(reflect.ValueOf(time.Unix(0, 1)))
			add(path+" by a nanosecond", "main", base)
			v.Set(reflect.ValueOf(time.Unix(1, 0)))
		default:
			t.Fatalf("%s has the kind %s, which this test does not support; add it", path, v.Kind())
		}
		add(path, "main", base)
		v.Set(old)
	}
	change("", reflect.ValueOf(base).Elem())
	if len(sums) < 40 {
		t.Errorf("%d changes were tested, want at least 40", len(sums))
	}
}
