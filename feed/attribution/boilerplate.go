package attribution

import (
	"strings"

	"golang.org/x/net/html/atom"
)

// findBoilerplate sets the role of blocks that are part of the page rather than the post: titles, dates, bylines,
// navigation, captions, and everything after the post.
func (rd *reading) findBoilerplate(title string) {
	rd.findNavigation()
	rd.findTitle(title)
	content := false // whether a block of prose has been seen
	for i, b := range rd.doc.blocks {
		switch {
		case b.quotation != nil:
			content = true
			continue
		case b.role != "":
			continue
		case b.code:
			b.role = Code
			continue
		}
		switch rd.readPageLine(i, content) {
		case postLine:
			content = content || len(b.text) >= 60 || strings.HasSuffix(b.text, ".") || strings.HasSuffix(b.text, ":")
		case pageLine:
		case lastLine:
			return
		}
	}
}

// findNavigation marks rows of links, and blocks without words, as noise.
func (rd *reading) findNavigation() {
	for _, b := range rd.doc.blocks {
		if b.role == "" && (!hasWords(b.toks) && !isElision(b) || isNavigation(b)) {
			b.role = Noise
		}
	}
}

// lineKind states whether a block is part of the post or of its page.
type lineKind uint8

const (
	postLine lineKind = iota // may be prose
	pageLine                 // is part of the page, or a heading or link of the post
	lastLine                 // this and the following blocks are not part of the post
)

// maxPostedLine is the maximum length in bytes of a block that states the author or date of the post. maxPageLine is
// the maximum for any other block that is part of the page.
const maxPostedLine, maxPageLine = 400, 160

// readPageLine returns the kind of block i and sets its role if it is part of the page. If content is set, prose
// precedes the block.
func (rd *reading) readPageLine(i int, content bool) lineKind {
	b := rd.doc.blocks[i]
	if len(b.text) <= maxPostedLine {
		if kind := rd.readPostedLine(i, content); kind != postLine {
			return kind
		}
	}
	if len(b.text) > maxPageLine {
		return postLine
	}
	var buf [200]byte
	line := rd.l.foldLine(b.text, buf[:0])
	switch {
	case content && rd.l.end.matches(line):
		rd.markFooter(i)
		return lastLine
	case rd.l.noise.matches(line):
		if !rd.isCreditLink(i) {
			b.role = Noise
		}
	case b.caption && !rd.followsQuotation(i), rd.l.caption.matches(line), rd.isPhotoCredit(b), isFrame(b):
		b.role = Caption
	case isNote(rd.l, b):
		b.role = Note
	case isHeading(b.elem): // it may be a quoted headline
	default:
		return postLine
	}
	return pageLine
}

// readPostedLine is like readPageLine, but only for blocks that state the author or date of the post.
func (rd *reading) readPostedLine(i int, content bool) lineKind {
	b := rd.doc.blocks[i]
	switch by, on := rd.postedBy, rd.postedOn; {
	case !rd.readPosted(b, content):
		return postLine
	case content && rd.postedBy != by:
		b.role = Posted
		rd.markFooter(i + 1)
		return lastLine
	case !content || i >= len(rd.doc.blocks)-3:
		b.role = Posted
		return pageLine
	default:
		rd.postedOn = on // a date without a name within the post is likely the date of a quoted article
		return postLine
	}
}

// isNavigation reports whether the block is a row of at least three short links with bars or dots between them.
func isNavigation(b *block) bool {
	links, at := 0, 0
	for _, r := range b.runs {
		if r.kind != runLink {
			continue
		}
		if r.start < at || links > 0 && strings.Trim(b.text[at:r.start], " |•·") != "" ||
			links > 0 && strings.TrimSpace(b.text[at:r.start]) == "" || strings.Count(b.text[r.start:r.end], " ") > 2 {
			return false
		}
		links, at = links+1, r.end
	}
	return links >= 3 && at == len(b.text) && b.quotation == nil
}

// isCreditLink reports whether block i, which looks like a page link, credits a source: "Read more at the Guardian", or
// a bare link to the source below a quotation.
func (rd *reading) isCreditLink(i int) bool {
	b := rd.doc.blocks[i]
	return rd.analyze(i).tail != nil || i > 0 && rd.doc.blocks[i-1].quotation != nil && b.isWholly(runLink) &&
		articleOnly(b.linkIn(span{0, len(b.toks)})) != ""
}

// markFooter marks block i and all later blocks as the footer. Text after the post, such as readers' comments, is not
// the author's.
func (rd *reading) markFooter(i int) {
	for _, b := range rd.doc.blocks[i:] {
		if b.role == "" || b.role == Noise {
			b.role = Footer
		}
	}
}

// findTitle finds the block that repeats the title and marks the lines above it as noise.
func (rd *reading) findTitle(title string) {
	key := fold(title)
	blocks := rd.doc.blocks
	for i, b := range blocks[:min(len(blocks), 12)] {
		if b.quotation != nil {
			break
		}
		switch {
		case key == "":
			if i == 0 && b.elem == atom.H1 {
				b.role = Title
				rd.titleBlock = i
				return
			}
			continue
		case isFolded(b.text, key):
		case foldsTo(b.text, key, true) && rd.isTitleSuffix(b, title):
		default:
			continue
		}
		b.role = Title
		rd.titleBlock = i
		rd.titleURL = titleURL(b)
		for _, above := range blocks[:i] {
			if above.role == "" && len(above.text) < 120 && !strings.HasSuffix(above.text, ":") && !rd.readPageDate(above) {
				above.role = Noise
			}
		}
		return
	}
}

