package transfer

import (
	"fmt"
	"io/fs"
	"maps"
	"path"
	"regexp"
	"slices"
	"strings"

	"feedpub/feed"
)

// cascadeRule is front matter that a section, or the configuration of a Hugo site, defines for the pages below it.
type cascadeRule struct {
	values map[string]any // with lower-case keys
	// Patterns for the pages that the rule applies to; nil matches all.
	path, kind, lang, environment *regexp.Regexp
}

// newCascade returns the rules in the value of a "cascade" key: an object or a list of objects.
func newCascade(value any) (rules []cascadeRule) {
	list, ok := value.([]any)
	if !ok {
		list = []any{value}
	}
	for _, v := range list {
		given, ok := v.(map[string]any)
		if !ok {
			continue
		}
		r := cascadeRule{values: map[string]any{}}
		for key, value := range given {
			switch lower := strings.ToLower(key); lower {
			case "target", "_target":
				target, _ := value.(map[string]any)
				target = lowerKeys(target)
				r.path, r.kind = hugoGlob(target, "path"), hugoGlob(target, "kind")
				r.lang, r.environment = hugoGlob(target, "lang"), hugoGlob(target, "environment")
			default:
				r.values[lower] = value
			}
		}
		rules = append(rules, r)
	}
	return rules
}

// hugoGlob compiles a pattern such as "{/blog/**,/news/*}". It returns nil for an empty pattern.
func hugoGlob(target map[string]any, key string) *regexp.Regexp {
	pattern := strings.ToLower(stringAt(target, key))
	if pattern == "" {
		return nil
	}
	quoted := strings.NewReplacer(`\*\*`, ".*", `\*`, "[^/]*", `\?`, "[^/]", `\{`, "(?:", `\}`, ")", ",", "|").
		Replace(regexp.QuoteMeta(pattern))
	re, err := regexp.Compile("^(?:" + quoted + ")$")
	if err != nil {
		return nil // match all pages, since the rule could make pages private
	}
	return re
}

func (r cascadeRule) applies(p hugoPage) bool {
	matches := func(re *regexp.Regexp, s string) bool { return re == nil || re.MatchString(s) }
	return matches(r.path, "/"+strings.ToLower(path.Join(p.dir, p.base))) && matches(r.kind, "page") &&
		matches(r.lang, p.lang) && matches(r.environment, "production")
}

// addCascade adds the front matter that a page inherits. The page's own values take precedence over inherited ones, and
// those of a section over those of the sections above it. It returns an error of kind [feed.ErrInvalid] if a section
// cannot be read, since its pages could be drafts.
func (h *hugo) addCascade(p hugoPage, front map[string]any) error {
	own := map[string]bool{}
	for key := range front {
		own[strings.ToLower(key)] = true
	}
	add := func(rules []cascadeRule) {
		for _, r := range rules {
			if !r.applies(p) {
				continue
			}
			for _, key := range slices.Sorted(maps.Keys(r.values)) {
				if !own[key] {
					front[key], own[key] = r.values[key], true
				}
			}
		}
	}
	for dir := p.folder; ; dir = path.Dir(dir) {
		rules, err := h.sectionCascade(dir, p)
		if err != nil {
			return err
		}
		add(rules)
		if dir == p.mount.source || dir == "." {
			break
		}
	}
	add(h.cascade)
	return nil
}

// sectionCascade returns the rules in the front matter of the section in a folder.
func (h *hugo) sectionCascade(dir string, p hugoPage) ([]cascadeRule, error) {
	key := dir + "\n" + p.lang
	if found, ok := h.sectionRules[key]; ok {
		return found.rules, found.err
	}
	names := []string{"_index." + p.lang}
	if p.lang == first(p.mount.lang, h.defaultLang) {
		names = append(names, "_index")
	}
	var found cascadeResult
	for _, base := range names {
		for _, ext := range []string{".md", ".markdown", ".html", ".htm"} {
			name := path.Join(dir, base+ext)
			if _, err := fs.Stat(h.fsys, name); err != nil || found.rules != nil {
				continue
			}
			front, ok := frontOf(h.fsys, name)
			if !ok {
				found.err = fmt.Errorf("the section page %s cannot be read, and could make posts of the section private: %w",
					name, feed.ErrInvalid)
			}
			for key, value := range front {
				if strings.EqualFold(key, "cascade") {
					found.rules = append(found.rules, newCascade(value)...)
				}
			}
		}
	}
	h.sectionRules[key] = found
	return found.rules, found.err
}

// cascadeResult is a result of sectionCascade.
type cascadeResult struct {
	rules []cascadeRule
	err   error
}
