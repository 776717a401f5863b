package attribution

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"feedpub/feed"
)

// position is the position of the passage relative to the clause of a rule.
type position string

const (
	positionLead     position = "lead"     // after the clause: "From the Guardian:"
	positionTail     position = "tail"     // before the clause: "…more from the Washington Post."
	positionInline   position = "inline"   // within the clause, in quotation marks: "“…,” writes Ann Reed in the Guardian."
	positionMention  position = "mention"  // the next passage without a credit: "this article in the Guardian is"
	positionSummary  position = "summary"  // none: the clause summarizes the source
	positionHeadline position = "headline" // none: the headline follows the clause: "A headline in the Guardian:"
	positionBack     position = "back"     // after the clause, from a source already named: "From the report:"
	positionLetter   position = "letter"   // after the clause, from a private person: "A reader writes:"
	positionSelf     position = "self"     // after the clause, from the blog itself: "As I wrote last year:"
	positionPosted   position = "posted"   // none: the clause states the author or date of the post itself
)

// rule is a rule in a language file: the pattern of a credit, the position of its passage, its weight, and the
// convention in the package comment that it implements.
//
// A pattern consists of words, classes of words such as %say, slots, which are in capitals, and punctuation. [x] is
// optional, and (x | y) is an alternative.
//
//	PUB    a publication's name, with its determiners and epithets
//	KNOWN  a publication in the table
//	WHO    the names of one or more people
//	PERSON one name that is certainly a person's
//	HEAD   a headline: any words
//	NAME   one to four words of any kind
//	WHEN   a date, a weekday or a time phrase
//	DATE   a date
//	CITE   a group in parentheses or brackets, read as a citation
//	QUOTE  text in quotation marks
//	*      up to fourteen words of any kind
//	**     the rest of the clause
//	WORD   any one word
//	:      a colon at the end of the clause
//	:..    a colon, dots or a dash at the end of the clause
//	.      the end of the clause
//	DASH, DOTS, 's, @, |  themselves
type rule struct {
	convention string
	position   position
	weight     float64
	pattern    string
	variants   []*variant
}

// op is the kind of an [elem].
type op uint8

const (
	opWord op = iota
	opClass
	opSlot
	opCite
	opStar
	opRest
	opAny
	opColon
	opTrail
	opStop
	opDash
	opDots
	opPoss
	opChar
)

// slot identifies the part of a credit that an element of a rule fills.
type slot uint8

const (
	slotPub slot = iota
	slotKnown
	slotWho
	slotPerson
	slotHead
	slotName
	slotWhen
	slotDate
	slotQuote
)

// elem is an element of a variant: a word, a class of words, a slot, or a punctuation mark.
type elem struct {
	op    op
	slot  slot   // opSlot
	id    int32  // opWord
	ch    rune   // opChar
	class *class // opClass
}

// variant is one expansion of a rule's pattern, with no optional parts or alternatives.
type variant struct {
	need  traits
	n     int // number of the variant within its language
	elems []elem
	words []int32 // words that a clause must contain
	rule  *rule
	colon bool // matches only clauses that end in a colon, dots or a dash
}

// maxVariants bounds the number of variants of a pattern, so that a mistake in a language file cannot exhaust memory.
const maxVariants = 512

// addRule compiles a line "CONVENTION POSITION PERCENT PATTERN".
func (lx *lexicon) addRule(l *language, line string) error {
	f := strings.SplitN(line, " ", 4)
	if len(f) != 4 {
		return fmt.Errorf("rule %q: want convention, position, percentage and pattern: %w", line, feed.ErrInvalid)
	}
	percent, err := strconv.Atoi(f[2])
	if err != nil {
		return fmt.Errorf("rule %q: percentage %q: want an integer: %w", line, f[2], feed.ErrInvalid)
	}
	r := &rule{convention: f[0], position: position(f[1]), weight: float64(percent) / 100, pattern: f[3]}
	p := patternParser{words: strings.Fields(spaceBrackets(f[3])), lx: lx, l: l}
	unfolded, err := p.sequence("")
	if err != nil {
		return fmt.Errorf("rule %q: %w", line, err)
	}
	variants := make([]variant, len(unfolded)) // adjacent in memory, because the matcher tries them in order
	for i, elems := range unfolded {
		if len(elems) == 0 {
			return fmt.Errorf("rule %q can match an empty clause: %w", line, feed.ErrInvalid)
		}
		v := &variants[i]
		v.rule, v.elems = r, elems
		v.colon = elems[len(elems)-1].op == opColon || elems[len(elems)-1].op == opTrail
		r.variants = append(r.variants, v)
	}
	l.rules = append(l.rules, r)
	return nil
}

