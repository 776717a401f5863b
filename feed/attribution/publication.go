package attribution

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"net/url"
	"strings"
	"unicode"

	"feedpub/feed"
)

// publicationData is the table of known publications and agencies. It distinguishes names from other words and defines
// one canonical name for each publication. A publication that is not in the table can still be credited.
//
//go:embed publications.json
var publicationData []byte

// Publication is an entry in the table of known publications. Users can add entries.
type Publication struct {
	Name    string   `json:"name"`               // canonical name with its article: "The Guardian"; required
	Aliases []string `json:"aliases,omitempty"`  // other names; case, articles and punctuation are ignored
	Domains []string `json:"domains,omitempty"`  // hosts of its articles, without "www."; subdomains are included
	FeedURL string   `json:"feed_url,omitempty"` // URL of the publication's own feed
	URL     string   `json:"url,omitempty"`      // home page; defaults to the first domain
	Agency  bool     `json:"agency,omitempty"`   // a news agency, whose reports other publications carry
	// Word reports whether the name without its article is also a common word. Such a name is read as the publication only
	// where a publication is expected, and without its article only if Aliases lists that form.
	Word bool `json:"word,omitempty"`
}

// Unknown returns the entries of a site's table of publications that r does not know, for [Options.Publications].
func (r *Reader) Unknown(table []feed.Publication) []Publication {
	var unknown []Publication
	for _, p := range table {
		if r.Canonical(p.Name).PublicationURL != "" {
			continue
		}
		e := Publication{Name: p.Name, Word: !strings.Contains(p.Name, " ")}
		if p.Domain != "" && r.PublicationAt("https://"+p.Domain).PublicationURL == "" {
			e.Domains = []string{p.Domain}
		}
		unknown = append(unknown, e)
	}
	return unknown
}

// publication is an entry in the compiled table.
type publication struct{ Publication }

// publications finds entries by name and by host. It is immutable.
type publications struct {
	byName    map[string]*publication
	trie      *nameNode               // the root of the tree of names, by token
	roots     []*nameNode             // by word id: the node of trie for the names that begin with the word, or nil
	oblique   map[string]*publication // German names in the dative and genitive; see canonical.go
	byDomain  map[string]*publication
	exclaimed map[int32]bool // words that have an exclamation mark in a name
}

// newPublications compiles the embedded table and the user's entries, which take precedence.
func newPublications(lx *lexicon, extra []Publication) (*publications, error) {
	var known []Publication
	if err := json.Unmarshal(publicationData, &known); err != nil {
		return nil, fmt.Errorf("publication table: %w", err)
	}
	p := &publications{
		byName:    make(map[string]*publication, 3*len(known)),
		oblique:   make(map[string]*publication),
		byDomain:  make(map[string]*publication, len(known)),
		exclaimed: make(map[int32]bool),
		trie:      &nameNode{},
	}
	for i, e := range append(known, extra...) {
		if strings.TrimSpace(e.Name) == "" {
			return nil, fmt.Errorf("publication %d has no name: %w", i-len(known), feed.ErrInvalid)
		}
		if e.URL == "" && len(e.Domains) > 0 {
			e.URL = "https://" + e.Domains[0] + "/"
		}
		entry := &publication{e}
		for _, n := range append([]string{e.Name}, e.Aliases...) {
			key := fold(n)
			if key == "" {
				return nil, fmt.Errorf("publication %q: name or alias %q contains no letter or digit: %w", e.Name, n, feed.ErrInvalid)
			}
			bare := !e.Word && !startsWithAcronym(n)
			p.add(lx, n, entry, bare)
			if oblique := obliqueName(n); oblique != "" {
				p.oblique[fold(oblique)] = entry
			}
			for w := range strings.FieldsSeq(n) {
				if w, ok := strings.CutSuffix(w, "!"); ok {
					p.exclaimed[lx.id(w)] = true
				}
			}
		}
		for _, d := range e.Domains {
			p.byDomain[strings.TrimPrefix(strings.ToLower(d), "www.")] = entry
		}
	}
	p.indexRoots(lx)
	return p, nil
}

