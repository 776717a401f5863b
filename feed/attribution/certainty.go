package attribution

import (
	"math"
	"slices"
	"strings"
	"unicode"
)

// hasMarkedQuotation reports whether the post marks quotations with elements. If it does, unmarked text is never a
// passage.
func (rd *reading) hasMarkedQuotation() bool {
	for _, q := range rd.doc.quotations {
		if len(q.blocks) == 0 || q.kind == quotationPull || q.kind == quotationPlugin {
			continue
		}
		if !rd.isCode(q.blocks[0], q.blocks[len(q.blocks)-1]+1) {
			return true
		}
	}
	for _, b := range rd.doc.blocks {
		for _, r := range b.runs {
			if r.kind == runQuote {
				return true
			}
		}
	}
	return false
}

// keepWithoutPassage removes the passage of s and keeps the credit. If lead is set, the credit announces a passage, and
// a marked quotation shortly after it inherits the credit.
func (rd *reading) keepWithoutPassage(s *source, lead bool) {
	s.passages, s.passageBlocks = nil, nil
	s.inline, s.marked = false, false
	s.kind = Summary
	if s.headline != "" {
		s.kind = HeadlineOnly
	}
	if lead {
		rd.mentioned = s
	}
	rd.pending = append(rd.pending, s)
}

// startsWithDateline reports whether block i begins with the dateline of an agency.
func (rd *reading) startsWithDateline(i int) bool {
	end, _ := rd.readDateline(rd.doc.blocks[i])
	return end > 0
}

// endIsCertain reports whether the text shows where a passage ends. The passage consists of the blocks at[n] for which
// quoted[n] is set, and end is the index after the last block listed in at. The passage must be contiguous, apart from
// remarks in brackets. It must end in dots that mark an omission, or precede a separator, a credit, or a link to the
// rest of the article.
func (rd *reading) endIsCertain(at []int, quoted []bool, end int) bool {
	last := -1
	for n, q := range quoted {
		if q {
			last = n
		}
	}
	if last < 0 {
		return false
	}
	b := rd.doc.blocks[at[last]]
	after := end
	if last+1 < len(at) {
		after = at[last+1]
		if rd.allBracketed(at[last+1 : last+2]) {
			return false // the author of the remark is unknown
		}
	}
	for k := at[last] + 1; k < after; k++ {
		if between := rd.doc.blocks[k]; between.role == Noise || isElision(between) {
			return true // a separator, a link to the rest, or dots on a line of their own
		}
	}
	return rd.l.voiceOf(b.toks, false).elided
}

// allBracketed reports whether each of the blocks is entirely in brackets.
func (rd *reading) allBracketed(at []int) bool {
	for _, k := range at {
		toks := rd.doc.blocks[k].toks
		if len(toks) == 0 || groupEnd(toks, 0) != len(toks) {
			return false
		}
	}
	return true
}

// addPending adds the pending credits that no marked quotation has inherited.
func (rd *reading) addPending() {
	for _, s := range rd.pending {
		if !s.inherited && !s.added {
			s.added = true
			rd.addSource(s)
		}
	}
}

// blogKeys returns the blog's own hosts, and the keys of its own names.
func (in Input) blogKeys() (hosts, names map[string]bool) {
	hosts, names = make(map[string]bool), make(map[string]bool)
	for _, h := range in.Hosts {
		hosts[strings.TrimPrefix(strings.ToLower(h), "www.")] = true
	}
	for _, n := range in.Names {
		names[nameKey(n)] = true
	}
	delete(hosts, "")
	delete(names, "")
	return hosts, names
}

// isOwnBlog reports whether the source is the blog itself or its author, by URL or name.
func (rd *reading) isOwnBlog(s *source) bool {
	own := func(name string) bool { return rd.blog.names[nameKey(name)] }
	return rd.blog.hosts[hostOf(s.url)] || rd.blog.hosts[strings.ToLower(s.pub.name)] || own(s.pub.name) ||
		s.pub.name == "" && slices.ContainsFunc(s.authors, own)
}

