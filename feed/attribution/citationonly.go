package attribution

import (
	"slices"
	"strings"
)

// This file finds lines that are nothing but a citation, such as "Harbour Times (Oakham), 14 March 1893, page 3".

// maxCitation is the maximum number of tokens of a line that is only a citation.
const maxCitation = 40

// isCitationOnly reports whether the block of the candidate, what follows a quotation at the beginning of the block, or
// the brackets in it that contain the name of its publication consist of a citation and nothing else: the publication,
// the author, the headline or a date, numbers, places in brackets and words that introduce them, such as "source" or
// "page". The name of the publication must satisfy isPublicationName, unless a quotation is near it and the citation
// has a date or an author.
func (rd *reading) isCitationOnly(c *candidate, b *block, name span) bool {
	s := c.source
	if s.pub.name == "" || c.near == nearInside || rd.isGenericName(s.pub.name) ||
		slices.ContainsFunc(s.authors, func(a string) bool { return strings.Contains(a, s.pub.name) }) {
		return false
	}
	least := rd.fieldsOfCitation(s, b, c.near)
	if least == 0 || !rd.isPublicationName(s, b, name) && (c.near == nearNothing || !s.isDated() && len(s.authors) == 0) {
		return false
	}
	in := rd.bracketsAround(b, name)
	if in.empty() {
		in = span{b.quotedBefore(name.lo), len(b.toks)}
		if b.list && in.lo == 0 {
			return false
		}
	}
	return in.hi-in.lo <= maxCitation && rd.isCitation(s, b, in, least)
}

// fieldsOfCitation returns the number of fields that a citation of s in block b needs, or 0 if s cannot have one there:
// a name after "Source:" is enough in a post that does not mark its quotations, and an emphasized line without a date
// is a caption. near is the place of the quotation that is nearest to the name.
func (rd *reading) fieldsOfCitation(s *source, b *block, near int) int {
	switch {
	case !s.isDated() && b.isWholly(runEmphasis):
		return 0
	case rd.sourceLabel(b) > 0 && !rd.marksQuotations:
		return 1
	case near == nearNothing && !s.isDated() && (len(s.authors) == 0 || s.headline == ""):
		return 0
	default:
		return 2
	}
}

// isDated reports whether s has a date or a year.
func (s *source) isDated() bool { return s.date.month != 0 || s.year != 0 }

// looksPublished reports whether the publication of s, whose name is in block b, is known and its name is not
// also a common word, or the name has a word such as "Times".
func (rd *reading) looksPublished(s *source, b *block, name span) bool {
	return s.pub.known != nil && !s.pub.known.Word || rd.l.looksLikePub(b.text, b.toks[name.lo:name.hi])
}

// isPublicationName reports whether the name of the publication of s is known and not also a common word, has a word
// such as "Times", is a host, or is emphasized.
func (rd *reading) isPublicationName(s *source, b *block, name span) bool {
	return rd.looksPublished(s, b, name) || isDomain(s.pub.name) || b.isEmphasized(name)
}

// bracketsAround returns the span between the brackets around the name, if the brackets end the sentence or the block,
// or an empty span.
func (rd *reading) bracketsAround(b *block, name span) span {
	for i := name.lo - 1; i >= 0 && name.lo-i <= maxCitation; i-- {
		if end := groupEnd(b.toks, i); end >= name.hi+1 {
			if end == len(b.toks) || b.toks[end].isPunct(".") || b.toks[end].upper {
				return span{i + 1, end - 1}
			}
			return span{}
		}
	}
	return span{}
}

// quotedBefore returns the end of the quotation with which the block begins, if it has at least minQuotedWords words
// and ends before token i, and 0 otherwise.
func (b *block) quotedBefore(i int) int {
	end := quotedEnd(b.toks, 0)
	if end == 0 || end > i || countWords(b.toks[:end]) < minQuotedWords {
		return 0
	}
	return end
}

// coverNames marks the tokens of the names and the headline of s in the span of the block, which has at most
// maxCitation tokens. It returns how many of them the span contains.
func (s *source) coverNames(b *block, in span, covered *[maxCitation]bool) int {
	fields := 0
	for _, name := range append([]string{s.pub.name, s.headline}, s.authors...) {
		if _, at, ok := b.findName(name); ok && name != "" && at.lo < in.hi && at.hi > in.lo {
			fields++
			for k := max(at.lo, in.lo); k < at.hi && k < in.hi; k++ {
				covered[k-in.lo] = true
			}
		}
	}
	return fields
}

// isCitation reports whether the span of the block contains at least the given number of fields of s, and no words but
// these, words that introduce them, and short remarks in brackets.
func (rd *reading) isCitation(s *source, b *block, in span, least int) bool {
	var covered [maxCitation]bool
	fields := s.coverNames(b, in, &covered)
	for k := in.lo; k < in.hi; k++ {
		if end, _ := rd.l.date(b.text, b.toks[:in.hi], k); end > k {
			fields++
			k = end - 1
		} else if end := groupEnd(b.toks[:in.hi], k); end > 0 && end-k <= maxGroup {
			k = end - 1
		} else if !covered[k-in.lo] && !rd.introduces(b, b.toks[k]) {
			return false
		}
	}
	return fields >= least
}

// maxGroup is the maximum number of tokens of a remark in brackets, such as a place, in a citation.
const maxGroup = 6

// introduces reports whether the token t of the block can stand before or after a field of a citation: it is not a
// word, or one such as "by", "source" or "page".
func (rd *reading) introduces(b *block, t token) bool {
	if t.kind != tokWord || t.digit || rd.l.month(t.id) > 0 || strings.HasPrefix(b.text[t.start:t.end], "http") {
		return true
	}
	l := rd.l
	for _, c := range [...]*class{
		l.det, l.from, l.source, l.in, l.by, l.on, l.at, l.and, l.piece, l.weekday, l.timeWord, l.role, l.corporate, l.page,
	} {
		if c.has(t.id) {
			return true
		}
	}
	return false
}
