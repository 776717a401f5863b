package attribution

import (
	"regexp"
	"slices"
	"strings"

	"feedpub/feed"
)

// maxVias bounds the number of vias in a post.
const maxVias = 50

// addVias adds the vias that have a name and have not been added yet, up to maxVias.
func (rd *reading) addVias(vias []feed.Via) {
next:
	for _, v := range vias {
		if v.Name == "" {
			continue
		}
		if len(rd.vias) == maxVias {
			return
		}
		for _, old := range rd.vias {
			if old.Name == v.Name {
				continue next
			}
		}
		rd.vias = append(rd.vias, v)
	}
}

// readViaLine reports whether the block states only where something was found, and if so, adds its vias.
func (rd *reading) readViaLine(b *block) bool {
	if len(b.toks) > 30 || len(b.toks) < 2 || b.quotation != nil {
		return false
	}
	s, brackets, ok := viaLine(b)
	if !ok {
		return false
	}
	end := phraseEnd(rd.l.via, b.toks[s.lo:s.hi])
	if end == 0 && b.toks[0].ch == '(' {
		// Tumblr shows the first blog of a chain as "(Source: blog)".
		end = phraseEnd(rd.l.source, b.toks[s.lo:s.hi])
		if end == 0 || s.hi-s.lo > end+3 || isDomain(strings.ToLower(b.slice(span{s.hi - 1, s.hi}))) {
			return false // a host is the source of a picture
		}
	}
	if end == 0 || s.lo+end >= s.hi {
		return false
	}
	vias := rd.r.readVias(rd.l, b, viaPhrase{cue: span{s.lo, s.lo + end}, names: span{s.lo + end, s.hi},
		entire: !brackets})
	if len(vias) == 0 || isMark(b.toks, s.hi-1, ':') {
		return false
	}
	rd.addVias(vias)
	return true
}

// viaLine returns the tokens of a line without the brackets around it and without dashes at its beginning, and whether
// it has brackets. It returns false if there are no such tokens, or if text follows the brackets.
func viaLine(b *block) (s span, brackets, ok bool) {
	s = span{0, len(b.toks)}
	if brackets = b.toks[0].ch == '(' || b.toks[0].ch == '['; brackets {
		if groupEnd(b.toks, 0) != s.hi {
			return span{}, true, false
		}
		s = span{1, s.hi - 1}
	}
	for s.lo < s.hi && b.toks[s.lo].kind == tokDash {
		s.lo++
	}
	return s, brackets, !s.empty()
}

// readTrailingVia adds the vias that the span contains in brackets, and those at its end in a sentence of their own or
// after a dash.
func (rd *reading) readTrailingVia(b *block, s span) {
	first := s.lo
	if !b.marks.brackets {
		first = max(s.lo, s.hi-12)
	}
	for k := first; k < s.hi; k++ {
		switch t := &b.toks[k]; {
		case t.kind == tokPunct && (t.ch == '(' || t.ch == '['):
			rd.readViaInBrackets(b, s, k)
		case t.kind == tokWord && k > s.lo && k > s.hi-12:
			rd.readViaSentence(b, s, k)
		}
	}
}

// readViaInBrackets adds the vias in the brackets that open at token k of the span, and reports whether there are any.
func (rd *reading) readViaInBrackets(b *block, s span, k int) bool {
	if k+1 >= s.hi {
		return false
	}
	end := phraseEnd(rd.l.via, b.toks[k+1:s.hi])
	if end == 0 {
		return false
	}
	g := groupEnd(b.toks, k)
	if g == 0 {
		return false
	}
	inSentence := !b.endsClause(s.lo, k)
	if inSentence && b.toks[k-1].upper && g < len(b.toks) && b.toks[g].kind == tokWord && !b.toks[g].upper {
		return false // by means of it, as in "The council (via its agent) buys land"
	}
	vias := rd.r.readVias(rd.l, b, viaPhrase{cue: span{k + 1, k + 1 + end}, names: span{k + 1 + end, g - 1},
		inSentence: inSentence})
	rd.addVias(vias)
	return len(vias) > 0
}

// readViaSentence adds the vias in the rest of the span if a phrase such as "via" begins at token k, after a dash or at
// the beginning of a sentence.
func (rd *reading) readViaSentence(b *block, s span, k int) {
	before := &b.toks[k-1]
	dash := before.kind == tokDash
	if !dash && !(before.kind == tokPunct && strings.ContainsRune(".!?", before.ch)) {
		return
	}
	if end := phraseEnd(rd.l.via, b.toks[k:s.hi]); end > 0 && k+end < s.hi && (b.toks[k].upper || dash) {
		rd.addVias(rd.r.readVias(rd.l, b, viaPhrase{cue: span{k, k + end}, names: span{k + end, s.hi}, entire: true}))
	}
}