// titleURL returns the URL of a link in the title's line whose text is its host, as in "(qz.com)", or "". Link
// blogs show the target of an entry this way.
func titleURL(b *block) string {
	for _, r := range b.runs {
		if r.kind == runLink && strings.Trim(strings.ToLower(b.text[r.start:r.end]), "() ") == hostOf(r.value) {
			return articleOnly(r.value)
		}
	}
	return ""
}

// isTitleSuffix reports whether the text that follows the title on its line is a date or in brackets. It records the
// date.
func (rd *reading) isTitleSuffix(b *block, title string) bool {
	words := len(rd.r.lx.tokenize(collapseSpace(title), nil))
	if words >= len(b.toks) {
		return false
	}
	if end, d := rd.l.date(b.text, b.toks, words); end == len(b.toks) {
		rd.setPostedOn(d)
		return true
	}
	return groupEnd(b.toks, words) == len(b.toks)
}

// readPosted reports whether the block states the author or date of the post itself, and records them. If content is
// set, prose precedes the block.
func (rd *reading) readPosted(b *block, content bool) bool {
	if !content && rd.atTop(b) && rd.readPageDate(b) {
		return true
	}
	if len(b.toks) > 60 {
		return false
	}
	found := false
	rd.r.clauses(rd.l, b.toks, func(s span) bool {
		if !rd.l.postedBy.mayMatch(b.toks[s.lo:s.hi]) {
			return false
		}
		if m := rd.matcherFor(b).bestAmong(s, &rd.l.postedBy); m != nil {
			found = true
			if rd.postedBy == "" && !m.name.empty() {
				rd.postedBy = strings.Trim(b.slice(m.name), " ,|")
			}
			if _, d := rd.l.date(b.text, b.toks, m.when.lo); !m.when.empty() {
				rd.setPostedOn(rd.dateIn(b, m.when, d))
			}
			// The line may continue with a date, a time or a section.
			rd.readLaterDate(b, s.lo)
		}
		return false
	})
	return found
}

// atTop reports whether only the title and boilerplate are above the block.
func (rd *reading) atTop(b *block) bool {
	for _, above := range rd.doc.blocks[:min(len(rd.doc.blocks), 12)] {
		if above == b {
			return true
		}
		if above.role == "" {
			return false
		}
	}
	return false
}

// dateIn returns d if it has a month, and otherwise the first date in the span of a WHEN slot.
func (rd *reading) dateIn(b *block, s span, d date) date {
	for k := s.lo; k < s.hi && d.month == 0; k++ {
		_, d = rd.l.date(b.text, b.toks[:s.hi], k)
	}
	return d
}

// readLaterDate records the first date in the block that begins at the given token or after it.
func (rd *reading) readLaterDate(b *block, from int) {
	for k := from; k < len(b.toks) && rd.postedOn.year == 0; k++ {
		if end, d := rd.l.date(b.text, b.toks, k); end > 0 {
			rd.setPostedOn(d)
		}
	}
}

// setPostedOn sets the date of the post unless it is already set.
func (rd *reading) setPostedOn(d date) {
	if rd.postedOn.year == 0 && d.year != 0 {
		rd.postedOn = d
	}
}

// readPageDate reports whether the block is only a date, or a name and a date between dashes, as at the top of a page.
// It records the date.
func (rd *reading) readPageDate(b *block) bool {
	if len(b.toks) > 16 {
		return false
	}
	if end, d := rd.l.date(b.text, b.toks, 0); end == len(b.toks) {
		rd.setPostedOn(d)
		return true
	}
	if b.toks[0].kind != tokDash {
		return false
	}
	for k := 2; k < len(b.toks); k++ {
		if b.toks[k-1].kind != tokDash {
			continue
		}
		if end, d := rd.l.date(b.text, b.toks, k); end == len(b.toks) {
			rd.setPostedOn(d)
			return true
		}
	}
	return false
}

// followsQuotation reports whether the block before i is in a quotation element.
func (rd *reading) followsQuotation(i int) bool {
	return i > 0 && rd.doc.blocks[i-1].quotation != nil
}

// isPhotoCredit reports whether the block is a short line that ends in the name of a picture agency: a caption whose
// picture is missing.
func (rd *reading) isPhotoCredit(b *block) bool {
	n := len(b.toks)
	for n > 0 && b.toks[n-1].kind == tokPunct {
		n--
	}
	return n >= 2 && len(b.toks) <= 40 && (rd.l.photo.has(b.toks[n-1].id) && rd.l.photo.has(b.toks[n-2].id))
}

// isFrame reports whether the block is the link that replaces a frame with a video: its text is the title of the frame.
func isFrame(b *block) bool {
	if len(b.runs) == 0 || !b.isWholly(runLink) {
		return false
	}
	u := b.runs[0].value
	return isMediaHost(u) && (strings.Contains(u, "/embed/") || strings.Contains(u, "player."))
}

// isNote reports whether the block is a note on the quotation in brackets: "[Emphasis added]".
func isNote(l *language, b *block) bool {
	if len(b.toks) < 3 || len(b.toks) > 14 || b.toks[0].ch != '(' && b.toks[0].ch != '[' ||
		groupEnd(b.toks, 0) != len(b.toks) {
		return false
	}
	for _, t := range b.toks {
		if l.note.has(t.id) {
			return true
		}
	}
	return false
}

// isElision reports whether the block is only dots, with or without brackets, which mark an omission.
func isElision(b *block) bool {
	dots := false
	for _, t := range b.toks {
		switch {
		case t.kind == tokDots:
			dots = true
		case t.kind == tokPunct && strings.ContainsRune("[]()", t.ch):
		default:
			return false
		}
	}
	return dots
}

// hasWords reports whether any token is a word.
func hasWords(toks []token) bool {
	for _, t := range toks {
		if t.kind == tokWord {
			return true
		}
	}
	return false
}
