package attribution

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// This file finds the name of a site in the text beside a link to it: "Harbour Lights" for harbour-lights.example.

// maxSiteName is the maximum number of tokens of the name of a site.
const maxSiteName = 7

// minSiteName is the minimum length of a site's name, in bytes, written as one word.
const minSiteName = 3

// nameSite gives s, which is named only by the host of its URL or by its authors, the name that the blocks of the
// credit give the site.
func (rd *reading) nameSite(d *decisions, c *candidate, s *source) {
	if s.url == "" || s.pub.known != nil || s.pub.name != "" && s.pub.name != hostOf(s.url) || isWrapper(s.url) {
		return
	}
	labels := siteLabels(hostOf(s.url))
	if k := creditBlock(d, c); k >= 0 && rd.setSiteName(s, rd.doc.blocks[k], labels) {
		return
	}
	for _, k := range s.creditBlocks {
		if rd.setSiteName(s, rd.doc.blocks[k], labels) {
			return
		}
	}
}

// setSiteName sets the publication of s to the longest name of the site in the block. It returns false if there is
// none.
func (rd *reading) setSiteName(s *source, b *block, labels []string) bool {
	if len(b.toks) > maxSentenceBlock {
		return false // the time would grow with the square of the number of links
	}
	at := rd.siteName(b, labels)
	if at.empty() {
		return false
	}
	name := b.slice(at)
	if p := rd.r.publisherOf(rd.l, name); p.known != nil && rd.r.pubs.byHost(s.url) != p.known || rd.isHeading(name) {
		return false
	}
	s.pub = publisher{name: name}
	return true
}

// siteLabels returns the labels of a host that may be the name of a site, without hyphens. The top-level domain and
// short labels before it, as in "co.uk", are not among them.
func siteLabels(host string) []string {
	all := strings.Split(host, ".")
	all = all[:len(all)-1]
	if n := len(all); n > 1 && len(all[n-1]) <= len("com") {
		all = all[:n-1]
	}
	var labels []string
	for _, l := range all {
		if l = strings.ReplaceAll(l, "-", ""); len(l) >= minSiteName {
			labels = append(labels, strings.TrimPrefix(l, "the"))
		}
	}
	return labels
}

// siteName returns the tokens of the longest name in the block that equals one of the labels when written as one word,
// or an empty span.
func (rd *reading) siteName(b *block, labels []string) span {
	var found span
	for i := range b.toks {
		if t := b.toks[i]; t.kind != tokWord || !t.upper && !t.digit {
			continue
		}
		for j := i + 1; j <= min(len(b.toks), i+maxSiteName); j++ {
			if t := b.toks[j-1]; t.kind != tokWord && !isMark(b.toks, j-1, '&') && t.kind != tokPoss {
				break
			}
			if name := (span{i, j}); j-i > found.hi-found.lo && isSiteName(b.slice(name), labels) && rd.isWholeName(b, name) {
				found = name
			}
		}
	}
	return found
}

// isWholeName reports whether the name is not a part of a longer one. A single word must not be a part of the text of a
// link either, which may be a headline.
func (rd *reading) isWholeName(b *block, name span) bool {
	capital := func(k int) bool {
		return k >= 0 && k < len(b.toks) && b.toks[k].kind == tokWord && b.toks[k].upper && !rd.l.det.has(b.toks[k].id)
	}
	if capital(name.hi) || name.lo > 0 && capital(name.lo-1) && !rd.l.in.has(b.toks[name.lo-1].id) && !rd.l.from.has(b.toks[name.lo-1].id) {
		return false
	}
	if name.hi-name.lo > 1 {
		return true
	}
	all := span{0, len(b.toks)}
	return !slices.ContainsFunc(b.runs, func(r run) bool {
		_, in := tokensWithin(b.toks, all, r)
		return r.kind == runLink && in.lo <= name.lo && name.hi <= in.hi && in.hi-in.lo > 1
	})
}

// isSiteName reports whether the name equals one of the labels when written as one word, without its article and with
// or without "and".
func isSiteName(name string, labels []string) bool {
	var buf [96]byte
	key := without(cutArticle(appendFold(buf[:0], name)), ' ', ' ')
	if len(key) < minSiteName {
		return false
	}
	plain, german := withoutAccents(string(key)), germanUmlauts.Replace(string(key))
	return slices.ContainsFunc(labels, func(l string) bool {
		return l == plain || l == german || strings.Replace(l, "and", "", 1) == plain
	})
}

// germanUmlauts replaces German letters as host names do.
var germanUmlauts = strings.NewReplacer("ä", "ae", "ö", "oe", "ü", "ue", "ß", "ss")

// withoutAccents returns the text without accents.
func withoutAccents(s string) string {
	if !strings.ContainsFunc(s, func(r rune) bool { return r >= utf8.RuneSelf }) {
		return s
	}
	return strings.Map(func(r rune) rune {
		if unicode.Is(unicode.Mn, r) {
			return -1
		}
		return r
	}, norm.NFD.String(s))
}