// isSource reports whether the credit names a possible source: a publication, a person, a work or an institution.
func (rd *reading) isSource(s *source) bool {
	if s.pub.known != nil || s.kind == Tweet || s.kind == Reblog {
		return true
	}
	if s.pub.name == "" {
		return len(s.authors) > 0 || s.headline != "" || s.url != ""
	}
	return rd.isName(s.pub.name, s.url)
}

// isName reports whether an unknown name can be the name of a source with the URL u. Numbers, versions, sizes,
// dates, holidays, file names, pronouns, and the post's own title and headings cannot.
func (rd *reading) isName(name, u string) bool {
	if rd.isHostName(u, name) {
		return true
	}
	if isFileName(name) || partyAndState.MatchString(name) || rd.isHeading(name) {
		return false
	}
	var buf [nameTokens]token
	toks := rd.r.lx.tokenize(name, buf[:0])
	if !slices.ContainsFunc(toks, func(t token) bool { return t.upper }) && !isDomain(name) {
		return false // a name has a capital letter or is a domain, unlike "14px" and "todo list"
	}
	var wordBuf [nameTokens]token
	words := rd.nameWords(toks, wordBuf[:0])
	if slices.ContainsFunc(words, func(t token) bool { return isVersion(name[t.start:t.end]) }) ||
		len(toks) == 2 && rd.l.first.has(toks[1].id) { // "Today I"
		return false
	}
	total := len(words)
	words = slices.DeleteFunc(words, func(t token) bool { return t.digit })
	numbered := len(words) < total
	switch {
	case len(words) != 1:
		return len(words) > 1
	case numbered && !rd.l.looksLikePub(name, toks):
		return false
	default:
		return !rd.l.notName.has(words[0].id) || words[0] != toks[len(toks)-1]
	}
}

// isHostName reports whether the host of u contains the name, unless that is a common noun such as "docs".
func (rd *reading) isHostName(u, name string) bool {
	return hostNamed(u, name) && (name != strings.ToLower(name) || !rd.l.notName.has(rd.wordOf(name)))
}

// nameWords appends the words of a name to words, leaving out holidays and the names of lists.
func (rd *reading) nameWords(toks, words []token) []token {
	var buf [4]int
	for i := 0; i < len(toks); i++ {
		if ends := rd.l.listName.phraseEnds(toks, i, rd.l.holiday.phraseEnds(toks, i, buf[:0])); len(ends) > 0 {
			i = ends[0] - 1
		} else if rd.isNameWord(toks[i]) {
			words = append(words, toks[i])
		}
	}
	return words
}

// isNameWord reports whether the token is a word that a name may consist of, rather than a function word, a part of a
// date or a unit of size.
func (rd *reading) isNameWord(t token) bool {
	return t.kind == tokWord && rd.l.month(t.id) == 0 && !rd.l.weekday.has(t.id) && !rd.l.stop.has(t.id) && !rd.l.size.has(t.id)
}

// isHeading reports whether the name is the post's title or one of its headings, ignoring articles.
func (rd *reading) isHeading(name string) bool {
	key := rd.headingKey(name)
	if key == rd.headingKey(rd.postTitle) {
		return true
	}
	if rd.headings == nil {
		rd.headings = make(map[string]int)
		for _, b := range rd.doc.blocks {
			if !isHeading(b.elem) && b.role != Title {
				continue
			}
			k := rd.headingKey(b.text)
			if n, ok := rd.headings[k]; !ok || len(b.text) < n {
				rd.headings[k] = len(b.text)
			}
		}
	}
	length, ok := rd.headings[key]
	return ok && length < len(name)+8
}

// headingKey returns the folded text of a heading without leading determiners.
func (rd *reading) headingKey(s string) string {
	var buf [nameTokens]token
	toks := rd.r.lx.tokenize(s, buf[:0])
	if k := rd.l.skipDeterminers(toks, 0); k < len(toks) {
		s = s[toks[k].start:]
	}
	return fold(s)
}

// isVersion reports whether the word is a version or a number with a period or comma: "v8.6", "2.0", "1,200".
func isVersion(word string) bool {
	word = strings.TrimLeft(strings.ToLower(word), "v")
	digits := strings.TrimFunc(word, func(r rune) bool { return unicode.IsDigit(r) || r == '.' || r == ',' })
	return word != "" && strings.ContainsAny(word, "0123456789") && strings.ContainsAny(word, ".,") && digits == ""
}

