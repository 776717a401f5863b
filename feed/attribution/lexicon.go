package attribution

import (
	"bytes"
	"embed"
	"encoding/binary"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"

	"feedpub/feed"
)

// languageFiles holds one file per language. A file lists the words used in credits, dates and boilerplate, the credit
// rules, and the words that distinguish the author's voice from a quoted voice. To add a language, add a file.
//
//go:embed lang/*.txt
var languageFiles embed.FS

// fallback is the language of posts whose language cannot be detected.
const fallback = "en"

// sharedFile holds the words common to all languages: given names, places, titles.
const sharedFile = "shared.txt"

// lexicon holds the words of all languages. Each word has a number, so that rules compare numbers rather than strings.
type lexicon struct {
	ids    map[string]int32
	table  *wordTable // the words of ids as a table; nil until ids is complete
	langs  map[string]*language
	sorted []*language // sorted by file name, so that detection is deterministic
	// commonIn holds, by word id, a bit set of the languages in which the word is common, by their index in sorted.
	commonIn []uint8
}

// language is a compiled language file.
type language struct {
	name       string
	classes    map[string]*class
	rules      []*rule
	leads      index      // rules for clauses that end in a colon, dots or a dash
	credits    index      // rules for all other clauses
	postedBy   index      // rules with positionPosted
	allClasses []*class   // named and unnamed classes
	variants   int        // total number of rule variants
	traitCount int        // number of classes with a trait
	words      []ruleWord // by word id
	evidenceOf []uint64   // by word id: the evidenceClasses that contain the word, as a bit set
	classed    []bool     // by word id: whether a class contains the word or a phrase that begins with it
	flags      []uint16   // by word id: the word's flags, such as flagDeterminer
	noise      phrases
	end        phrases
	caption    phrases
	lineWords  map[string]bool // the first words of noise, end and caption
	months     map[int32]int   // by word id
	lastMonth  int             // number of the last month that was read
	monthOf    []uint8         // by word id: the month from 1 to 12, or 0 for any other word
	// monthFirst reports whether 1/2/2010 is January 2 rather than February 1.
	monthFirst bool
	// nouns reports whether the language capitalizes every noun, so that a capital letter does not identify a name.
	nouns bool
	// The classes to which the code refers. Rules may use others.
	at, from, report, period, told, det, epithet, when, weekday, connector, notName, given, honorific, role, by, in, and,
	via, place,
	pubWord, particle, say, stop, corporate, first, second, saidVerb, opener, label, suffix, with, on,
	dateLead, dateOf, timeWord, abbreviation, photo, note, more, source, plural, stance, present, past,
	pointing, common, viaSkip, viaWord, thanks, finding, holiday, size, listName, piece, taken *class
	// Classes that only the verification of credits uses; see verifyname.go.
	position, employ, firm, about, generic, again, genitive, references, saying,
	contrast, titled, citing, readOn, nameAffix, companySuffix, clause, page,
	further, crossPosted, relative, subject, possessive,
	recommending, having *class
}

// ruleWord states what a word means for the rules.
type ruleWord struct {
	traits  traits // the classes in rules that contain the word or a phrase that begins with it
	trigger bool   // an index contains the word
}

// index finds the variants that can match a clause, given the words of the clause.
type index struct {
	byWord map[int32][]*variant // variants that match only clauses with the word
	lists  [][]variantGroup     // the variants of byWord, indexed by word id
	bare   []*variant           // variants that require no word
	// bareGroups contains the same variants as bare, in groups.
	bareGroups []variantGroup
}

// mayMatch reports whether a variant of the index may match a clause with the tokens.
func (x *index) mayMatch(toks []token) bool {
	if len(x.bareGroups) > 0 {
		return true
	}
	for i := range toks {
		if id := uint32(toks[i].id); id < uint32(len(x.lists)) && len(x.lists[id]) > 0 {
			return true
		}
	}
	return false
}

// variantGroup holds variants of the same rule. They are skipped together if a clause lacks traits that all of them
// require.
type variantGroup struct {
	rule     *rule
	need     traits
	variants []*variant
}

// variantKey returns a string that identifies the variants, so that equal lists have equal keys.
func variantKey(variants []*variant) string {
	var key []byte
	for _, v := range variants {
		key = binary.AppendUvarint(key, uint64(v.n))
	}
	return string(key)
}

