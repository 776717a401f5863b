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

// xmlForm holds a root element of our own for [feeds.ToXML].
type xmlForm struct{ root any }

// FeedXml implements [feeds.XmlFeed].
func (f xmlForm) FeedXml() any { return f.root } //nolint:revive,staticcheck // the name is gorilla/feeds'

// xmlFrame encodes a root element without items and cuts it before its end, foot. Before the root stands a style sheet, for
// browsers that show the document to someone who followed a link to it.
func xmlFrame(root any, site feed.Site, foot string) (frame, error) {
	text, err := feeds.ToXML(xmlForm{root})
	if err != nil {
		return frame{}, err
	}
	// gorilla/feeds writes the root on the declaration's line.
	text = strings.Replace(text, "?><", "?>\n<?xml-stylesheet type=\"text/css\" href=\""+html.EscapeString(styleSheetPath(site))+"\"?>\n<", 1)
	head, ok := bytes.CutSuffix(respell([]byte(text)), []byte(foot))
	if !ok {
		return frame{}, fmt.Errorf("encoded document does not end in %q: %w", foot, feed.ErrInvalid)
	}
	return frame{head: head, foot: []byte(foot + "\n")}, nil
}

// styleSheetPath is relative to the host, so that the style sheet is of the document's own origin by whatever name the
// host was reached.
func styleSheetPath(site feed.Site) string {
	var dir string
	if base, err := url.Parse(uri(site.BaseURL)); err == nil {
		dir = strings.TrimSuffix(base.EscapedPath(), "/")
	}
	return dir + feed.Pages.Path(feed.CSS)
}

// cdata is HTML as the content of an element. encoding/xml parts a "]]>" within it over two sections.
type cdata struct {
	Type string `xml:"type,attr,omitempty"`
	HTML string `xml:",cdata"`
}

var (
	inText = strings.NewReplacer("&amp;", "&#x26;", "&lt;", "&#x3C;", "&#34;", `"`, "&#39;", "'", "&#xA;", "\n", "&#x9;", "\t")
	inTag  = strings.NewReplacer("&amp;", "&#x26;", "&lt;", "&#x3C;", "&#39;", "'")
)

// respell writes the same XML with other references. In plain text of RSS, "&" and "<" as hexadecimal references are
// what most readers show right (RSS Advisory Board, RSS Best Practices Profile, "Character Data"), while encoding/xml
// names them; and what needs no reference is written without one. CDATA sections stay: HTML travels in them.
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
		// What ended a tag or a section begins the text that follows it, and needs no reference there.
		src = src[end:]
	}
	return dst
}