// indexRoots fills roots, and marks the words in the languages of the lexicon.
func (p *publications) indexRoots(lx *lexicon) {
	p.roots = make([]*nameNode, len(lx.ids)+1)
	for id, n := range p.trie.next {
		if id > 0 {
			p.roots[id] = n
		}
	}
	for _, l := range lx.sorted {
		l.markNames(p.roots)
	}
}

// add adds a name of the entry, and if bare is set also the name without its article.
func (p *publications) add(lx *lexicon, name string, entry *publication, bare bool) {
	p.byName[fold(name)] = entry
	if bare {
		p.byName[nameKey(name)] = entry
	}
	p.trie.add(lx, name, entry, bare)
}

// startsName reports whether a known name begins with the word.
func (p *publications) startsName(t *token) bool {
	return t.kind == tokWord && t.id > 0 && int(t.id) < len(p.roots) && p.roots[t.id] != nil
}

// articles lists the articles that publication names may begin with, each followed by a space.
var articles = [...]string{"the ", "der ", "die ", "das ", "el ", "la ", "le ", "los ", "les "}

// withoutArticle removes the leading article from a known name unless it is part of the canonical name: "Die
// Süddeutsche Zeitung" becomes "Süddeutsche Zeitung", but "Die Zeit" is unchanged. An acronym is not an article, so "LA
// Times" is also unchanged.
func withoutArticle(name string, e *publication) string {
	if startsWithAcronym(name) {
		return name
	}
	for _, a := range articles {
		if len(name) > len(a) && strings.EqualFold(name[:len(a)], a) &&
			(name[0] == 't' || len(e.Name) < len(a) || !strings.EqualFold(e.Name[:len(a)], a)) {
			return name[len(a):]
		}
	}
	return name
}

// nameKey returns the key of a publication's name: folded, without a leading article.
func nameKey(name string) string {
	return string(cutArticle(appendFold(make([]byte, 0, len(name)), name)))
}

// cutArticle returns a folded name without a leading article.
func cutArticle(key []byte) []byte {
	for _, article := range articles {
		if len(key) > len(article) && string(key[:len(article)]) == article {
			return key[len(article):]
		}
	}
	return key
}

// sameName reports whether two names have the same [nameKey].
func sameName(a, b string) bool {
	if a == b {
		return true
	}
	var bufA, bufB [96]byte
	return string(cutArticle(appendFold(bufA[:0], a))) == string(cutArticle(appendFold(bufB[:0], b)))
}

// startsWithAcronym reports whether a name of several words begins with an acronym, which may be spelled like an
// article: the LA Times is not the Times.
func startsWithAcronym(name string) bool {
	first, _, ok := strings.Cut(name, " ")
	return ok && len(first) > 1 && acronym(first)
}

// lookup returns the entry with the name, or nil. The article in the text may be missing from the table.
func (p *publications) lookup(name string) *publication {
	if len(name) > 80 {
		return nil
	}
	var buf [96]byte
	key := appendFold(buf[:0], name)
	if e := p.byName[string(key)]; e != nil {
		return e
	}
	return p.byName[string(cutArticle(key))]
}

// nameNode is a node of the tree of names by token. Searching it does not allocate.
type nameNode struct {
	next  map[int32]*nameNode
	entry *publication // entry of the name that ends here, or nil
}

// possID represents the possessive ending in names: "Harper's".
const possID = -1

// add adds a name, and if bare is set also without its article.
func (n *nameNode) add(lx *lexicon, name string, e *publication, bare bool) {
	toks := lx.tokenize(name, nil)
	for start := range 2 {
		if start == 1 && (!bare || len(toks) < 2 || nameKey(name) == fold(name)) {
			return
		}
		at := n
		for _, t := range toks[start:] {
			id := int32(possID)
			switch t.kind {
			case tokWord:
				id = lx.id(name[t.start:t.end])
			case tokPoss:
			case tokPunct, tokDash, tokDots, tokOpen, tokClose:
				continue
			}
			if at.next == nil {
				at.next = make(map[int32]*nameNode)
			}
			if at.next[id] == nil {
				at.next[id] = &nameNode{}
			}
			at = at.next[id]
		}
		at.entry = e
	}
}

