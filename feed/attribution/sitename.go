package attribution

import (
	"cmp"
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

// nameSite sets the publication of s to the name that the blocks of its credit give to the site of its URL. It does so
// only if s has no publication or is named after the host.
func (rd *reading) nameSite(d *decisions, c *candidate, s *source) {
	if s.url == "" || s.pub.known != nil || s.pub.name != "" && s.pub.name != hostOf(s.url) || isWrapper(s.url) {
		return
	}
	labels := siteLabels(hostOf(s.url))
	if len(labels) == 0 {
		return
	}
	if k := creditBlock(d, c); k >= 0 && rd.setSiteName(s, rd.doc.blocks[k], labels) {
		return
	}
	for _, k := range s.creditBlocks {
		if rd.setSiteName(s, rd.doc.blocks[k], labels) {
			return
		}
	}
}

// setSiteName sets the publication of s to the longest name of the site in the block. It reports whether there is one
// that is neither a different known publication, nor an author of s, nor a heading.
func (rd *reading) setSiteName(s *source, b *block, labels []string) bool {
	if len(b.toks) > maxSentenceBlock {
		return false // the time would grow with the square of the number of links
	}
	at := rd.siteName(b, labels)
	if at.empty() {
		return false
	}
	name := b.slice(at)
	p := rd.publisherNamed(name)
	if p.known != nil && rd.r.pubs.byHost(s.url) != p.known || hasSameName(s.authors, name) || rd.isHeading(name) {
		return false
	}
	s.pub = p
	return true
}

// siteLabels returns the labels of a host that may be the name of a site, without hyphens. The top-level domain, short
// labels before it as in "co.uk", and the names of hosting services and of parts of a site are not among them.
func siteLabels(host string) []string {
	all := strings.Split(host, ".")
	all = all[:len(all)-1]
	if n := len(all); n > 1 && len(all[n-1]) <= len("com") {
		all = all[:n-1]
	}
	var labels []string
	for _, l := range all {
		if l = strings.ReplaceAll(l, "-", ""); len(l) >= minSiteName && !hostingLabels[l] {
			labels = append(labels, l)
		}
	}
	return labels
}

// hostingLabels lists labels of hosts that name a hosting service or a part of a site.
var hostingLabels = map[string]bool{
	"archive": true, "blog": true, "blogger": true, "blogs": true, "blogspot": true, "forum": true, "ghost": true,
	"github": true, "livejournal": true, "medium": true, "mobile": true, "news": true, "notes": true, "substack": true,
	"tumblr": true, "typepad": true, "wordpress": true,
}

// siteName returns the tokens of the longest name in the block that equals one of the labels when written as one word,
// or an empty span.
func (rd *reading) siteName(b *block, labels []string) span {
	if len(labels) == 0 {
		return span{}
	}
	byLength := func(a, b string) int { return cmp.Compare(len(a), len(b)) }
	shortest, longest := len(slices.MinFunc(labels, byLength)), len(slices.MaxFunc(labels, byLength))
	var found span
	for i := range b.toks {
		if t := b.toks[i]; t.kind != tokWord || !t.upper && !t.digit {
			continue
		}
		letters := 0
		for j := i + 1; j <= min(len(b.toks), i+maxSiteName); j++ {
			t := b.toks[j-1]
			if !mayBeInSiteName(t) || letters > longest+maxAdded {
				break
			}
			letters += t.end - t.start
			name := span{i, j}
			if letters >= shortest-maxAdded && t.kind != tokPunct && j-i > found.hi-found.lo &&
				isSiteName(b.slice(name), labels) && rd.isWholeName(b, name) {
				found = name
			}
		}
	}
	return found
}

// mayBeInSiteName reports whether t is a word, a possessive or "&".
func mayBeInSiteName(t token) bool { return t.kind == tokWord || t.kind == tokPoss || t.isPunct("&") }

// maxAdded is the greatest difference between the length of a name, without spaces, and that of a label that equals it:
// one of them may have an article, "and" and accents.
const maxAdded = 8

// isWholeName reports whether the name is not a part of a longer one. A single word must not be a word of the language,
// nor a part of the text of a link, which may be a headline.
func (rd *reading) isWholeName(b *block, name span) bool {
	if rd.extendsName(b, name.hi, name.hi+1) || rd.extendsName(b, name.lo-1, name.lo-2) {
		return false
	}
	if name.hi-name.lo > 1 {
		return true
	}
	if t := b.toks[name.lo]; rd.l.stop.has(t.id) || rd.l.piece.has(t.id) || rd.l.generic.has(t.id) ||
		rd.startsSentence(b, name.lo) && name.hi < len(b.toks) && b.toks[name.hi].kind == tokWord {
		return false
	}
	all := span{0, len(b.toks)}
	return !slices.ContainsFunc(b.runs, func(r run) bool {
		if r.kind != runLink {
			return false
		}
		_, in := tokensWithin(b.toks, all, r)
		return in.lo <= name.lo && name.hi <= in.hi && in.hi-in.lo > 1
	})
}

// extendsName reports whether the token next to a name is part of a longer name: a capitalized word other than a
// determiner or a preposition, or "&" before or after such a word, which is token further.
func (rd *reading) extendsName(b *block, next, further int) bool {
	capital := func(k int) bool {
		if k < 0 || k >= len(b.toks) || b.toks[k].kind != tokWord || !b.toks[k].upper {
			return false
		}
		id := b.toks[k].id
		return !rd.l.det.has(id) && !rd.l.in.has(id) && !rd.l.from.has(id)
	}
	return capital(next) || next >= 0 && isMark(b.toks, next, '&') && capital(further)
}

// startsSentence reports whether token k is the first of the block or of a sentence.
func (rd *reading) startsSentence(b *block, k int) bool {
	return rd.sentenceAround(b.toks, span{k, k + 1}).lo == k
}

// isSiteName reports whether the name equals one of the labels when written as one word, with or without an article and
// "and".
func isSiteName(name string, labels []string) bool {
	key := fold(name)
	return slices.ContainsFunc([]string{key, string(cutArticle([]byte(key)))}, func(key string) bool {
		key = strings.ReplaceAll(key, " ", "")
		if len(key) < minSiteName {
			return false
		}
		plain, german := withoutAccents(key), germanUmlauts.Replace(key)
		return slices.ContainsFunc(labels, func(l string) bool {
			return l == plain || l == german || strings.TrimPrefix(l, "the") == plain || strings.Replace(l, "and", "", 1) == plain
		})
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
