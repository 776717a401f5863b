package attribution

import (
	"fmt"
	"slices"
)

// template describes a kind of feature. A feature is a template together with one of its values.
type template struct {
	name   string
	values int
	near   bool // the feature also affects the labels of the neighboring units or tokens
	// every is set if every item of a sequence has exactly one feature of this kind. The feature with the value usual need
	// not be listed, because a [decoder] adds its weights in advance.
	every bool
	usual int
}

// featureSet numbers the features of a list of templates.
type featureSet struct {
	templates []template
	offsets   []int // by template: number of its first feature
	last      []int // by template: its maximum value
	usual     []int // by template: number of the feature that need not be listed, or -1
	size      int
}

func newFeatureSet(templates []template) *featureSet {
	s := &featureSet{templates: templates}
	for _, t := range templates {
		s.offsets = append(s.offsets, s.size)
		s.last = append(s.last, max(t.values, 1)-1)
		usual := -1
		if t.every {
			usual = s.size + t.usual
		}
		s.usual = append(s.usual, usual)
		s.size += max(t.values, 1)
	}
	return s
}

// id returns the number of a feature. A value above the template's maximum counts as the maximum.
func (s *featureSet) id(t, value int) uint16 {
	return uint16(s.offsets[t] + min(max(value, 0), s.last[t]))
}

// appendListed appends the number of a feature to ids, unless it need not be listed and all is not set.
func (s *featureSet) appendListed(ids []uint16, t, value int, all bool) []uint16 {
	id := s.id(t, value)
	if int(id) == s.usual[t] && !all {
		return ids
	}
	return append(ids, id)
}

// name returns the name of feature id, such as "length=3".
func (s *featureSet) name(id int) string {
	t := 0
	for t+1 < len(s.offsets) && s.offsets[t+1] <= id {
		t++
	}
	if s.templates[t].values <= 1 {
		return s.templates[t].name
	}
	return fmt.Sprintf("%s=%d", s.templates[t].name, id-s.offsets[t])
}

// isNear reports whether feature id also affects the labels of the neighbors.
func (s *featureSet) isNear(id uint16) bool {
	t := len(s.offsets) - 1
	for s.offsets[t] > int(id) {
		t--
	}
	return s.templates[t].near
}

// bucket returns the index of the first bound that is at least n, or len(bounds).
func bucket(n int, bounds ...int) int {
	for i, b := range bounds {
		if n <= b {
			return i
		}
	}
	return len(bounds)
}

// evidenceClasses lists the word classes that are features, numbered by index.
var evidenceClasses = []string{
	"say", "from", "via", "piece", "first", "second", "plural", "opener", "stance", "present", "past", "said-verb",
	"report", "source", "more", "label", "told", "role", "by", "weekday", "given", "at", "in", "and", "det", "honorific",
	"pub-word", "place", "when", "taken", "quotes", "writing", "self-ref", "friend", "pointing", "note", "carried", "stop",
	"connector", "particle", "not-name", "epithet", "period", "entire", "reported", "joiner", "corporate", "time-word", "list-name",
}

// classBits returns the traits of the evidence classes, by number, or -1 for a class that the language lacks.
func (l *language) classBits() []int {
	bits := make([]int, len(evidenceClasses))
	for i, name := range evidenceClasses {
		bits[i] = -1
		if c := l.classes[name]; c != nil {
			bits[i] = c.bit
		}
	}
	return bits
}

// has reports whether t contains the trait.
func (t *traits) has(bit int) bool {
	return bit >= 0 && bit < len(t)*64 && t[bit/64]>>(bit%64)&1 != 0
}

var allRoles = []Role{"", Commentary, Credit, Passage, Title, Caption, Posted, Noise, Footer, Uncredited, Code, ViaLine, Note}

func roleNumber(r Role) int { return slices.Index(allRoles, r) }