// hasLower reports whether the node or one below it has an entry whose name begins in lower case, such as "taz".
func (n *nameNode) hasLower() bool {
	if n.entry != nil && n.entry.isLower() {
		return true
	}
	for _, next := range n.next {
		if next.hasLower() {
			return true
		}
	}
	return false
}

// isLower reports whether the publication's name begins in lower case.
func (e *publication) isLower() bool {
	first, _ := decodeRune(e.Name, 0)
	return unicode.IsLower(first)
}

// walk calls yield with the end and the entry of each known name that begins at toks[i], shortest first.
func (p *publications) walk(toks []token, i int, yield func(end int, e *publication)) {
	if i >= len(toks) || !p.startsName(&toks[i]) {
		return
	}
	n := p.roots[toks[i].id]
	if n.entry != nil {
		yield(i+1, n.entry)
	}
	for k := i + 1; k < len(toks); k++ {
		id := toks[k].id
		switch toks[k].kind {
		case tokWord:
		case tokPoss:
			id = possID
		case tokPunct:
			within, final := markInName(toks[k].ch)
			if !within {
				return
			}
			if final && n.entry != nil {
				yield(k+1, n.entry)
			}
			continue
		case tokDash, tokDots, tokOpen, tokClose:
			return
		}
		if n = n.next[id]; n == nil || id == 0 {
			return
		}
		if n.entry != nil {
			yield(k+1, n.entry)
		}
	}
}

// markInName reports whether a punctuation mark may be in a name, such as "AT&T", and whether it may also end one, such
// as "Yahoo!". The tree of names has no nodes for marks.
func markInName(mark rune) (within, final bool) {
	switch mark {
	case '!', '.', ')':
		return true, true
	case '&', '+', '/', '(':
		return true, false
	default:
		return false, false
	}
}

// knownSuffix returns the number of tokens of the longest known name at the end of toks, or 0. Capitalized epithets may
// precede the name: "the Soros-funded Politico".
func (p *publications) knownSuffix(toks []token) int {
	for i := range toks {
		if !p.startsName(&toks[i]) {
			continue
		}
		found := false
		p.walk(toks, i, func(end int, _ *publication) { found = found || end == len(toks) })
		if found {
			return len(toks) - i
		}
	}
	return 0
}

// mayBeginKnown reports whether the word is spelled like the first word of a name. A KNOWN slot does not contain names
// in lower case.
func mayBeginKnown(t *token) bool { return t.upper || t.digit || t.inner }

// knownPrefix returns the number of tokens of the longest known name at the start of toks, or 0. A name that is also a
// common word counts only if article is set, which means that an article precedes it.
func (p *publications) knownPrefix(toks []token, article bool) int {
	if len(toks) == 0 || toks[0].kind != tokWord || !mayBeginKnown(&toks[0]) {
		return 0
	}
	n := 0
	p.walk(toks, 0, func(end int, e *publication) {
		if article || !e.Word || end > 1 {
			n = end
		}
	})
	return n
}

// byHost returns the entry whose domains include the URL's host or one of its parent domains, or nil.
func (p *publications) byHost(rawURL string) *publication {
	h := hostOf(rawURL)
	for h != "" {
		if e := p.byDomain[h]; e != nil {
			return e
		}
		_, h, _ = strings.Cut(h, ".")
	}
	return nil
}

