package config

import (
	"cmp"
	"encoding"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
)

// decoder fills a Config from its sources. It walks the syntax tree itself, because YAML decoders stop at the first
// error.
type decoder struct {
	// at is the path of the section that the decoder reads, or empty for the whole configuration.
	at       string
	problems []Problem
	origins  map[string]origin // where each value was last set, by path relative to at
	sites    foundSites
}

// origin is where a value is set.
type origin struct {
	at    string // "file.yml:3:5", "FEEDPUB_LISTEN" or "--listen"
	layer int    // higher layers take precedence
	key   string // path of the key in at; empty if at contains no key
}

// source is text that values are read from.
type source struct {
	origin
	dir string // the base of relative paths
	// If lines is set, at is a file name, and place appends the line and column to it.
	lines bool
}

func (d *decoder) report(o origin, path, message string) {
	path = join(d.at, path)
	if o.key == path {
		path = ""
	}
	d.problems = append(d.problems, Problem{Origin: o.at, Path: path, Message: message})
}

// place returns the origin of a node.
func (s source) place(n ast.Node) origin {
	o := s.origin
	if pos := n.GetToken().Position; s.lines && pos != nil {
		o.at = fmt.Sprintf("%s:%d:%d", s.at, pos.Line, pos.Column)
	}
	return o
}

// yaml reads text, a YAML document at path, into v.
func (d *decoder) yaml(s source, path, text string, v reflect.Value) {
	file, err := parser.ParseBytes([]byte(text), 0, parser.AllowDuplicateMapKey())
	if err != nil {
		o := s.origin
		message := err.Error()
		if se := new(yaml.SyntaxError); errors.As(err, &se) {
			// Use the message only: the Error method returns several lines.
			message = se.Message
			if pos := se.Token.Position; s.lines && pos != nil {
				o.at = fmt.Sprintf("%s:%d:%d", s.at, pos.Line, pos.Column)
			}
		}
		d.report(o, path, message)
		return
	}
	var bodies []ast.Node
	for _, doc := range file.Docs {
		if doc.Body != nil {
			bodies = append(bodies, doc.Body)
		}
	}
	if len(bodies) > 1 {
		d.report(s.place(bodies[1]), path, "want one document, got a second one")
	}
	if len(bodies) > 0 {
		d.node(s, path, bodies[0], v)
	}
}

// node reads the value n at path into v. A null value changes nothing, because a section is null if all of its keys are
// commented out.
func (d *decoder) node(s source, path string, n ast.Node, v reflect.Value) {
	switch n := n.(type) {
	case *ast.NullNode:
		return
	case *ast.AnchorNode, *ast.AliasNode, *ast.TagNode, *ast.MergeKeyNode:
		d.report(s.place(n), path, "anchors, aliases and tags are not supported: write the value out")
		return
	}
	d.origins[path] = s.place(n)
	if isLeaf(v.Type()) {
		d.scalar(s, path, n, v)
		return
	}
	if v.Type() == sitesType {
		d.sites = foundSites{source: s, node: n}
		return
	}
	switch k := v.Kind(); {
	case k == reflect.Struct:
		d.structure(s, path, n, v)
	case k == reflect.Map:
		d.mapping(s, path, n, v)
	default:
		d.sequence(s, path, n, v)
	}
}

// pairs calls f with the keys and values of the mapping n. It reports duplicate keys, and n if it is not a mapping.
func (d *decoder) pairs(s source, path string, n ast.Node, f func(key string, keyNode, value ast.Node)) {
	m, ok := n.(ast.MapNode)
	if !ok {
		d.report(s.place(n), path, "want keys and values, got "+describe(n))
		return
	}
	first := make(map[string]bool)
	for it := m.MapRange(); it.Next(); {
		key := it.Key().GetToken().Value
		if k, ok := it.Key().(*ast.MappingKeyNode); ok {
			key = k.Value.GetToken().Value
		}
		if first[key] {
			d.report(s.place(it.Key()), join(path, key), "duplicate key")
			continue
		}
		first[key] = true
		f(key, it.Key(), it.Value())
	}
}

func (d *decoder) structure(s source, path string, n ast.Node, v reflect.Value) {
	fields := make(map[string]reflect.Value)
	var names []string
	for name, field := range keysOf(v) {
		fields[name] = field
		names = append(names, name)
	}
	d.pairs(s, path, n, func(key string, keyNode, value ast.Node) {
		field, ok := fields[key]
		if !ok {
			d.report(s.place(keyNode), join(path, key), "unknown key"+suggestion(key, names))
			return
		}
		d.node(s, join(path, key), value, field)
	})
}

func (d *decoder) mapping(s source, path string, n ast.Node, v reflect.Value) {
	// A map or list replaces the one from a lower layer: if they were merged, no entry could be removed.
	v.Set(reflect.MakeMap(v.Type()))
	d.pairs(s, path, n, func(key string, _, value ast.Node) {
		elem := reflect.New(v.Type().Elem()).Elem()
		d.node(s, join(path, key), value, elem)
		v.SetMapIndex(reflect.ValueOf(key).Convert(v.Type().Key()), elem)
	})
}

func (d *decoder) sequence(s source, path string, n ast.Node, v reflect.Value) {
	seq, ok := n.(*ast.SequenceNode)
	if !ok {
		d.report(s.place(n), path, "want a list, got "+describe(n))
		return
	}
	v.Set(reflect.MakeSlice(v.Type(), len(seq.Values), len(seq.Values)))
	for i, value := range seq.Values {
		d.node(s, fmt.Sprintf("%s[%d]", path, i), value, v.Index(i))
	}
}