// isFileName reports whether the name has a known file extension: "config.yml", "main.go".
func isFileName(name string) bool {
	i := strings.LastIndexByte(name, '.')
	return i > 0 && fileExtensions[strings.ToLower(name[i+1:])]
}

// fileExtensions lists file extensions. A name with one of them is a file name, not a host name.
var fileExtensions = map[string]bool{
	"bak": true, "bash": true, "bat": true, "bin": true, "c": true, "cfg": true, "conf": true, "cpp": true, "cs": true,
	"css": true,
	"csv": true, "doc": true, "docx": true, "ejs": true, "env": true, "exe": true, "gif": true, "go": true, "gz": true,
	"h":   true,
	"hpp": true, "htm": true, "html": true, "ini": true, "ipynb": true, "jar": true, "java": true, "jpeg": true,
	"jpg": true,
	"js":  true, "json": true, "jsx": true, "kt": true, "less": true, "lock": true, "log": true, "lua": true, "md": true,
	"mdx": true,
	"mjs": true, "mp3": true, "mp4": true, "odt": true, "pdf": true, "php": true, "plist": true, "png": true, "ps1": true,
	"py": true,
	"rb": true, "rs": true, "rst": true, "scss": true, "sh": true, "sql": true, "svg": true, "swift": true, "tar": true,
	"tex":  true,
	"toml": true, "ts": true, "tsv": true, "tsx": true, "txt": true, "vue": true, "wav": true, "xls": true, "xlsx": true,
	"xml":  true,
	"yaml": true, "yml": true, "zip": true,
}

// splitAgency splits "the Cape Cod Times and the Associated Press" in a PUB slot. The first name is the publication and
// the second the agency whose report it carried. It returns the span and publisher of the first name, or zero values
// for any other text.
func (rd *reading) splitAgency(b *block, at span) (span, publisher) {
	for k := at.hi - 2; k > at.lo; k-- {
		if !rd.l.and.has(b.toks[k].id) {
			continue
		}
		agency, first := rd.r.publisherOf(rd.l, b.slice(span{k + 1, at.hi})), span{at.lo, k}
		if agency.known == nil || !agency.known.Agency || rd.r.pubs.lookup(b.slice(at)) != nil {
			continue
		}
		if p := rd.r.publisherOf(rd.l, b.slice(first)); p.known != nil || rd.l.looksLikePub(b.text, b.toks[at.lo:k]) {
			return first, p
		}
	}
	return span{}, publisher{}
}

// correctByHost corrects the publication of s using the article's URL: if the clause contains the name of the URL's
// host, that name is the publication, and the other names are the subject of the article.
func (rd *reading) correctByHost(s *source, b *block, clause span) {
	e := rd.r.pubs.byHost(s.url)
	if e == nil || s.pub.known == e || s.pub.known != nil && s.pub.known.Agency {
		return
	}
	for k := clause.lo; k < clause.hi; k++ {
		found := 0
		rd.r.pubs.walk(b.toks[:clause.hi], k, func(end int, named *publication) {
			if named == e {
				found = end
			}
		})
		if found > 0 {
			s.pub = publisher{name: b.slice(span{k, found}), known: e}
			return
		}
	}
}

// wordOfHost returns the word of the span that equals the first label of the URL's host, such as "Apple" for apple.com,
// or "".
func (b *block) wordOfHost(s span, u string) string {
	h := hostOf(u)
	for _, t := range b.toks[s.lo:s.hi] {
		word := b.text[t.start:t.end]
		if label, _, _ := strings.Cut(h, "."); t.kind == tokWord && t.upper && len(word) > 2 &&
			strings.EqualFold(label, word) {
			return word
		}
	}
	return ""
}