// groupVariants groups consecutive variants of the same rule.
func groupVariants(variants []*variant) []variantGroup {
	var groups []variantGroup
	for _, v := range variants {
		last := len(groups) - 1
		if last < 0 || groups[last].rule != v.rule {
			groups = append(groups, variantGroup{rule: v.rule, need: v.need, variants: []*variant{v}})
			continue
		}
		groups[last].need.intersect(&v.need)
		groups[last].variants = append(groups[last].variants, v)
	}
	return groups
}

// traits is a bit set of the word classes in rules, of token kinds and of kinds of names. A clause has traits, and a
// variant requires traits.
type traits [3]uint64

// The first traits are kinds of punctuation; the traits of the classes begin at traitClasses.
const (
	traitDash = iota
	traitDots
	traitQuote
	traitPoss
	traitGroup
	traitAt
	traitBar
	traitComma
	traitKnown   // the name of a known publication
	traitPub     // text that may fill a PUB slot
	traitPerson  // a word that may be in a person's name, or begin the suffix of one
	traitClasses // the trait of the first class
)

// set adds a trait. Traits beyond the size of the set are ignored. As a result, [traits.covers] may keep a
// variant that cannot match, but never excludes one that can.
func (t *traits) set(bit int) {
	if bit < len(t)*64 {
		t[bit/64] |= 1 << (bit % 64)
	}
}

// has reports whether t contains the trait.
func (t *traits) has(bit int) bool { return t[bit/64]>>(bit%64)&1 != 0 }

// covers reports whether t contains all traits of need.
func (t *traits) covers(need *traits) bool {
	return need[0]&^t[0]|need[1]&^t[1]|need[2]&^t[2] == 0
}

// intersect removes the traits from t that o lacks.
func (t *traits) intersect(o *traits) {
	t[0], t[1], t[2] = t[0]&o[0], t[1]&o[1], t[2]&o[2]
}

// union adds the traits of o to t.
func (t *traits) union(o *traits) {
	t[0], t[1], t[2] = t[0]|o[0], t[1]|o[1], t[2]|o[2]
}

// class is a set of words and phrases, such as the verbs of writing.
type class struct {
	bit     int      // trait of the class, or -1 if no rule contains it
	apart   bool     // only the verification of credits uses the class
	set     []uint64 // the words as a bit set
	starts  []uint64 // the first words of the phrases as a bit set
	words   map[int32]bool
	phrases map[int32][][]int32 // phrases of at least two words by first word, longest first
}

func (l *language) newClass() *class {
	c := &class{bit: -1, words: make(map[int32]bool), phrases: make(map[int32][][]int32)}
	l.allClasses = append(l.allClasses, c)
	return c
}

// add adds a phrase, given as the numbers of its words.
func (c *class) add(ids []int32) {
	if len(ids) == 1 {
		c.words[ids[0]] = true
		return
	}
	c.phrases[ids[0]] = append(c.phrases[ids[0]], ids)
}

// sort orders the phrases by length, so that the longest is tried first.
func (c *class) sort() {
	for _, ps := range c.phrases {
		slices.SortStableFunc(ps, func(a, b []int32) int { return len(b) - len(a) })
	}
}

// firstWords calls yield with the number of each word of the class and of each first word of its phrases.
func (c *class) firstWords(yield func(int32) bool) {
	for id := range c.words {
		if !yield(id) {
			return
		}
	}
	for id := range c.phrases {
		if !yield(id) {
			return
		}
	}
}

// commonWords returns the number of words in stop that are in the class or begin one of its phrases.
func (c *class) commonWords(stop *class) int {
	n := 0
	for id := range stop.words {
		if c.words[id] || len(c.phrases[id]) > 0 {
			n++
		}
	}
	return n
}

// has reports whether the class contains the word with number id.
func (c *class) has(id int32) bool {
	k := uint32(id) >> 6
	return k < uint32(len(c.set)) && c.set[k]>>(uint32(id)&63)&1 != 0
}

// hasLower reports whether the token is a word of the class and does not begin with a capital letter.
func (c *class) hasLower(t token) bool { return t.kind == tokWord && !t.upper && c.has(t.id) }

// beginsPhrase reports whether a phrase of at least two words begins with the word with number id.
func (c *class) beginsPhrase(id int32) bool {
	k := uint32(id) >> 6
	return k < uint32(len(c.starts)) && c.starts[k]>>(uint32(id)&63)&1 != 0
}