// endsClause reports whether brackets at token k follow a sentence, a quotation, a link or nothing, rather than words
// of the same sentence. The text begins at token lo.
func (b *block) endsClause(lo, k int) bool {
	if k == lo {
		return true
	}
	t := b.toks[k-1]
	switch t.kind {
	case tokClose, tokDots:
		return true
	case tokPunct:
		return strings.ContainsRune(".!?", t.ch)
	case tokWord, tokDash, tokOpen, tokPoss:
	}
	return b.linkIn(span{k - 1, k}) != ""
}

// hasViaURL reports whether one of the vias has the URL u.
func hasViaURL(vias []feed.Via, u string) bool {
	for _, v := range vias {
		if v.URL == u {
			return true
		}
	}
	return false
}

// viaPhrase is a phrase that may say where something was found.
type viaPhrase struct {
	cue        span // "via", "thanks to"; empty if the form of the credit shows that the names are vias
	names      span
	inSentence bool // the phrase is part of a sentence, as in "ordered (via the shop)"
	cited      bool // the phrase is part of a credit
	entire     bool // the phrase is a line or sentence of its own, without brackets
}

// readVias returns the names in a phrase. Words after the cue are names only if they look like names: "via SSH" and
// "via e-mail" say how something was done, and "thanks, everybody" names no source. In a sentence, a name counts only
// if it is linked. After thanks, a name counts if the thanks are for finding something; in brackets, it also counts if
// it is linked or known.
func (r *Reader) readVias(l *language, b *block, p viaPhrase) []feed.Via {
	var vias []feed.Via
	names := p.names
	for names.lo < names.hi && (isMark(b.toks, names.lo, ':') || isMark(b.toks, names.lo, ',')) {
		names.lo++
	}
	for at := names.lo; at <= names.hi; {
		end, last := l.viaEnd(b, names, at)
		v, ok := r.readViaName(l, b, p, span{at, end})
		switch {
		case ok:
			vias = append(vias, v)
		case len(vias) == 0, p.entire && at < end && phraseEnd(l.viaWord, b.toks[p.cue.lo:p.cue.hi]) > 0:
			return nil // the phrase names no source: "Via the API, in this case."
		}
		if last {
			break
		}
		at = end + 1
	}
	return vias
}

// viaEnd returns the end of the name that begins at the given token in a phrase, and whether it is the last name.
func (l *language) viaEnd(b *block, names span, from int) (end int, last bool) {
	for k := from; k < names.hi; k++ {
		stop, next := l.endsVia(b.toks, k, k > names.lo)
		if (stop || next) && !insideLink(b, b.toks[k]) {
			return k, stop
		}
	}
	return names.hi, true
}

// endsVia reports whether token i ends a name in a phrase: stop if no name can follow, next if one can. inner reports
// whether the token is not the first of the phrase.
func (l *language) endsVia(toks []token, i int, inner bool) (stop, next bool) {
	switch t := toks[i]; t.kind {
	case tokDash, tokDots:
		return true, false
	case tokPunct:
		return strings.ContainsRune(").];:|", t.ch), t.ch == ',' || t.ch == '&' && inner && t.space
	case tokWord:
		return false, l.and.has(t.id) || phraseEnd(l.via, toks[i:i+1]) > 0
	case tokOpen, tokClose, tokPoss:
	}
	return false, false
}

// viaName is a name in a phrase. It may be the name of a via.
type viaName struct {
	at     span
	text   string
	linked bool // the name is a link, or an account such as "@name"
	whole  bool // no words follow the name in its part of the phrase
}

// maxViaName is the maximum number of tokens in the name of a via.
const maxViaName = 8

// readViaName returns the name at the start of a span of a phrase, and whether it is certain to be a via.
func (r *Reader) readViaName(l *language, b *block, p viaPhrase, in span) (feed.Via, bool) {
	in = l.trimVia(b.toks, in)
	n := viaName{at: span{in.lo, r.viaNameEnd(l, b, in)}}
	if n.at.empty() || n.at.hi-n.at.lo > maxViaName {
		return feed.Via{}, false
	}
	n.text = b.slice(n.at)
	v := feed.Via{Name: strings.TrimPrefix(n.text, "@"), URL: b.linkIn(n.at)}
	if partyAndState.MatchString(v.Name) {
		return v, false
	}
	n.linked = v.URL != "" || n.text != v.Name
	n.whole = n.at.hi == in.hi
	switch {
	case p.inSentence && !n.linked:
		return v, false
	case p.cue.empty():
		return v, true
	default:
		return v, r.isVia(l, b, p, n)
	}
}

