package attribution

import (
	"strings"
)

// readHeader reads the lines between a credit and its passage, beginning at block i: headline, byline, date and
// publication, at most four lines. It returns the index of the block after these lines.
func (rd *reading) readHeader(i int, s *source) int {
	for n := 0; n < 4 && i < len(rd.doc.blocks); n++ {
		b := rd.doc.blocks[i]
		if b.role == Noise && n > 0 {
			i++
			continue
		}
		if b.role != "" && b.role != Posted || b.list || b.credit {
			return i
		}
		inside := b.quotation != nil
		switch {
		case rd.readByline(i, s), rd.readDateLine(b, s):
			s.copiedHeader = true
		case s.headline == "" && n < 2 && rd.isHeadline(i, inside):
			s.headline = cleanHeadline(b.text)
			if u := b.linkIn(span{0, len(b.toks)}); u != "" && s.url == "" {
				s.url = articleOnly(u)
			}
		default:
			return i
		}
		s.hasHeader = true
		s.creditBlocks = append(s.creditBlocks, i)
		rd.setRole(b, Credit)
		i = rd.skipBoilerplate(i + 1)
	}
	return i
}

// readByline adds the byline in block i to s, such as "By A, B and C in Washington | June 16, 2014". It reports whether
// the block is a byline.
func (rd *reading) readByline(i int, s *source) bool {
	b := rd.doc.blocks[i]
	if len(b.toks) < 2 || len(b.toks) > 40 {
		return false
	}
	end := phraseEnd(rd.l.by, b.toks)
	if end == 0 || end >= len(b.toks) || !b.toks[end].upper || !b.toks[0].upper && len(b.toks) > 8 {
		return false
	}
	c := rd.r.readCitation(rd.l, b, span{end, len(b.toks)}, inByline)
	if len(c.authors) == 0 && c.pub.name == "" || c.headline != "" {
		return false
	}
	if c.leftover && strings.HasSuffix(b.text, ".") {
		return false
	}
	s.merge(c)
	return true
}

// readPublicationLine reports whether block i consists of a publication's name, and if so, merges it into s.
func (rd *reading) readPublicationLine(i int, s *source) bool {
	b := rd.doc.blocks[i]
	all := span{0, len(b.toks)}
	if all.hi > 8 || b.quotation != nil {
		return false
	}
	if n := rd.l.trailingRoles(b.toks); n < all.hi {
		all.hi -= n // skip the role in "Washington Post Staff Writers"
	}
	p := rd.r.publisherOf(rd.l, b.slice(all))
	if p.known == nil || !rd.r.coversName(rd.l, b, all) || s.pub.name != "" && s.pub.known != p.known {
		return false
	}
	s.merge(citation{pub: p, url: articleOnly(b.linkIn(all))})
	return true
}

// merge sets the empty fields of s to the values in c, and adds the agencies of c.
func (s *source) merge(c citation) {
	if len(s.authors) == 0 {
		s.authors = c.authors
	}
	if s.date.year == 0 && c.date.month != 0 {
		s.date = c.date
	}
	if s.headline == "" {
		s.headline = c.headline
	}
	if s.pub.name == "" && c.pub.name != "" {
		s.pub = c.pub
	}
	s.agencies = append(s.agencies, c.agencies...)
	if s.url == "" {
		s.url = c.url
	}
}

// readDateLine reports whether the block consists of a date or a time, and if so, sets the date of s unless it is
// known.
func (rd *reading) readDateLine(b *block, s *source) bool {
	if len(b.toks) > 14 {
		return false
	}
	lo := 0
	for lo < len(b.toks) &&
		(rd.l.timeWord.has(b.toks[lo].id) || b.toks[lo].kind == tokPunct ||
			isClockTime(b.text[b.toks[lo].start:b.toks[lo].end])) {
		lo++
	}
	if end, d := rd.l.date(b.text, b.toks, lo); end > 0 && end == len(b.toks) {
		if s.date.year == 0 {
			s.date = d
		}
		return true
	}
	return rd.l.isTime(b.text, b.toks)
}

// isHeadline reports whether block i is a headline above a passage: short, without a final period, and before a longer
// block, a byline or a date. If inside is set, the block is in the quotation element of the passage.
func (rd *reading) isHeadline(i int, inside bool) bool {
	b := rd.doc.blocks[i]
	n := len(b.toks)
	if n < 2 || n > 45 || len(b.text) > 260 || rd.nextBlock(i) < 0 || endsLikeProse(b.toks) {
		return false
	}
	next := rd.doc.blocks[rd.nextBlock(i)]
	var probe source
	below := rd.readByline(rd.nextBlock(i), &probe) || rd.readDateLine(next, &probe)
	if below || isHeading(b.elem) || b.isWholly(runBold) || b.isWholly(runLink) {
		return true
	}
	if inside {
		return false
	}
	return len(next.text) > len(b.text) || next.quotation != nil || len(next.text) > 60
}

// endsLikeProse reports whether a line of two or more tokens ends as headlines do not: with a period, a comma, a colon,
// a semicolon or an omission.
func endsLikeProse(toks []token) bool {
	n := len(toks)
	last, before := toks[n-1], toks[n-2]
	return last.kind == tokDots || last.isPunct(".:,;") ||
		last.kind == tokPunct && n > 3 && before.kind == tokDots || // "[...]"
		last.kind == tokClose && before.isPunct(".")
}

// isWholly reports whether one run of the given kind covers the block, ignoring final punctuation.
func (b *block) isWholly(kind runKind) bool {
	for _, r := range b.runs {
		if r.kind == kind && r.start == 0 && r.end >= len(strings.TrimRight(b.text, ".:!? ")) {
			return true
		}
	}
	return false
}

// readHeadlineAbove sets the headline of s to the line above the citation in block i, or to the post's title if there
// is no such line.
func (rd *reading) readHeadlineAbove(i int, s *source) {
	for k := i - 1; k >= 0; k-- {
		p := rd.doc.blocks[k]
		switch p.role {
		case Noise, Caption, Posted, ViaLine:
			continue
		case Title:
			s.headline = rd.postTitle
			return
		case Commentary:
			n := len(p.toks)
			if rd.readByline(k, s) {
				rd.setRole(p, Credit)
				s.creditBlocks = append(s.creditBlocks, k)
				continue
			}
			t := p.toks[n-1]
			if n >= 2 && n <= 40 && t.kind != tokDots && !t.isPunct(".:,;") && len(p.ownText) == 0 {
				s.headline = cleanHeadline(p.text)
				s.creditBlocks = append(s.creditBlocks, k)
				if u := articleOnly(p.linkIn(span{0, n})); u != "" && s.url == "" {
					s.url = u
				}
				rd.setRole(p, Credit)
			}
			return
		case Credit, Passage, Footer, Uncredited, Code, Note, "":
			return
		}
	}
	if rd.titleBlock < 0 {
		s.headline = rd.postTitle
	}
}
