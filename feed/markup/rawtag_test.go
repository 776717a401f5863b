package markup

import "testing"

// TestOpenTagsInProse checks that a start tag in prose hides no words, and that elements with an end tag are unchanged.
func TestOpenTagsInProse(t *testing.T) {
	for source, want := range map[string]string{
		"Each page has a <script>tag.\n\nMore words.":                "Each page has a <script>tag.\n\nMore words.",
		"The <SCRIPT src=\"a.js\"> tag and the <iframe> tag.":        "The <SCRIPT src=\"a.js\"> tag and the <iframe> tag.",
		"- A <title> in a list\n- and more":                          "A <title> in a list\nand more",
		"A <script>hidden</script> element and <b>bold</b> words.":   "A element and bold words.",
		"A <script>hidden</script> element and a <script> tag.":      "A element and a <script> tag.",
		"A `<script>` in code, and <style>p {}</style> in the text.": "A <script> in code, and in the text.",
	} {
		n, err := Parse(Markdown, source)
		if err != nil {
			t.Errorf("Parse(%q): %v", source, err)
			continue
		}
		if got := PlainText(n); got != want {
			t.Errorf("the text of %q is %q, want %q", source, got, want)
		}
	}
}
