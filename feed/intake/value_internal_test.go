package intake

import (
	"encoding/json"
	"testing"
)

// FuzzUnquote checks that unquote returns what json.Unmarshal does, if it returns anything.
func FuzzUnquote(f *testing.F) {
	for _, text := range []string{
		`""`, `"plain"`, `"grün 日本"`, `"\u003cp\u003ea \u0026 b\u003c/p\u003e\n"`, `"\"\\\/\b\f\n\r\t"`, `"\u0000\u007f\u0080"`,
		`"\ud83d\ude00"`, `"\ud83d"`, `"\uFFFD"`, `"\u00e9t\u00E9"`, "\"a\xff\"", `"ends with \\"`, `"\\u003c"`, `"\n"`,
	} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		var want string
		if len(raw) == 0 || raw[0] != '"' || json.Unmarshal(raw, &want) != nil {
			t.Skip("not a JSON string")
		}
		for raw[len(raw)-1] != '"' { // white space after the string
			raw = raw[:len(raw)-1]
		}
		if got, ok := unquote(raw); ok && got != want {
			t.Errorf("unquote(%s) = %q, want %q", raw, got, want)
		}
	})
}

// TestUnquote checks that unquote decodes the strings of which posts usually consist, rather than leave them to
// json.Unmarshal.
func TestUnquote(t *testing.T) {
	for raw, want := range map[string]string{
		`""`:                      "",
		`"\u003cp\u003eL\u0026M"`: "<p>L&M",
		`"é 日本"`:                  "é 日本",
		`"a\n\"b\"\t\\"`:          "a\n\"b\"\t\\",
		`"\n"`:                    "\n",
	} {
		if got, ok := unquote(json.RawMessage(raw)); !ok || got != want {
			t.Errorf("unquote(%s) = %q, %t, want %q, true", raw, got, ok, want)
		}
	}
}
