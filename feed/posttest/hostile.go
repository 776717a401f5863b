package posttest

import (
	"fmt"
	"strings"
)

// Text is a hostile text. Its name describes its parts.
type Text struct{ Name, Text string }

// Hostile returns texts of about size bytes that have made a parser slow or might do so: repeated openings, endings,
// delimiters and credits, and deep nesting. Tests should read each text as Markdown, HTML and plain text.
func Hostile(size int) []Text {
	var texts []Text
	add := func(name, text string) { texts = append(texts, Text{name, text}) }
	fill := func(s string) string { return strings.Repeat(s, size/len(s)) }
	halves := func(a, b string) string {
		n := size / (len(a) + len(b))
		return strings.Repeat(a, n) + strings.Repeat(b, n)
	}
	numbered := func(line func(i int) string) string {
		var b strings.Builder
		for i := 0; b.Len() < size; i++ {
			b.WriteString(line(i))
		}
		return b.String()
	}

	for _, s := range repeated {
		add(fmt.Sprintf("%q", s), fill(s))
	}
	for _, s := range [][2]string{
		{"[", "]"}, {"[", "](a)"}, {"![", "](a)"}, {"*a ", " b*"}, {"**a ", " b**"}, {"*a ", "b**"}, {"_a ", "*b "},
		{"*a _b ", "c_ d* "}, {"[ ", "a] "}, {"<b>", "</b>"}, {"<div>", "</div>"}, {"<div>\n", "</div>\n"},
		{"<p><b><i><u>", "</p>"}, {"<a href=b>", "<p>"}, {"<blockquote>", "</blockquote>"}, {"<ul><li>", "</li></ul>"},
	} {
		add(fmt.Sprintf("%q and %q", s[0], s[1]), halves(s[0], s[1]))
	}
	for _, format := range []string{"[a%d]: b\n", "[a%d] ", "para %d\n\n", "<a href=http://a%d.b>x</a> ", "{{< a%d >}}"} {
		add(fmt.Sprintf("numbered %q", format), numbered(func(i int) string { return fmt.Sprintf(format, i) }))
	}
	for _, s := range [][2]string{{"`", "a"}, {"*", "a "}, {"  ", "- a\n"}, {" ", "a:\n"}, {"#", " a\n"}} {
		add(fmt.Sprintf("growing %q before %q", s[0], s[1]),
			numbered(func(i int) string { return strings.Repeat(s[0], i) + s[1] }))
	}
	add("growing quotations", numbered(func(i int) string { return strings.Repeat(">", i%90) + "a\n" }))
	add("attributes", "<a "+numbered(func(i int) string { return fmt.Sprintf("a%d=b ", i) })+">")

	reopened := func(format, end string) string { // elements that parsers reopen in every paragraph
		var b strings.Builder
		for i := range 480 {
			fmt.Fprintf(&b, format, i)
		}
		return b.String() + end
	}
	for _, s := range [][2]string{
		{"<p>", "<b id=%d>"}, {"<p>", "<a href=%d>"}, {"<div>", "<b id=%d><table><td></b></td></table>"}, {"<div>", "<b id=%d><table></b></table>"},
		{"<div>", "<b id=%d><table><caption></b></caption></table>"}, {"<div>", "<b id=%d><svg></b></svg>"},
		{"<div>", "<b id=%d><select></b></select>"}, {"<div>", "<b id=%d><object></b></object>"}, {"<div>", "<b id=%d><td></b></td>"},
		{"<div>", "<svg><style><b id=%d></style></svg>"}, {"<div><template>", "<b id=%d><td></b></td>"},
		{"<div>", "<td><b id=%d></td>"}, {"<div>", "<table><td><select></table><b id=%d></b></select></td></table>"},
	} {
		add(fmt.Sprintf("reopened %q and %q", s[0], s[1]), s[0]+reopened(s[1], "</div>")+fill("<p>x</p>"))
	}
	n := size / 5
	add("wide table", strings.Repeat("|a", n)+"\n"+strings.Repeat("|-", n)+"\n"+strings.Repeat("b\n", n/2))
	add("table of 100 columns", strings.Repeat("|a", 100)+"\n"+strings.Repeat("|-", 100)+"\n"+fill("a\n"))
	add("table", "|a|b|\n|-|-|\n"+fill("|a|b|\n"))
	add("long address used often", "[a]: "+fill("b")[:size/2]+"\n\n"+fill("[a] ")[:size/2])
	add("address used often", "[a]: "+strings.Repeat("b", 500)+"\n\n"+fill("[a]"))
	for _, s := range [][2]string{
		{"[a]: b '", "x\n"}, {"[a](b \"", "x"}, {"[a](", "("}, {"http://", "a."}, {"a@", "b."}, {"- a\n", "\n"},
		{"- a\n", "      x\n"}, {strings.Repeat(">", 90) + " a\n", "b\n"}, {strings.Repeat("1. ", 90) + "a\n", "b\n"},
		{strings.Repeat("> - ", 45) + "a\n", "> a\n"}, {strings.Repeat("[", 900), "<a:b>"}, {strings.Repeat("[", 900), "`a`]"},
		{strings.Repeat("<div>", 200), "a<br>"}, {strings.Repeat("<div>", 200), "<p>a</p>"},
		{strings.Repeat("<blockquote>", 200), "<p>a</p>"}, {strings.Repeat("<blockquote>", 200), "a<br>"},
		{"<em>", "a<br>"}, {"<b><i><u><s>", "<p>a"}, {"<a ", "b "}, {"<p", " a"}, {"{{< a ", "b "}, {"[a ", "b=c "},
	} {
		add(fmt.Sprintf("%.16q and then %q", s[0], s[1]), s[0]+fill(s[1]))
	}
	for _, s := range [][2]string{{"<ul><li>", "</li></ul>"}, {"<blockquote>", "</blockquote>"}} {
		add("many deep "+s[0], fill(strings.Repeat(s[0], 200)+"a"+strings.Repeat(s[1], 200)))
	}
	return texts
}