func (d *decoder) scalar(s source, path string, n ast.Node, v reflect.Value) {
	var text string
	switch n := n.(type) {
	case *ast.StringNode:
		text = n.Value
		// A quoted number or boolean is a string. Other values may be quoted.
		if k := v.Kind(); v.Type() != durationType && !isText(v.Type()) && k != reflect.String {
			d.report(s.place(n), path, fmt.Sprintf("want %s, got the string %q", wanted(v.Type()), text))
			return
		}
	case *ast.LiteralNode:
		text = n.Value.Value
	case *ast.MappingNode, *ast.MappingValueNode, *ast.SequenceNode:
		d.report(s.place(n), path, fmt.Sprintf("want %s, got %s", wanted(v.Type()), describe(n)))
		return
	default:
		// Use the source text of numbers, booleans and dates, so that a title may be 2024.
		text = n.GetToken().Value
	}
	d.text(s, s.place(n), path, text, v)
}

// text sets the leaf v to the value of text.
func (d *decoder) text(s source, o origin, path, text string, v reflect.Value) {
	d.origins[path] = o
	if strings.ContainsFunc(text, unpublishable) || !utf8.ValidString(text) {
		d.report(o, path, fmt.Sprintf("want UTF-8 without control characters, got %q", text))
	}
	if err := setLeaf(v, text); err != nil {
		d.report(o, path, err.Error())
		return
	}
	if p, ok := reflect.TypeAssert[*Path](v.Addr()); ok {
		p.resolve(s.dir)
	}
	if f, ok := reflect.TypeAssert[*StyleFile](v.Addr()); ok && f.Path != "" {
		f.Path.resolve(s.dir)
		if err := f.read(); err != nil {
			d.report(o, path, err.Error())
		}
	}
}

// unpublishable reports whether a document cannot contain a character: XML 1.0 permits no control characters except
// tabs and line ends.
func unpublishable(r rune) bool {
	return unicode.IsControl(r) && r != '\t' && r != '\n' && r != '\r' || r == '\uFFFE' || r == '\uFFFF'
}

var (
	durationType = reflect.TypeFor[time.Duration]()
	levelType    = reflect.TypeFor[slog.Level]()
)

func isText(t reflect.Type) bool {
	return reflect.PointerTo(t).Implements(reflect.TypeFor[encoding.TextUnmarshaler]())
}

// isLeaf reports whether a value of type t is written as a single scalar.
func isLeaf(t reflect.Type) bool {
	return isText(t) || !slices.Contains([]reflect.Kind{reflect.Struct, reflect.Map, reflect.Slice}, t.Kind())
}

// setLeaf sets v to the value of text. Errors have the form "want X, got Y".
func setLeaf(v reflect.Value, text string) error {
	wrong := func() error { return fmt.Errorf("want %s, got %q", wanted(v.Type()), text) }
	if t, ok := reflect.TypeAssert[encoding.TextUnmarshaler](v.Addr()); ok {
		if err := t.UnmarshalText([]byte(text)); err != nil {
			if v.Type() == levelType {
				return wrong()
			}
			return err
		}
		return nil
	}
	if v.Type() == durationType {
		x, err := time.ParseDuration(text)
		if err != nil {
			return wrong()
		}
		v.SetInt(int64(x))
		return nil
	}
	switch k := v.Kind(); {
	case k == reflect.Bool:
		if text != "true" && text != "false" {
			return wrong()
		}
		v.SetBool(text == "true")
	case k == reflect.Int:
		x, err := strconv.Atoi(text)
		if err != nil {
			return wrong()
		}
		v.SetInt(int64(x))
	case k == reflect.Float64:
		x, err := strconv.ParseFloat(text, 64)
		if err != nil || math.IsNaN(x) || math.IsInf(x, 0) {
			return wrong()
		}
		v.SetFloat(x)
	default:
		v.SetString(text)
	}
	return nil
}

// wanted describes the values of type t for an error message.
func wanted(t reflect.Type) string {
	switch {
	case t == durationType:
		return "a duration such as 15m"
	case t == levelType:
		return "debug, info, warn or error"
	case isText(t):
		return "a string"
	}
	switch k := t.Kind(); {
	case k == reflect.Bool:
		return "true or false"
	case k == reflect.Int:
		return "a whole number"
	case k == reflect.Float64:
		return "a number"
	default:
		return "a string"
	}
}

// describe describes n for an error message.
func describe(n ast.Node) string {
	switch n := n.(type) {
	case *ast.MappingNode, *ast.MappingValueNode:
		return "keys and values"
	case *ast.SequenceNode:
		return "a list"
	case *ast.LiteralNode:
		return "a string"
	default:
		return strconv.Quote(n.GetToken().Value)
	}
}

func join(path, key string) string {
	switch {
	case path == "":
		return key
	case key == "":
		return path
	}
	return path + "." + key
}

// suggestion returns ", did you mean NAME?" with the name that is most similar to key, or "" if none is similar.
func suggestion(key string, names []string) string {
	best := slices.MinFunc(names, func(a, b string) int { return cmp.Compare(distance(key, a), distance(key, b)) })
	// Allow up to half of the name to differ, because swapping two letters counts as two changes.
	if distance(key, best) > len(best)/2 {
		return ""
	}
	return fmt.Sprintf(", did you mean %s?", best)
}

// distance returns the number of bytes to insert, remove or replace to turn a into b.
func distance(a, b string) int {
	a, b = strings.ToLower(a), strings.ToLower(b)
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			replace := diagonal
			if a[i] != b[j] {
				replace++
			}
			diagonal = row[j+1]
			row[j+1] = min(replace, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