// spaceBrackets puts spaces around the brackets of a pattern.
func spaceBrackets(pattern string) string {
	return strings.NewReplacer("[", " [ ", "]", " ] ", "(", " ( ", ")", " ) ", "|", " | ").Replace(pattern)
}

// indexRules indexes the variants of the rules. A variant is indexed by one of its words or classes: the one that
// covers the fewest of the language's common words, so that the variant is tried on few clauses. A variant without a
// word or class is tried on every short clause.
func (l *language) indexRules() {
	for _, x := range []*index{&l.credits, &l.leads, &l.postedBy} {
		x.byWord = make(map[int32][]*variant)
	}
	for _, r := range l.rules {
		for _, v := range r.variants {
			v.n = l.variants
			l.variants++
			l.addTraits(v)
			switch {
			case r.position == positionPosted:
				l.postedBy.add(v, l.stop)
			case v.colon:
				l.leads.add(v, l.stop)
			default:
				l.credits.add(v, l.stop)
			}
		}
	}
}

// addTraits computes the words and traits that a clause must have to match the variant. It gives each class of the
// variant a trait.
func (l *language) addTraits(v *variant) {
	for i := range v.elems {
		e := &v.elems[i]
		if e.op == opClass && e.class.bit < 0 {
			e.class.bit = traitClasses + l.traitCount
			l.traitCount++
		}
		v.require(e)
	}
}

// add adds a variant.
func (x *index) add(v *variant, stop *class) {
	switch trigger := v.trigger(stop); {
	case trigger == nil:
		x.bare = append(x.bare, v)
	case trigger.op == opWord:
		x.byWord[trigger.id] = append(x.byWord[trigger.id], v)
	default:
		for id := range trigger.class.words {
			x.byWord[id] = append(x.byWord[id], v)
		}
		for id := range trigger.class.phrases {
			if !trigger.class.words[id] {
				x.byWord[id] = append(x.byWord[id], v)
			}
		}
	}
}

// require adds the word or trait that a clause must have to match the element.
func (v *variant) require(e *elem) {
	switch e.op {
	case opWord:
		v.words = append(v.words, e.id)
	case opClass:
		v.need.set(e.class.bit)
	case opSlot:
		v.need.addSlot(e.slot)
	case opCite:
		v.need.set(traitGroup)
	case opDash:
		v.need.set(traitDash)
	case opDots:
		v.need.set(traitDots)
	case opPoss:
		v.need.set(traitPoss)
	case opChar:
		v.need.addMark(e.ch)
	case opStar, opRest, opAny, opColon, opTrail, opStop: // any clause may match
	}
}

// addSlot adds the trait that a clause must have for its tokens to fill slot s, if there is one.
func (t *traits) addSlot(s slot) {
	switch s {
	case slotKnown:
		t.set(traitKnown)
	case slotPub:
		t.set(traitPub)
	case slotWho, slotPerson:
		t.set(traitPerson)
	case slotQuote:
		t.set(traitQuote)
	case slotHead, slotName, slotWhen, slotDate:
	}
}

// trigger returns the element of v, a word or a class, that covers the fewest words in stop. It returns nil if v has
// neither words nor classes.
func (v *variant) trigger(stop *class) *elem {
	var best *elem
	fewest := 0
	for i := range v.elems {
		e := &v.elems[i]
		if e.op != opWord && e.op != opClass {
			continue
		}
		if n := e.commonWords(stop); best == nil || n < fewest {
			best, fewest = e, n
		}
	}
	return best
}