// hostOf returns the host of an absolute HTTP URL in lower case without "www.", or "". The host of an archived page is
// that of the original.
func hostOf(rawURL string) string {
	if original := originalOf(rawURL); original != "" {
		rawURL = original
	}
	if !strings.HasPrefix(rawURL, "http://") && !strings.HasPrefix(rawURL, "https://") &&
		!strings.HasPrefix(rawURL, "//") {
		return ""
	}
	if h, ok := plainHost(rawURL); ok {
		return strings.TrimPrefix(strings.ToLower(h), "www.")
	}
	u, err := url.Parse(rawURL)
	if err != nil {
		return ""
	}
	return strings.TrimPrefix(strings.ToLower(u.Hostname()), "www.")
}

// plainHost returns the host of a URL that has no user, port or escape sequence and consists of printable ASCII. Most
// links have this form, so their host can be found without the cost of [url.Parse].
func plainHost(rawURL string) (string, bool) {
	_, rest, _ := strings.Cut(rawURL, "//")
	end := 0
	for end < len(rest) && urlByte[rest[end]] == urlHost {
		end++
	}
	if end < len(rest) && rest[end] != '/' && rest[end] != '?' && rest[end] != '#' {
		return "", false
	}
	for i := end; i < len(rest); i++ {
		if urlByte[rest[i]] == urlOther {
			return "", false
		}
	}
	return rest[:end], true
}

// The kinds of bytes in a URL without escape sequences.
const (
	urlOther = iota // not in such a URL
	urlPath         // only after the host
	urlHost         // anywhere
)

// urlByte maps each byte to its kind.
var urlByte = func() (table [256]uint8) {
	for c := '!'; c < 0x7f; c++ {
		switch {
		case c == '.' || c == '-' || c == '_' || isWordRune(c):
			table[c] = urlHost
		case c != '%':
			table[c] = urlPath
		}
	}
	return table
}()

// Canonical returns the source by which feeds and indexes identify a publication: its canonical name, and its home page
// and feed if the table has them. "the Guardian", "Guardian" and "UK's Guardian" have the same source. An unknown name
// is returned without determiners and epithets. An empty name has an empty source.
func (r *Reader) Canonical(name string) feed.Source {
	p := r.publisherOf(r.lx.langs[fallback], name)
	if p.known == nil {
		return feed.Source{Publication: p.name}
	}
	return feed.Source{Publication: p.known.Name, PublicationURL: p.known.URL, FeedURL: p.known.FeedURL}
}

// PublicationAt returns the publication whose domains include the host of an absolute URL. If no known publication has
// the host, the host is the publication's name. The source is empty if the URL has no host.
func (r *Reader) PublicationAt(rawURL string) feed.Source {
	if e := r.pubs.byHost(rawURL); e != nil {
		return feed.Source{Publication: e.Name, PublicationURL: e.URL, FeedURL: e.FeedURL}
	}
	if isWrapper(rawURL) {
		return feed.Source{}
	}
	return feed.Source{Publication: hostOf(rawURL)}
}

// HeadlineIn returns the headline in a page title such as "H | X", "H - X" or "X: H", if X is the publication at the
// URL. Otherwise it returns "".
func (r *Reader) HeadlineIn(title, rawURL string) string {
	last, first := -1, len(title)
	for _, separator := range titleSeparators {
		last = max(last, strings.LastIndex(title, separator))
		if i := strings.Index(title, separator); i >= 0 {
			first = min(first, i)
		}
	}
	if last > 0 {
		if _, name, _ := strings.Cut(title[last+1:], " "); r.publishes(rawURL, strings.TrimSpace(name)) {
			return strings.TrimSpace(title[:last])
		}
	}
	if i := strings.Index(title, ": "); i > 0 {
		first = min(first, i)
	}
	if first < len(title) && r.publishes(rawURL, title[:first]) {
		_, headline, _ := strings.Cut(title[first+1:], " ")
		return strings.TrimSpace(headline)
	}
	return ""
}

// titleSeparators lists what separates headline and publication in the titles of pages.
var titleSeparators = [...]string{" | ", " - ", " – ", " — ", " · ", " • ", " » ", " : "}