// isWeakName reports whether a name is taken for a publication only because of its position: it is unknown, not linked
// and not typical of publications, and no header was copied with it.
func (rd *reading) isWeakName(s *source) bool {
	if s.weight >= sureRule || s.pub.name == "" || s.pub.known != nil || s.linked || s.copiedHeader || s.hasDeterminer ||
		s.kind == Tweet || s.kind == Reblog || isDomain(strings.ToLower(s.pub.name)) {
		return false
	}
	var buf [nameTokens]token
	toks := rd.r.lx.tokenize(s.pub.name, buf[:0])
	return s.url == "" && !rd.l.looksLikePub(s.pub.name, toks) && rd.r.pubs.knownPrefix(toks, true) == 0
}

// isWeakPerson reports whether the credit names no publication, but only people whose names are ambiguous or consist of
// a single word.
func (rd *reading) isWeakPerson(s *source) bool {
	if s.pub.name != "" || len(s.authors) == 0 || s.headline != "" || s.url != "" || s.linked || s.kind == Tweet ||
		s.kind == Reblog {
		return false
	}
	return !slices.ContainsFunc(s.authors, func(name string) bool {
		var buf [nameTokens]token
		return rd.l.personScore(name, rd.r.lx.tokenize(name, buf[:0])) == 2
	})
}

// continuesSource reports whether the quotation that begins at block first may be from the source of the previous
// quotation, last: at most three blocks separate the two quotations, none of these is a heading or links to a different
// host, and the last of these blocks announces more of the source.
func (rd *reading) continuesSource(last *source, first int) bool {
	if len(last.passageBlocks) == 0 {
		return false
	}
	from := last.passageBlocks[len(last.passageBlocks)-1] + 1
	if first-from > 3 {
		return false
	}
	for k := from; k < first; k++ {
		b := rd.doc.blocks[k]
		if b.role == Credit {
			continue
		}
		if isHeading(b.elem) {
			return false
		}
		for _, r := range b.runs {
			if r.kind == runLink && hostOf(r.value) != hostOf(last.url) {
				return false
			}
		}
		if k == first-1 || rd.nextBlock(k) == first {
			return rd.announcesMore(b, last)
		}
	}
	return true
}

// announcesMore reports whether block b announces more of the given source: it ends in a colon or dots, and its last
// sentence names no other source.
func (rd *reading) announcesMore(b *block, last *source) bool {
	n := len(b.toks)
	if n == 0 || !announces(b.toks[n-1]) {
		return false
	}
	clause := rd.lastClause(b)
	first := b.toks[clause.lo]
	named := b.text[first.start:first.end]
	return rd.lacksSubject(b, clause) || first.upper &&
		slices.ContainsFunc(append(slices.Clone(last.authors), last.pub.name), func(name string) bool {
			return slices.Contains(strings.Fields(name), named) // the clause begins with the author's name: "Remnick goes on:"
		})
}

func (rd *reading) lastClause(b *block) span {
	last := span{0, len(b.toks)}
	rd.r.clauses(rd.l, b.toks, func(s span) bool {
		last = s
		return true
	})
	return last
}

// lacksSubject reports whether a clause that introduces a passage has no subject, or only "here", "this", "he" or
// "from".
func (rd *reading) lacksSubject(b *block, s span) bool {
	if s.empty() {
		return true
	}
	toks := b.toks[s.lo:s.hi]
	for len(toks) > 1 && (toks[0].kind != tokWord || rd.l.and.has(toks[0].id) || rd.l.opener.has(toks[0].id)) {
		toks = toks[1:]
	}
	has := func(classes ...*class) bool {
		return slices.ContainsFunc(toks, func(t token) bool {
			return slices.ContainsFunc(classes, func(c *class) bool { return c.has(t.id) })
		})
	}
	t := toks[0]
	switch {
	case rd.l.pointing.has(t.id), rd.l.from.has(t.id), has(rd.l.piece, rd.l.taken):
		return true
	case rd.l.det.has(t.id), rd.l.first.has(t.id), rd.l.plural.has(t.id):
		return false
	default:
		return rd.l.stop.has(t.id) && len(toks) <= 7
	}
}

