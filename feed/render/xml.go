package render

import (
	"bytes"
	"fmt"
	"html"
	"net/url"
	"strings"

	"github.com/gorilla/feeds"

	"feedpub/feed"
)

// xmlRoot passes a root element of this package to [feeds.ToXML].
type xmlRoot struct{ root any }

// FeedXml implements [feeds.XmlFeed].
func (x xmlRoot) FeedXml() any { return x.root } //nolint:revive,staticcheck // gorilla/feeds requires this name

// xmlFrame encodes a root element without items and splits off foot, which must be the end of the output. A
// processing instruction before the root refers to a style sheet, for people who open the document in a browser.
func xmlFrame(root any, site feed.Site, foot string) (frame, error) {
	text, err := feeds.ToXML(xmlRoot{root})
	if err != nil {
		return frame{}, err
	}
	// gorilla/feeds writes no line break after the XML declaration.
	style := "<?xml-stylesheet type=\"text/css\" href=\"" + html.EscapeString(styleSheetPath(site)) + "\"?>"
	text = strings.Replace(text, "?><", "?>\n"+style+"\n<", 1)
	head, ok := bytes.CutSuffix(respell([]byte(text)), []byte(foot))
	if !ok {
		return frame{}, fmt.Errorf("encoded document does not end in %q: %w", foot, feed.ErrInvalid)
	}
	return frame{head: head, foot: []byte(foot + "\n")}, nil
}

// styleSheetPath returns the path of the style sheet. It has no host, so that the style sheet always has the same
// origin as the document, which browsers require.
func styleSheetPath(site feed.Site) string {
	var dir string
	if base, err := url.Parse(uri(site.BaseURL)); err == nil {
		dir = strings.TrimSuffix(base.EscapedPath(), "/")
	}
	return dir + feed.Pages.Path(feed.CSS)
}

// cdata is an element with HTML in a CDATA section. encoding/xml splits the section if the HTML contains "]]>".
type cdata struct {
	Type string `xml:"type,attr,omitempty"`
	HTML string `xml:",cdata"`
}

var (
	inText = strings.NewReplacer("&amp;", "&#x26;", "&lt;", "&#x3C;", "&#34;", `"`, "&#39;", "'",
		"&#xA;", "\n", "&#x9;", "\t")
	inTag = strings.NewReplacer("&amp;", "&#x26;", "&lt;", "&#x3C;", "&#39;", "'")
)

// respell replaces references in the output of encoding/xml. "&" and "<" become hexadecimal references, which most feed
// readers show correctly in RSS (RSS Advisory Board, RSS Best Practices Profile, "Character Data"). Unnecessary
// references are replaced with the characters they represent. CDATA sections, which contain HTML, are unchanged.
func respell(src []byte) []byte {
	dst := make([]byte, 0, len(src))
	for len(src) > 0 {
		end, replace := bytes.IndexByte(src, '<'), inText
		switch {
		case bytes.HasPrefix(src, []byte("<![CDATA[")):
			end, replace = bytes.Index(src, []byte("]]>")), nil
		case end == 0:
			end, replace = bytes.IndexByte(src, '>'), inTag // encoding/xml never writes ">" within a tag
		}
		if end < 0 {
			end = len(src)
		}
		if replace == nil {
			dst = append(dst, src[:end]...)
		} else {
			dst = append(dst, replace.Replace(string(src[:end]))...)
		}
		// The rest begins with the end of the tag or section, which contains no references.
		src = src[end:]
	}
	return dst
}