// publishes reports whether the URL is on the site of the publication with the given name.
func (r *Reader) publishes(rawURL, name string) bool {
	return hostNamed(rawURL, name) || strings.EqualFold(hostOf(rawURL), name) || r.pubs.isAt(rawURL, name)
}

// isAt reports whether the name is that of the known publication at the URL.
func (p *publications) isAt(rawURL, name string) bool {
	e := p.byHost(rawURL)
	return e != nil && p.lookup(name) == e
}

// IsReference reports whether the host of a URL is an encyclopedia, a shop or another site that describes people and
// works. Such a site does not publish what it describes.
func IsReference(rawURL string) bool { return isReferenceHost(rawURL) }

// publisherOf returns the publisher named in a PUB slot.
func (r *Reader) publisherOf(l *language, name string) publisher {
	name = strings.Trim(collapseSpace(name), " ,;:\"“”‘«»()[]_*")
	if e := r.pubs.lookup(name); e != nil {
		return publisher{name: withoutArticle(name, e), known: e}
	}
	var buf [nameTokens]token
	toks := r.lx.tokenize(name, buf[:0])
	if len(toks) == 0 {
		return publisher{name: name}
	}
	// The longest known name takes precedence over epithets: "the Irish Times" is not the Times.
	if n := r.pubs.knownSuffix(toks); n > 0 && !r.endsUnknownName(l, toks, n) {
		start := toks[len(toks)-n].start
		known := name[start:toks[len(toks)-1].end]
		e := r.pubs.lookup(known)
		return publisher{name: withoutArticle(withArticle(name, start, known), e), known: e}
	}
	start := toks[l.unknownNameStart(name, toks)].start
	rest := name[start:]
	if strings.HasSuffix(rest, "'s") || strings.HasSuffix(rest, "’s") {
		rest = rest[:possessive(rest)]
	}
	return publisher{name: withArticle(name, start, rest)}
}

// unknownNameStart returns the number of tokens before the name of an unknown publication: determiners, epithets, and
// the adjectives in lower case after them.
func (l *language) unknownNameStart(name string, toks []token) int {
	i := l.skipDeterminers(toks, 0)
	if i > 0 && i < len(toks) && l.epithet.has(toks[i-1].id) && l.looksLikePub(name, toks[i:]) &&
		!acronym(name[toks[i-1].start:toks[i-1].end]) {
		i-- // "the American Economic Review": an adjective is likely part of an unknown name
	}
	if i == 0 {
		return 0
	}
	if i == len(toks) {
		i = 0 // only determiners
	}
	for k := i; k < min(i+4, len(toks)-1); k++ {
		if nameStart(l, toks, k) {
			return k
		}
	}
	return i
}

// acronym reports whether a word has no lower-case letters: "UK", "U.S.".
func acronym(s string) bool {
	return !strings.ContainsFunc(s, unicode.IsLower)
}

// endsUnknownName reports whether the known name in the last n tokens is only the end of an unknown one: "Des Moines
// Register" is not The Register, but "UK Guardian" is the Guardian.
func (r *Reader) endsUnknownName(l *language, toks []token, n int) bool {
	k := len(toks) - n
	if k == 0 {
		return false
	}
	word := false // the name is also a common word
	r.pubs.walk(toks, k, func(end int, e *publication) { word = word || end == len(toks) && e.Word })
	before := toks[k-1]
	return (word || n == 1) && before.kind == tokWord && before.upper && !l.epithet.has(before.id) &&
		!l.det.has(before.id) && (!l.known(before.id) || l.pubWord.has(before.id))
}

// withArticle restores the capitalized article of a name: "The Register" is a name, while "the Register" is a name
// after a determiner. The article in the name of a Spanish or French publication is also capitalized: "El Cultural".
func withArticle(text string, start int, name string) string {
	for _, a := range [...]string{"The ", "El ", "La ", "Los ", "Las ", "Le ", "Les "} {
		if text[:start] == a && !strings.HasPrefix(name, a) {
			return a + name
		}
	}
	return name
}