// phraseEnds appends to out the position after each phrase of the class that begins at toks[i], longest first.
func (c *class) phraseEnds(toks []token, i int, out []int) []int {
	if i >= len(toks) || toks[i].id == 0 {
		return out
	}
	if c.beginsPhrase(toks[i].id) {
		out = c.longPhraseEnds(toks, i, out)
	}
	if c.has(toks[i].id) {
		out = append(out, i+1)
	}
	return out
}

// longPhraseEnds is like phraseEnds, but only for phrases of at least two words.
func (c *class) longPhraseEnds(toks []token, i int, out []int) []int {
next:
	for _, p := range c.phrases[toks[i].id] {
		if i+len(p) > len(toks) {
			continue
		}
		for k, id := range p {
			if toks[i+k].id != id {
				continue next
			}
		}
		out = append(out, i+len(p))
	}
	return out
}

// phrases is a set of line patterns. A pattern is a whole line, or a prefix with an optional infix.
type phrases struct {
	whole  map[string]bool
	starts map[string][]linePattern // by the first word of the prefix
}

// linePattern matches lines that begin with prefix and contain infix somewhere after it. The infix may be empty.
type linePattern struct{ prefix, infix string }

// minSentenceSpaces is the minimum number of spaces in a sentence. A shorter line is not a sentence, even if it ends in
// a period.
const minSentenceSpaces = 9

// foldedLine is a line and its key.
type foldedLine struct {
	line string
	key  []byte // see [lineKey]; empty if no phrase of the language begins with the first word of the line
}

// foldLine returns the line with its key, which it appends to buf. Most lines of a post begin with a word that begins
// no phrase, so only that word is folded.
func (l *language) foldLine(line string, buf []byte) foldedLine {
	for from, end := 0, 0; end < len(line); from = end {
		if n := strings.IndexByte(line[from:], ' '); n >= 0 {
			end = from + n + 1
		} else {
			end = len(line)
		}
		key := appendLineKey(buf, line[from:end])
		if len(key) == 0 {
			continue
		}
		if word, _, _ := bytes.Cut(key, []byte(" ")); l.lineWords[string(word)] {
			return foldedLine{line, appendLineKey(buf, line)}
		}
		break
	}
	return foldedLine{line: line}
}

// addLineWords adds the first word of each phrase to words.
func (p *phrases) addLineWords(words map[string]bool) {
	for key := range p.whole {
		word, _, _ := strings.Cut(key, " ")
		words[word] = true
	}
	for word := range p.starts {
		words[word] = true
	}
}

// matches reports whether the line is one of the phrases or begins with one. A sentence matches only a whole phrase, or
// a pattern with a non-empty infix.
func (p phrases) matches(f foldedLine) bool {
	if len(f.key) == 0 {
		return false
	}
	if p.whole[string(f.key)] {
		return true
	}
	word, _, _ := bytes.Cut(f.key, []byte(" "))
	starts := p.starts[string(word)]
	if len(starts) == 0 {
		return false
	}
	sentence := strings.HasSuffix(f.line, ".") && bytes.Count(f.key, []byte(" ")) >= minSentenceSpaces
	for _, s := range starts {
		if len(f.key) < len(s.prefix) || string(f.key[:len(s.prefix)]) != s.prefix {
			continue
		}
		rest := f.key[len(s.prefix):]
		if (len(rest) == 0 || rest[0] == ' ') &&
			(s.infix == "" && !sentence || s.infix != "" && bytes.Contains(rest, []byte(s.infix))) {
			return true
		}
	}
	return false
}

// lineKey returns the folded line with every number replaced by "0", so that "12 comments" and "3 comments" are equal.
func lineKey(s string) string { return string(appendLineKey(nil, s)) }

func appendLineKey(buf []byte, s string) []byte {
	start := len(buf)
	buf = appendFold(buf, s)
	key := buf[:start]
	number := false
	for _, c := range buf[start:] {
		digit := c >= '0' && c <= '9'
		switch {
		case !digit:
			key = append(key, c)
		case !number:
			key = append(key, '0')
		}
		number = digit
	}
	return key
}

// add adds a line of a language file: "whole", "beginning*", or "beginning * later part*".
func (p *phrases) add(line string) {
	prefix, rest, ok := strings.Cut(line, "*")
	if !ok {
		p.whole[lineKey(line)] = true
		return
	}
	s := linePattern{prefix: lineKey(prefix), infix: lineKey(strings.TrimSuffix(rest, "*"))}
	word, _, _ := strings.Cut(s.prefix, " ")
	p.starts[word] = append(p.starts[word], s)
}

// maxLanguages is the maximum number of languages.
const maxLanguages = 8

