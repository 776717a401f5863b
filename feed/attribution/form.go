package attribution

import "slices"

// form is a kind of credit that is more certain than its names alone. It is evidence for the verdict.
type form int

const (
	formClear         form = iota // see reading.isClear
	formStart                     // at the start of a block; see reading.addClearLines
	formExcerpt                   // see reading.isCertainExcerpt
	formLinkedArticle             // see reading.isLinkedArticle
	formCount
)

// addForm adds a form to the candidate if ok is set.
func (c *candidate) addForm(f form, ok bool) {
	if ok {
		c.forms = append(c.forms, f)
	}
}

// hasForm reports whether the candidate has the form.
func (c *candidate) hasForm(f form) bool { return slices.Contains(c.forms, f) }
