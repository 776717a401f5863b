package attribution

import "cmp"

// This file names the source of a weak credit: a unit that may be a credit although the model labels no names in it.

// nameWeak adds the publication or the person to c that the tokens of its unit, which are in the block, most likely
// name as a source. It reports whether c is a candidate: if the unit names nothing, it is one if it links to an article
// on a different site.
func (rd *reading) nameWeak(c *learnedCredit, b *block, in span) bool {
	if at, p := rd.knownIn(b, in); p != nil {
		c.pub, c.pubMargin, c.linked = publisher{name: b.slice(at), known: p}, weakMargin, b.linkIn(at) != "" || b.isEmphasized(at)
		return true
	}
	if len(c.authors) > 0 {
		return true
	}
	if len(b.toks) > maxSentenceBlock {
		return false // the time would grow with the product of the names and the marks of the block
	}
	for i := in.lo; i < in.hi; i++ {
		at := span{i, min(rd.l.nameEnd(b.toks, i), in.hi)}
		if at.empty() {
			continue
		}
		if rd.mayName(b, in, at) && rd.addWeakName(c, b, at) {
			return true
		}
		i = at.hi - 1
	}
	u := rd.r.articleURL(b, in, c.citation)
	return isArticleOfSite(u) && !rd.blog.hosts[hostOf(u)]
}

// knownIn returns the first of the known publications in the span of the block, or nil.
func (rd *reading) knownIn(b *block, in span) (span, *publication) {
	for i := in.lo; i < in.hi; i++ {
		if !mayBeginKnown(&b.toks[i]) {
			continue
		}
		if end, p := rd.knownNameAt(b, span{i, in.hi}); end > 0 {
			return span{i, end}, p
		}
	}
	return span{}, nil
}

// mayName reports whether the name, which is in the span of the block, is where sources are named: it is the subject of
// a verb of saying, it is emphasized, or it looks like the name of a publication and follows a preposition.
func (rd *reading) mayName(b *block, in, name span) bool {
	before, _ := rd.wordsBeside(b, name)
	if k := cmp.Or(groupEnd(b.toks, name.hi), name.hi); k < in.hi && rd.l.say.hasLower(b.toks[k]) {
		return true
	}
	if b.isEmphasized(name) && b.linkIn(name) == "" && name.hi-name.lo <= maxSiteName {
		return before == besideFrom || before == besideIn
	}
	return (before == besideFrom || before == besideIn) && rd.l.looksLikePub(b.text, b.toks[name.lo:name.hi])
}

// addWeakName adds the name to c as its author if it is a person's, and as its publication otherwise. It reports
// whether it can be either.
func (rd *reading) addWeakName(c *learnedCredit, b *block, name span) bool {
	toks := b.toks[name.lo:name.hi]
	if rd.l.personScore(b.text, toks) > 0 && !rd.l.looksLikePub(b.text, toks) {
		c.authors, c.authorMargin = rd.l.splitPeople(b.text, toks), weakMargin
		return len(c.authors) > 0
	}
	if rd.l.nouns && !rd.l.looksLikePub(b.text, toks) && !b.isEmphasized(name) {
		return false // any noun is capitalized
	}
	if p := rd.namedPublisher(b, name); rd.isName(p.name, "") {
		c.pub, c.pubMargin = p, weakMargin
		c.linked = b.linkIn(name) != "" || b.isEmphasized(name)
		return true
	}
	return false
}