// partyAndState matches the party and the state of a politician, which follow the name in brackets: "R-Tenn".
var partyAndState = regexp.MustCompile(`^\p{Lu}-\p{Lu}[\p{L}.]{1,5}$`)

// isVia reports whether the name, which follows the cue of the phrase, is the name of a via.
func (r *Reader) isVia(l *language, b *block, p viaPhrase, n viaName) bool {
	certain := n.linked || isDomain(n.text) || r.pubs.lookup(n.text) != nil
	switch cue := b.toks[p.cue.lo:p.cue.hi]; len(cue) {
	case phraseEnd(l.thanks, cue):
		return certain && n.whole && !p.entire || l.mentionsFinding(b.toks[n.at.hi:p.names.hi])
	case phraseEnd(l.viaWord, cue):
		return (certain || p.cited || l.looksLikeVia(b, n)) && (n.whole || n.linked && !p.entire)
	default:
		return certain || b.toks[n.at.lo].upper || n.at.hi-n.at.lo == 1
	}
}

// mentionsFinding reports whether one of the first tokens is a word such as "pointer" or "spotting".
func (l *language) mentionsFinding(toks []token) bool {
	return slices.ContainsFunc(toks[:min(len(toks), 9)], func(t token) bool { return l.finding.has(t.id) })
}

// looksLikeVia reports whether the name looks like that of a source: it has a capital letter and is a person's, or has
// several words and is not an acronym.
func (l *language) looksLikeVia(b *block, n viaName) bool {
	return b.toks[n.at.lo].upper && (n.at.hi-n.at.lo > 1 && !acronym(n.text) ||
		l.personScore(b.text, b.toks[n.at.lo:n.at.hi]) > 0)
}

// trimVia returns the span without the words before a name, such as "our reader", and without the marks around it.
func (l *language) trimVia(toks []token, in span) span {
	for in.lo < in.hi && (toks[in.lo].kind == tokPunct && toks[in.lo].ch != '@' || l.viaSkip.has(toks[in.lo].id) ||
		l.det.has(toks[in.lo].id) && !toks[in.lo].upper) {
		in.lo++
	}
	for in.hi > in.lo && (toks[in.hi-1].kind == tokPunct && toks[in.hi-1].ch != '!' || toks[in.hi-1].kind == tokDots ||
		toks[in.hi-1].kind == tokClose) {
		in.hi--
	}
	return in
}

// viaCueBefore returns the phrase, such as "via" or "thanks to", that ends just before the given token.
func (l *language) viaCueBefore(toks []token, at int) span {
	for k := max(0, at-6); k < at; k++ {
		if k+phraseEnd(l.via, toks[k:at]) == at {
			return span{k, at}
		}
	}
	return span{at, at}
}

// viaNameEnd returns the end of the name at the start of the span: a link, or words with a capital letter and the small
// words between them. A single word need not have a capital letter.
func (r *Reader) viaNameEnd(l *language, b *block, in span) int {
	if in.empty() {
		return in.lo
	}
	toks := b.toks
	for _, link := range b.runs {
		if link.kind != runLink || link.start > toks[in.lo].start || link.end <= toks[in.lo].start {
			continue
		}
		end := in.lo + 1
		for end < in.hi && toks[end].end <= link.end {
			end++
		}
		return end
	}
	end := in.lo + r.pubs.knownPrefix(toks[in.lo:in.hi], true)
	for k := in.lo; k < in.hi; k++ {
		switch t := toks[k]; {
		case t.upper || t.digit, t.kind == tokPunct && t.ch != ',':
			end = max(end, k+1)
		case t.kind == tokPoss, l.connector.has(t.id), l.particle.has(t.id):
		case k == in.lo && in.hi-in.lo == 1:
			return in.hi
		default:
			return end
		}
	}
	return end
}

// insideLink reports whether the token is inside a link, not at its start or end.
func insideLink(b *block, t token) bool {
	for _, r := range b.runs {
		if r.kind == runLink && r.start < t.start && r.end > t.end {
			return true
		}
	}
	return false
}