// newLexicon compiles the embedded language files.
func newLexicon() (*lexicon, error) {
	return loadLexicon(languageFiles, "lang")
}

// loadLexicon compiles the language files in a directory. Every file is compiled together with sharedFile.
func loadLexicon(files fs.FS, dir string) (*lexicon, error) {
	lx := &lexicon{ids: make(map[string]int32), langs: make(map[string]*language)}
	entries, err := fs.ReadDir(files, dir)
	if err != nil {
		return nil, fmt.Errorf("language files: %w", err)
	}
	shared, err := fs.ReadFile(files, path.Join(dir, sharedFile))
	if err != nil {
		return nil, fmt.Errorf("language files: %w", err)
	}
	for _, e := range entries {
		if e.Name() == sharedFile {
			continue
		}
		b, err := fs.ReadFile(files, path.Join(dir, e.Name()))
		if err != nil {
			return nil, fmt.Errorf("language file %s: %w", e.Name(), err)
		}
		l, err := lx.loadLanguage(strings.TrimSuffix(e.Name(), ".txt"), string(b)+"\n"+string(shared))
		if err != nil {
			return nil, fmt.Errorf("language file %s: %w", e.Name(), err)
		}
		lx.langs[l.name] = l
		lx.sorted = append(lx.sorted, l)
	}
	if len(lx.sorted) > maxLanguages {
		return nil, fmt.Errorf("%d languages, want at most %d: %w", len(lx.sorted), maxLanguages, feed.ErrInvalid)
	}
	if lx.langs[fallback] == nil {
		return nil, fmt.Errorf("no language file %s.txt: %w", fallback, feed.ErrInvalid)
	}
	lx.commonIn = make([]uint8, len(lx.ids)+1)
	for k, l := range lx.sorted {
		l.indexWords(len(lx.ids))
		for id := range l.common.words {
			lx.commonIn[id] |= 1 << k
		}
	}
	return lx, nil
}

// indexWords fills the tables of the language that are indexed by word id. n is the greatest id.
func (l *language) indexWords(n int) {
	l.words, l.classed = make([]ruleWord, n+1), make([]bool, n+1)
	l.monthOf = make([]uint8, n+1)
	for id, m := range l.months {
		l.monthOf[id] = uint8(m)
	}
	for _, x := range []*index{&l.leads, &l.credits, &l.postedBy} {
		x.lists = make([][]variantGroup, n+1)
		same := make(map[string][]variantGroup) // most words of a class share their list
		for id, vs := range x.byWord {
			l.words[id].trigger = true
			key := variantKey(vs)
			if same[key] == nil {
				same[key] = groupVariants(vs)
			}
			x.lists[id] = same[key]
		}
		x.bareGroups = groupVariants(x.bare)
	}
	for _, c := range l.allClasses {
		c.set, c.starts = make([]uint64, n/64+1), make([]uint64, n/64+1)
		for id := range c.words {
			c.set[id>>6] |= 1 << (id & 63)
		}
		for id := range c.phrases {
			c.starts[id>>6] |= 1 << (id & 63)
		}
		for id := range c.firstWords {
			l.classed[id] = l.classed[id] || !c.apart
			if c.bit >= 0 {
				l.words[id].traits.set(c.bit)
			}
		}
	}
	for id := range l.suffix.words {
		l.words[id].traits.set(traitPerson)
	}
	l.setFlags(n)
	l.evidenceOf = make([]uint64, n+1)
	for k, name := range evidenceClasses {
		if c := l.classes[name]; c != nil {
			for id := range c.firstWords {
				l.evidenceOf[id] |= 1 << k
			}
		}
	}
}

// id returns the number of a word, and assigns one if it has none.
func (lx *lexicon) id(word string) int32 {
	word = string(appendLower(nil, word))
	n, ok := lx.ids[word]
	if !ok {
		n = int32(len(lx.ids) + 1)
		lx.ids[word] = n
	}
	return n
}

