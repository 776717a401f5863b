package attribution

import (
	"strings"

	"golang.org/x/net/html/atom"
)

// findBoilerplate sets the role of the blocks that belong to the page rather than the post: titles, dates, bylines,
// navigation, captions, and everything after the post.
func (rd *reading) findBoilerplate(title string) {
	blocks := rd.doc.blocks
	for i := range blocks {
		b := blocks[i]
		if b.role == "" && !hasWords(b.toks) && !isElision(b) {
			b.role = Noise
		}
	}
	rd.findTitle(title)
	content := false // a block of prose has been seen
	for i, b := range blocks {
		if b.role != "" || b.quotation != nil {
			content = content || b.quotation != nil
			continue
		}
		if b.code {
			b.role = Code
			continue
		}
		if len(b.text) <= 400 {
			switch by, on := rd.postedBy, rd.postedOn; {
			case !rd.readPosted(b, content):
			case content && rd.postedBy != by:
				b.role = Posted
				rd.markFooter(i + 1)
				return
			case !content || i >= len(blocks)-3:
				b.role = Posted
				continue
			default:
				// A date without a name, in the middle of the post, is rather that of a quoted article.
				rd.postedOn = on
			}
		}
		if len(b.text) <= 160 {
			switch {
			case content && rd.l.end.matches(b.text):
				rd.markFooter(i)
				return
			case rd.l.noise.matches(b.text):
				if !rd.isCreditLink(i) {
					b.role = Noise
				}
				continue
			case b.caption && b.quotation == nil && !rd.followsQuotation(i), rd.l.caption.matches(b.text), rd.isPhotoCredit(b):
				b.role = Caption
				continue
			case isNote(rd.l, b):
				b.role = Note
				continue
			case isHeading(b.elem):
				// Headings part the post; one may still turn out to be a quoted headline.
				continue
			}
		}
		content = content || len(b.text) >= 60 || strings.HasSuffix(b.text, ".") || strings.HasSuffix(b.text, ":")
	}
}

// credits reports whether block i, which looks like a link of the page, credits a source: "Read more at the Guardian",
// or the bare link to the source under a quotation.
func (rd *reading) isCreditLink(i int) bool {
	b := rd.doc.blocks[i]
	return rd.analyse(i).tail != nil || i > 0 && rd.doc.blocks[i-1].quotation != nil && b.isWholly(runLink) &&
		articleOnly(b.linkIn(span{0, len(b.toks)})) != ""
}

// close makes every block from i on a footer: text after the post, such as readers' comments, is not the author's.
func (rd *reading) markFooter(i int) {
	for _, b := range rd.doc.blocks[i:] {
		if b.role == "" || b.role == Noise {
			b.role = Footer
		}
	}
}

// findTitle finds the title if the content repeats it, and marks the lines above it as noise.
func (rd *reading) findTitle(title string) {
	key := fold(title)
	blocks := rd.doc.blocks
	for i, b := range blocks[:min(len(blocks), 12)] {
		if b.quotation != nil {
			break
		}
		text := fold(b.text)
		switch {
		case key == "":
			if i == 0 && b.elem == atom.H1 {
				b.role = Title
				rd.titleBlock = i
				return
			}
			continue
		case text == key:
		case strings.HasPrefix(text, key+" ") && rd.isTitleSuffix(b, title):
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

// titleURL returns the address of a link in the title's line whose text is its own host: "(qz.com)". That is how link
// blogs name the page that an entry is about.
func titleURL(b *block) string {
	for _, r := range b.runs {
		if r.kind == runLink && strings.Trim(strings.ToLower(b.text[r.start:r.end]), "() ") == hostOf(r.value) {
			return articleOnly(r.value)
		}
	}
	return ""
}

// afterTitle reports whether what follows the title in its line is a date or the host that the title links to.
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

// posted reports whether the block says who posted the post or when, and keeps it.
func (rd *reading) readPosted(b *block, content bool) bool {
	if !content && rd.atTop(b) && rd.readPageDate(b) {
		return true
	}
	if len(b.toks) > 60 {
		return false
	}
	found := false
	rd.r.clauses(rd.l, b.toks, func(s span) bool {
		if m := rd.matcherFor(b).bestAmong(s, &rd.l.postedBy); m != nil {
			found = true
			if rd.postedBy == "" && !m.name.empty() {
				rd.postedBy = strings.Trim(b.slice(m.name), " ,|")
			}
			if _, d := rd.l.date(b.text, b.toks, m.when.lo); !m.when.empty() {
				rd.setPostedOn(rd.dateIn(b, m.when, d))
			}
			// The line may go on with the time, a section and the like.
			rd.readLaterDate(b, s.lo)
		}
		return false
	})
	return found
}

// atTop reports whether nothing but the title and the page's own lines stand above the block.
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

// dateIn reads the date in a WHEN slot, which may begin with "on".
func (rd *reading) dateIn(b *block, s span, d date) date {
	for k := s.lo; k < s.hi && d.month == 0; k++ {
		_, d = rd.l.date(b.text, b.toks[:s.hi], k)
	}
	return d
}

func (rd *reading) readLaterDate(b *block, from int) {
	for k := from; k < len(b.toks) && rd.postedOn.year == 0; k++ {
		if end, d := rd.l.date(b.text, b.toks, k); end > 0 {
			rd.setPostedOn(d)
		}
	}
}

func (rd *reading) setPostedOn(d date) {
	if rd.postedOn.year == 0 && d.year != 0 {
		rd.postedOn = d
	}
}

// datePosted reports whether the block is only a date, or a paper's name and a date between dashes: the head of a
// page.
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

// afterQuotation reports whether block i stands in the same figure as a quotation before it.
func (rd *reading) followsQuotation(i int) bool {
	return i > 0 && rd.doc.blocks[i-1].quotation != nil
}

// photoCredit reports whether a short line ends in the name of a picture agency: a caption that lost its picture.
func (rd *reading) isPhotoCredit(b *block) bool {
	n := len(b.toks)
	for n > 0 && b.toks[n-1].kind == tokPunct {
		n--
	}
	return n >= 2 && len(b.toks) <= 40 && (rd.l.photo.has(b.toks[n-1].id) && rd.l.photo.has(b.toks[n-2].id))
}

// isNote reports whether the block is a remark in brackets on the quotation: "[Emphasis added]".
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

// isElision reports whether the block is only dots, bare or in brackets: something was left out here.
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

func hasWords(toks []token) bool {
	for _, t := range toks {
		if t.kind == tokWord {
			return true
		}
	}
	return false
}