// announcesSource reports whether the block that precedes a quotation introduces a passage of s: its last clause is the
// credit of s, or lacks a subject.
func (rd *reading) announcesSource(s *source, before int) bool {
	b := rd.doc.blocks[before]
	n := len(b.toks)
	if n == 0 || !announces(b.toks[n-1]) {
		return true
	}
	last := rd.lastClause(b)
	return s.firstBlock == before && s.clause.hi >= last.hi || rd.lacksSubject(b, last)
}

// namesOrigin reports whether the last clause of block b contains a word that refers to writing or to a type of text.
func (rd *reading) namesOrigin(b *block) bool {
	s := rd.lastClause(b)
	return slices.ContainsFunc(b.toks[s.lo:s.hi], func(t token) bool {
		return rd.l.say.has(t.id) || rd.l.from.has(t.id) || rd.l.report.has(t.id) || rd.l.source.has(t.id) ||
			rd.l.piece.has(t.id)
	})
}

// mayBeArticle reports whether u may be the URL of an article. URLs of shops, videos and downloads are not.
func mayBeArticle(u string) bool {
	_, path, _ := strings.Cut(strings.TrimPrefix(strings.TrimPrefix(u, "https://"), "http://"), "/")
	path, _, _ = strings.Cut(path, "?")
	switch last := path[strings.LastIndexByte(path, '/')+1:]; {
	case strings.HasSuffix(last, ".pdf"), strings.HasSuffix(last, ".html"), strings.HasSuffix(last, ".htm"),
		strings.HasSuffix(last, ".php"), strings.HasSuffix(last, ".txt"):
	case isFileName(last), strings.HasSuffix(last, ".dmg"), strings.HasSuffix(last, ".deb"):
		return false
	}
	label, _, _ := strings.Cut(hostOf(u), ".")
	return !shopHosts[label]
}

// shopHosts lists the first labels of the hosts of shops, of services for payments and of media services, whose pages
// are not articles.
var shopHosts = map[string]bool{
	"amazon": true, "amzn": true, "audible": true, "bandcamp": true, "buymeacoffee": true, "ebay": true, "etsy": true,
	"flickr": true, "gofundme": true, "imdb": true, "imgur": true, "indiegogo": true, "itunes": true,
	"kickstarter": true, "ko-fi": true, "liberapay": true, "music": true, "open": true, "patreon": true, "paypal": true,
	"pinterest": true, "play": true, "soundcloud": true, "spotify": true, "venmo": true, "vimeo": true, "youtu": true,
	"youtube": true,
}

// sureRule is the minimum rule weight at which a name's position is enough to identify it, as in "Read entire article
// at X".
const sureRule = 0.8

// The weights of the evidence for and against a credit, added to the weight of its rule.
const (
	evidenceKnown         = 0.15  // the publication is in the table
	evidenceMarked        = 0.15  // the passage is marked as a quotation
	evidenceLinked        = 0.1   // the name is a link or emphasized
	evidenceHeader        = 0.1   // confirmed by a headline, byline or second credit
	evidenceAuthor        = 0.05  // both an author and a publication are named
	evidenceGuessed       = -0.1  // a part of the citation was classified by elimination
	evidenceNoPublication = -0.1  // no publication and no marked passage
	evidenceWeakName      = -0.45 // see reading.isWeakName
	evidenceWeakPerson    = -0.35 // see reading.isWeakPerson
	vagueLeadPenalty      = 0.35  // subtracted if the text before the passage says little about its source
)

// ruleConfidence returns the confidence of the rules in a source, from 0.05 to 0.99, rounded to two digits.
func (rd *reading) ruleConfidence(s *source) float64 {
	c := s.weight
	add := func(ok bool, w float64) {
		if ok {
			c += w
		}
	}
	add(s.pub.known != nil, evidenceKnown)
	add(s.marked, evidenceMarked)
	add(s.linked, evidenceLinked)
	add(s.hasHeader, evidenceHeader)
	add(len(s.authors) > 0 && s.pub.name != "", evidenceAuthor)
	add(s.guessed, evidenceGuessed)
	add(s.pub.name == "" && !s.marked, evidenceNoPublication)
	add(rd.isWeakName(s), evidenceWeakName)
	add(rd.isWeakPerson(s), evidenceWeakPerson)
	return math.Round(min(max(c, 0.05), 0.99)*100) / 100
}