// loadLanguage compiles a language file. A section begins with its name in brackets, and a comment line begins with
// "#". The sections rules, noise, end, caption, options and months have one entry per line. Every other section is a
// class: a list of phrases separated by commas.
func (lx *lexicon) loadLanguage(name, data string) (*language, error) {
	l := &language{
		name:    name,
		classes: make(map[string]*class),
		months:  make(map[int32]int),
	}
	for _, p := range []*phrases{&l.noise, &l.end, &l.caption} {
		*p = phrases{whole: make(map[string]bool), starts: make(map[string][]linePattern)}
	}
	rules, err := lx.loadSections(l, data)
	if err != nil {
		return nil, err
	}
	for _, r := range rules {
		if err := lx.addRule(l, r.line); err != nil {
			return nil, fmt.Errorf("line %d: %w", r.number, err)
		}
	}
	for _, c := range l.classes {
		c.sort()
	}
	l.lineWords = make(map[string]bool)
	for _, p := range []*phrases{&l.noise, &l.end, &l.caption} {
		p.addLineWords(l.lineWords)
	}
	l.bindClasses()
	for _, c := range [...]*class{l.position, l.employ, l.firm, l.about, l.generic, l.again, l.genitive,
		l.references, l.saying, l.contrast, l.titled, l.citing,
		l.readOn, l.nameAffix, l.companySuffix, l.clause, l.crossPosted, l.relative,
		l.subject, l.possessive, l.recommending, l.having} {
		c.apart = true
	}
	l.indexRules()
	return l, nil
}

// loadSections adds the entries of a language file to the language, except for the rules, which it returns. Rules may
// use classes that follow later in the file.
func (lx *lexicon) loadSections(l *language, data string) (rules []numberedLine, err error) {
	section, number := "", 0
	for line := range strings.Lines(data) {
		number++
		line = strings.TrimSpace(line)
		switch {
		case line == "" || line[0] == '#':
		case line[0] == '[' && line[len(line)-1] == ']' && !strings.Contains(line, " "):
			section = line[1 : len(line)-1]
		case section == "":
			return nil, fmt.Errorf("line %d: entry before the first section: %w", number, feed.ErrInvalid)
		case section == "rules":
			rules = append(rules, numberedLine{line, number})
		default:
			lx.addEntry(l, section, line)
		}
	}
	return rules, nil
}

// addEntry adds a line of a section other than rules to the language.
func (lx *lexicon) addEntry(l *language, section, line string) {
	switch section {
	case "noise":
		l.noise.add(line)
	case "end":
		l.end.add(line)
	case "caption":
		l.caption.add(line)
	case "options":
		l.monthFirst = l.monthFirst || line == "month first"
		l.nouns = l.nouns || line == "nouns capitalised"
	case "months":
		l.lastMonth++
		for w := range strings.FieldsSeq(line) {
			l.months[lx.id(w)] = l.lastMonth
		}
	default:
		c := l.class(section)
		for phrase := range strings.SplitSeq(line, ",") {
			lx.addPhrase(c, phrase)
		}
	}
}

// numberedLine is a line of a language file and its number.
type numberedLine struct {
	line   string
	number int
}

// addPhrase adds a phrase to the class, unless it is empty.
func (lx *lexicon) addPhrase(c *class, phrase string) {
	words := strings.Fields(phrase)
	if len(words) == 0 {
		return
	}
	ids := make([]int32, len(words))
	for i, w := range words {
		ids[i] = lx.id(w)
	}
	c.add(ids)
}

// class returns the named class, creating it if it does not exist.
func (l *language) class(name string) *class {
	c := l.classes[name]
	if c == nil {
		c = l.newClass()
		l.classes[name] = c
	}
	return c
}

// known reports whether a class of the language contains the word. Words in rules and publication names do not count.
func (l *language) known(id int32) bool {
	return id > 0 && int(id) < len(l.classed) && l.classed[id]
}

// markNames adds traitPub to the words with which a publication's name in lower case begins.
func (l *language) markNames(roots []*nameNode) {
	l.words = append(l.words, make([]ruleWord, max(len(roots)-len(l.words), 0))...)
	for id, n := range roots {
		if n != nil && n.hasLower() {
			l.words[id].traits.set(traitPub)
		}
	}
}

// Flags of a word: one for each class that contains it.
const (
	flagFirst = 1 << iota
	flagPlural
	flagSecond
	flagStance
	flagPresent
	flagPast
	flagSaid
	flagDeterminer // a class of words that may precede a name; see [language.skipDeterminers]
	flagSaying     // the verbs of saying, in the present and the past
)