// commonWords returns the number of words in stop that the word or class covers.
func (e *elem) commonWords(stop *class) int {
	if e.op == opClass {
		return e.class.commonWords(stop)
	}
	if stop.words[e.id] {
		return 1
	}
	return 0
}

// patternParser expands a pattern into its variants by recursive descent.
type patternParser struct {
	words []string
	lx    *lexicon
	l     *language
}

// sequence parses up to the closing bracket, or to the end if closing is empty. It returns every variant.
func (p *patternParser) sequence(closing string) ([][]elem, error) {
	var done [][]elem
	ways := [][]elem{nil}
	for len(p.words) > 0 {
		w := p.words[0]
		p.words = p.words[1:]
		var parts [][]elem
		switch w {
		case "]", ")":
			if w != closing {
				return nil, fmt.Errorf("unmatched %q: %w", w, feed.ErrInvalid)
			}
			return append(done, ways...), nil
		case "|":
			done, ways = append(done, ways...), [][]elem{nil}
			continue
		case "[", "(":
			inner, err := p.sequence(map[string]string{"[": "]", "(": ")"}[w])
			if err != nil {
				return nil, err
			}
			parts = p.l.mergeWords(inner)
			if w == "[" {
				parts = append(parts, nil)
			}
		default:
			parts = [][]elem{{p.elem(w)}}
		}
		if len(ways)*len(parts) > maxVariants {
			return nil, fmt.Errorf("more than %d variants: %w", maxVariants, feed.ErrInvalid)
		}
		next := make([][]elem, 0, len(ways)*len(parts))
		for _, a := range ways {
			for _, b := range parts {
				next = append(next, append(slices.Clip(a), b...))
			}
		}
		ways = next
	}
	if closing != "" {
		return nil, fmt.Errorf("missing closing %q: %w", closing, feed.ErrInvalid)
	}
	return append(done, ways...), nil
}

// mergeWords replaces alternatives that consist only of words with a single class, so that they do not multiply the
// variants.
func (l *language) mergeWords(ways [][]elem) [][]elem {
	c := l.newClass()
	for _, way := range ways {
		ids := make([]int32, 0, len(way))
		for _, e := range way {
			if e.op != opWord {
				return ways
			}
			ids = append(ids, e.id)
		}
		if len(ids) == 0 {
			return ways
		}
		c.add(ids)
	}
	c.sort()
	return [][]elem{{{op: opClass, class: c}}}
}

// slots maps the names that patterns use for slots to the slots.
var slots = map[string]slot{
	"PUB": slotPub, "KNOWN": slotKnown, "WHO": slotWho, "PERSON": slotPerson, "HEAD": slotHead, "NAME": slotName,
	"WHEN": slotWhen, "DATE": slotDate, "QUOTE": slotQuote,
}

// operators maps the names of the elements of patterns that are neither words nor slots to their kinds.
var operators = map[string]op{
	"CITE": opCite, "*": opStar, "**": opRest, "WORD": opAny, ":": opColon, ":..": opTrail, ".": opStop, "DASH": opDash,
	"DOTS": opDots, "'s": opPoss,
}

// elem returns the element for a word of a pattern.
func (p *patternParser) elem(w string) elem {
	if s, ok := slots[w]; ok {
		return elem{op: opSlot, slot: s}
	}
	if o, ok := operators[w]; ok {
		return elem{op: o}
	}
	if name, ok := strings.CutPrefix(w, "%"); ok {
		return elem{op: opClass, class: p.l.class(name)}
	}
	if w == "BAR" {
		w = "|"
	}
	if r := []rune(w); len(r) == 1 && !isWordRune(r[0]) {
		return elem{op: opChar, ch: r[0]}
	}
	return elem{op: opWord, id: p.lx.id(w)}
}