// repeated contains texts that are hostile when repeated.
var repeated = []string{
	"[", "]", "![", "[](", "[a](", "[a][", "[a]", "[a](b)", "[a](<b", "*", "_", "*a", "_a", "a_", "*a_ ", "*a ",
	"a* ", "**a ", "_a __b ", "*a**b ", "a**b*c ", "**a*b", "a*b_c", "~", "~a ", "~~a ", "~a~~ ", "*_~a ", "`",
	"` ", "`a``b ", "<", "<a ", "<a href=\"", "<!--", "<!-- ", "<?", "<![CDATA[", "<!A ", "</", "</a", "<a>",
	"<b>", "<div>\n", "<div>", "<p>", "<table>", "<tr>", "<td>", "<ul><li>", "<blockquote>", "<pre>", "<select>",
	"<svg>", "<script>", "<style>", "<a b=c ", "<a b='c' ", "&", "&amp;", "&#", "&#x1;", "&a",
	"&CounterClockwiseContourIntegral;", ">", "> ", "> a\n", ">\n", ">>>> a\n", "- ", "* ", "1. ", "- a\n",
	"1. a\n", "-\n", "  - a\n", "# ", "#\n", "# a\n", "=\n", "a\n=\n", "a\n-\n", "---\n", "|", "|a", "|a|\n",
	"|-", "a|b\n", "a|b\n-|-\n", "\\", "\\*", "\n", " ", "\t", " \n", "  \n", "a  \n", "a\\\n", "\n    a\n",
	"```\n", "~~~\n", "``` a\n", "http://", "http://a.b ", "www.a.b ", "www.", "a@b.c ", "a@", "mailto:",
	"https://a.b/(", "https://a.b/)", "http://a&amp;", "<http://a>", "<a@b", "[a]: b\n", "[a]:\n", "[a\n",
	"[^a] ", "[^a]: b\n", "é", "“", "‘", "\"", "'", "x", "x ", "x\n", "x\n\n", "{{", "{%", "[[", "](", "](a",
	"![a](", "![a](b)", "*[a](b", "[*a](b) ", "<a>[", "*`", "_[", "(", ")", "\x00", "\xff", "<br>", "<br",
	"<img src=", "<img>", "<i>a</i>", "<b><i>", "<a><b>", "</b>", "</p>", "<p><b>", "<h1>", "<td><table>",
	"<table><td>", "<math>", "<template>", "<iframe src=https://youtube.com/ ",
	"<iframe src=https://youtube.com/>", "<noscript>", "<textarea>", "<frameset>", "<option>", "<dd>",
	"<ruby><rt>", "<q>", "<q>a</q>", "<cite>a</cite>", "<blockquote><p>a</p></blockquote>",
	"<blockquote>a<cite>b</cite>", "<a href=http://a.b>x</a> ", "<img srcset='a 1x, ", "<ol><li>a</ol>",
	"According to the Guardian, ", "A writes in the Times: “", "From X:\n\n", "via a, ", "— A, B\n\n", "(A) ",
	"A. ", "A, ", "1999 ", "1 May 2020 ", "2020-01-01 ", "Jane Doe ", "Jane Doe, ", "Jane Doe and ", "by ",
	"the ", "says ", "said: ", "“a” ", "“a ", "A: ", "h/t @a ", "@a ", "#a ", "NYT ", "AP — ",
	"LONDON (Reuters) - ", "\"a\" ", "a: \"", "…", "[…] ", "... ", "et al. ", "doi:10.1/a ", "(2019) ",
	"pp. 1-2 ", "Vol. 1 ", "posted by A on May 1\n\n", "a.com ", "a/b ", "a-b ", "a—b ", "A A A\n",
	"the Guardian's A ",
	"quotes: \"a", "> - ", "<x>\n", "a\n===\n", "\\]", "[a](b \"x ", "[a]((", "a.", "http://a.b/c?d=e&f ", "a:", "<a:", "ftp://",
	"&aaaaaaaaaaaaaaaaaaaaaaaa", "[a]\n: ", "{{< a >}}", "{{% /a %}}", "{{< a \"", "{% a %}", "{% raw %}", "{% highlight a %}",
	"{{ a }}", "{{ a | b: ", "[caption]", "[/caption]", "[gallery ids=1]", "[a b=\"", "[[a]]", "[embed]", "<!--more-->", "<!-- wp:p -->",
	"<!-- /wp:p -->", "<pre>\n\n", "\n\n<p>", "</div>\n\n", "{:.a} ", "[^1]", "$a$ ", ":a: ", "\u2028", "\u00a0", "\u00ad", "\ufeff",
}