// setFlags sets the flags of the words with numbers up to n.
func (l *language) setFlags(n int) {
	l.flags = make([]uint16, n+1)
	for _, f := range []struct {
		flag    uint16
		classes []*class
	}{
		{flagFirst, []*class{l.first}},
		{flagPlural, []*class{l.plural}},
		{flagSecond, []*class{l.second}},
		{flagStance, []*class{l.stance}},
		{flagPresent, []*class{l.present}},
		{flagPast, []*class{l.past}},
		{flagSaid, []*class{l.saidVerb}},
		{flagDeterminer, []*class{l.det, l.epithet, l.weekday, l.when, l.period}},
		{flagSaying, []*class{l.say, l.saidVerb}},
	} {
		for _, c := range f.classes {
			for id := range c.words {
				l.flags[id] |= f.flag
			}
		}
	}
}

func (l *language) flagsOf(id int32) uint16 {
	if uint32(id) >= uint32(len(l.flags)) {
		return 0
	}
	return l.flags[id]
}

// evidenceClassesOf returns the evidenceClasses that contain the word, as a bit set.
func (l *language) evidenceClassesOf(id int32) uint64 {
	if uint32(id) >= uint32(len(l.evidenceOf)) {
		return 0
	}
	return l.evidenceOf[id]
}

// month returns the number of the month that the word names, or 0.
func (l *language) month(id int32) int {
	if uint32(id) >= uint32(len(l.monthOf)) {
		return 0
	}
	return int(l.monthOf[id])
}

// bindClasses sets each class field to the class with the matching name.
func (l *language) bindClasses() {
	for name, to := range map[string]**class{
		"abbreviation": &l.abbreviation, "about": &l.about, "again": &l.again, "and": &l.and,
		"at": &l.at, "by": &l.by, "citing": &l.citing, "clause": &l.clause, "common": &l.common,
		"company-suffix": &l.companySuffix, "connector": &l.connector, "contrast": &l.contrast,
		"corporate": &l.corporate, "date-lead": &l.dateLead, "date-of": &l.dateOf, "det": &l.det,
		"employ": &l.employ, "epithet": &l.epithet, "finding": &l.finding, "firm": &l.firm,
		"first": &l.first, "cross-posted": &l.crossPosted, "from": &l.from, "further": &l.further,
		"generic": &l.generic, "genitive": &l.genitive, "given": &l.given, "having": &l.having, "holiday": &l.holiday,
		"honorific": &l.honorific, "in": &l.in, "label": &l.label,
		"list-name": &l.listName, "more": &l.more, "name-affix": &l.nameAffix,
		"not-name": &l.notName, "note": &l.note, "on": &l.on, "opener": &l.opener, "page": &l.page,
		"particle": &l.particle, "past": &l.past, "period": &l.period, "photo": &l.photo, "piece": &l.piece,
		"place": &l.place, "plural": &l.plural, "pointing": &l.pointing, "position": &l.position,
		"possessive": &l.possessive, "present": &l.present, "pub-word": &l.pubWord,
		"read-on": &l.readOn, "recommending": &l.recommending, "references": &l.references, "relative": &l.relative, "report": &l.report,
		"role": &l.role, "said-verb": &l.saidVerb, "say": &l.say, "saying": &l.saying, "second": &l.second,
		"size": &l.size, "source": &l.source, "stance": &l.stance, "stop": &l.stop,
		"subject": &l.subject, "suffix": &l.suffix, "taken": &l.taken, "thanks": &l.thanks,
		"time-word": &l.timeWord, "titled": &l.titled, "told": &l.told, "via": &l.via, "via-skip": &l.viaSkip,
		"via-word": &l.viaWord, "weekday": &l.weekday, "when": &l.when, "with": &l.with,
	} {
		*to = l.class(name)
	}
}

// detectLanguage returns the language of a post: the declared language if there is a file for it, otherwise the
// language whose common words are most frequent.
func (lx *lexicon) detectLanguage(declared string, blocks []*block) *language {
	tag, _, _ := strings.Cut(strings.ToLower(declared), "-")
	if l := lx.langs[tag]; l != nil {
		return l
	}
	best, most := lx.langs[fallback], 0
	var words [1 << maxLanguages]int // number of words by the languages in which they are common
	seen := 0
	for _, b := range blocks {
		for i := range b.toks {
			id := b.toks[i].id
			if id == 0 {
				continue
			}
			if int(id) < len(lx.commonIn) {
				words[lx.commonIn[id]]++
			}
			if seen++; seen > 600 {
				break
			}
		}
	}
	for k, l := range lx.sorted {
		n := 0
		for in := range words[:1<<len(lx.sorted)] {
			n += words[in] * (in >> k & 1)
		}
		if n > most || n == most && l.name == fallback {
			best, most = l, n
		}
	}
	if most < 3 {
		return lx.langs[fallback]
	}
	return best
}
