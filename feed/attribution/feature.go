package attribution

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
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
	ranges    []featureRange // by template
	// allRanges is like ranges, but all features are listed.
	allRanges []featureRange
	size      int
}

// featureRange describes the features of a template.
type featureRange struct {
	first  int // number of the first feature
	last   int // the maximum value
	unlist int // number of the feature that need not be listed, or -1
}

func newFeatureSet(templates []template) *featureSet {
	s := &featureSet{templates: templates}
	for _, t := range templates {
		r := featureRange{first: s.size, last: max(t.values, 1) - 1, unlist: -1}
		s.allRanges = append(s.allRanges, r)
		if t.every {
			r.unlist = s.size + t.usual
		}
		s.ranges = append(s.ranges, r)
		s.size += r.last + 1
	}
	return s
}

// id returns the number of a feature. A value above the template's maximum counts as the maximum.
func (s *featureSet) id(t, value int) uint16 { return uint16(s.ranges[t].id(value)) }

func (r *featureRange) id(value int) int { return r.first + min(max(value, 0), r.last) }

// featureList lists the features of the items of a sequence.
type featureList struct {
	ids    []uint16
	ends   []int // by item: the end of its features in ids
	ranges []featureRange
}

// reset removes all items, and reserves memory for n features of the set. If all is set, the features that need not be
// listed are listed too.
func (f *featureList) reset(s *featureSet, all bool, n int) {
	f.ids, f.ends, f.ranges = slices.Grow(f.ids[:0], n), f.ends[:0], s.ranges
	if all {
		f.ranges = s.allRanges
	}
}

// add adds a feature to the current item, unless it need not be listed.
func (f *featureList) add(t, value int) {
	r := &f.ranges[t]
	if id := r.id(value); id != r.unlist {
		f.ids = append(f.ids, uint16(id))
	}
}

// flag adds the only feature of a template to the current item if ok is set.
func (f *featureList) flag(t int, ok bool) {
	if ok {
		f.add(t, 0)
	}
}

// endItem ends the current item.
func (f *featureList) endItem() { f.ends = append(f.ends, len(f.ids)) }

// len returns the number of items.
func (f *featureList) len() int { return len(f.ends) }

// of returns the features of item i.
func (f *featureList) of(i int) []uint16 {
	if i == 0 {
		return f.ids[:f.ends[0]]
	}
	return f.ids[f.ends[i-1]:f.ends[i]]
}

// nearOf returns the features of item i that also affect the labels of its neighbors.
func (f *featureList) nearOf(s *featureSet, i int) []uint16 {
	var near []uint16
	for _, id := range f.of(i) {
		if s.isNear(id) {
			near = append(near, id)
		}
	}
	return near
}

// name returns the name of feature id, such as "length=3".
func (s *featureSet) name(id int) string {
	t := s.templateOf(id)
	if s.templates[t].values <= 1 {
		return s.templates[t].name
	}
	return fmt.Sprintf("%s=%d", s.templates[t].name, id-s.ranges[t].first)
}

// number returns the feature with the given name, which is that of [featureSet.name].
func (s *featureSet) number(name string) (id uint16, ok bool) {
	name, value, _ := strings.Cut(name, "=")
	t := slices.IndexFunc(s.templates, func(t template) bool { return t.name == name })
	if t < 0 {
		return 0, false
	}
	if s.templates[t].values <= 1 {
		return s.id(t, 0), value == ""
	}
	v, err := strconv.Atoi(value)
	return s.id(t, v), err == nil && v >= 0 && v <= s.ranges[t].last
}

// isNear reports whether feature id also affects the labels of the neighbors.
func (s *featureSet) isNear(id uint16) bool { return s.templates[s.templateOf(int(id))].near }

// templateOf returns the template of feature id.
func (s *featureSet) templateOf(id int) int {
	t := len(s.ranges) - 1
	for s.ranges[t].first > id {
		t--
	}
	return t
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

var allRoles = []Role{"", Commentary, Credit, Passage, Title, Caption, Posted, Noise, Footer, Uncredited, Code, ViaLine, Note}

func roleNumber(r Role) int { return slices.Index(allRoles, r) }
