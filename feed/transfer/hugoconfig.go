package transfer

import (
	"fmt"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"
	"time"
)

// hugoConfigs returns the names of the configuration files in order of increasing precedence.
func hugoConfigs() []string {
	var names []string
	for _, dir := range []string{"", "config/_default/", "config/production/"} {
		for _, base := range []string{"config", "hugo"} {
			for _, ext := range []string{".json", ".yml", ".yaml", ".toml"} {
				names = append(names, dir+base+ext)
			}
		}
	}
	return names
}

// readHugoConfig returns the configuration with lower-case keys, and notes about files that cannot be read.
func readHugoConfig(fsys fs.FS) (config map[string]any, notes []string) {
	config = map[string]any{}
	read := func(name string, keys ...string) {
		given, err := readConfig(fsys, name)
		if err != nil {
			notes = append(notes, err.Error())
		}
		for _, key := range slices.Backward(keys) {
			given = map[string]any{key: given}
		}
		mergeConfig(config, lowerKeys(given))
	}
	for _, name := range hugoConfigs() {
		read(name)
	}
	// Each part of the configuration may be in a separate file, such as permalinks.toml, and each part of a language's
	// configuration in a file such as permalinks.fr.toml or languages.fr.toml.
	for _, dir := range []string{"config/_default", "config/production"} {
		entries, err := fs.ReadDir(fsys, dir)
		if err != nil {
			continue // there is no such folder
		}
		for _, e := range entries {
			ext := path.Ext(e.Name())
			key, lang, hasLang := strings.Cut(strings.TrimSuffix(e.Name(), ext), ".")
			switch {
			case !slices.Contains([]string{".json", ".yml", ".yaml", ".toml"}, ext) || key == "config" || key == "hugo":
			case hasLang && key == "languages":
				read(path.Join(dir, e.Name()), key, lang)
			case hasLang:
				read(path.Join(dir, e.Name()), "languages", lang, key)
			default:
				read(path.Join(dir, e.Name()), key)
			}
		}
	}
	return config, notes
}

// lowerKeys returns a copy of m whose keys are in lower case, since Hugo ignores the case of keys.
func lowerKeys(m map[string]any) map[string]any {
	lower := make(map[string]any, len(m))
	for _, key := range slices.Sorted(maps.Keys(m)) {
		value := m[key]
		if inner, ok := value.(map[string]any); ok {
			value = lowerKeys(inner)
		}
		lower[strings.ToLower(key)] = value
	}
	return lower
}

// mergeConfig adds the values of from to config. Objects are merged.
func mergeConfig(config, from map[string]any) {
	for key, value := range from {
		inner, isMap := value.(map[string]any)
		before, wasMap := config[key].(map[string]any)
		if isMap && wasMap {
			mergeConfig(before, inner)
			continue
		}
		config[key] = value
	}
}

// hugoLanguage is the configuration of a language.
type hugoLanguage struct {
	site       string // URL of the site without a trailing slash
	prefix     string // beginning of the paths of pages without a "url", such as "/fr"; may be empty
	permalinks map[string]string
	loc        *time.Location // time zone of dates without an offset
	disabled   bool
}

// hugoMount is a folder with content.
type hugoMount struct {
	source string // path of the folder in the posts folder, or "."
	target string // path of its pages in the site's content, or "."
	lang   string // language of files that have none in their names; "" means the default language
}

// configure applies a configuration whose keys are in lower case, and returns notes.
func (h *hugo) configure(config map[string]any, o Options) (notes []string) {
	base, note := siteURL(stringAt(config, "baseurl"))
	if note != "" {
		notes = append(notes, note)
	}
	h.site = first(strings.TrimRight(o.BaseURL, "/"), base)
	languages := h.setLanguages(config, o)
	notes = append(notes, h.mount(config, languages)...)
	switch ugly := config["uglyurls"].(type) {
	case bool:
		h.ugly = func(string) bool { return ugly }
	case map[string]any:
		h.ugly = func(section string) bool { return ugly[section] == true }
	}
	h.keepCase = config["disablepathtolower"] == true
	h.noAccents = config["removepathaccents"] == true
	h.dateKeys = hugoDateKeys(config)
	h.cascade = newCascade(config["cascade"])
	return notes
}

// setLanguages sets the languages of the site, and returns their configurations.
func (h *hugo) setLanguages(config map[string]any, o Options) (languages map[string]any) {
	h.defaultLang = strings.ToLower(first(stringAt(config, "defaultcontentlanguage"), "en"))
	languages, _ = config["languages"].(map[string]any)
	if len(languages) == 0 {
		languages = map[string]any{h.defaultLang: map[string]any{}}
	}
	if _, ok := languages[h.defaultLang]; !ok && len(languages) == 1 {
		for lang := range languages {
			h.defaultLang = lang
		}
	}
	enabled := 0
	for _, lang := range slices.Sorted(maps.Keys(languages)) {
		own, _ := languages[lang].(map[string]any)
		l := h.newLanguage(config, own, o)
		l.disabled = own["disabled"] == true || slices.Contains(stringList(config["disablelanguages"]), any(lang))
		if h.langs[lang] = l; !l.disabled {
			enabled++
		}
	}
	if h.langs[h.defaultLang] == nil {
		h.langs[h.defaultLang] = h.newLanguage(config, nil, o)
	}
	for lang, l := range h.langs {
		inSubdir := lang != h.defaultLang || config["defaultcontentlanguageinsubdir"] == true
		if inSubdir && (enabled > 1 || lang == h.defaultLang) && l.site == h.site {
			l.prefix = "/" + lang
		}
	}
	h.multilingual = enabled > 1
	return languages
}

// newLanguage returns the language with the given language-specific configuration.
func (h *hugo) newLanguage(config, own map[string]any, o Options) *hugoLanguage {
	l := &hugoLanguage{site: h.site, permalinks: map[string]string{}, loc: o.location()}
	if base, _ := siteURL(stringAt(own, "baseurl")); base != "" && o.BaseURL == "" {
		l.site = base
	}
	if loc, err := time.LoadLocation(first(stringAt(own, "timezone"), stringAt(config, "timezone"))); err == nil && loc != time.UTC {
		l.loc = loc
	}
	for _, from := range []map[string]any{config, own} {
		patterns, _ := from["permalinks"].(map[string]any)
		pages, _ := patterns["page"].(map[string]any) // since Hugo 0.115, patterns are grouped by page kind
		for _, bySection := range []map[string]any{patterns, pages} {
			for section, value := range bySection {
				if pattern, ok := value.(string); ok {
					l.permalinks[section] = pattern
				}
			}
		}
	}
	return l
}

// mount sets the content folders and the posts folder, and returns notes. The posts folder is "content" if it contains
// all content folders, otherwise the only content folder, or the site's folder if there are several.
func (h *hugo) mount(config, languages map[string]any) (notes []string) {
	h.mounts = moduleMounts(config)
	if len(h.mounts) == 0 {
		shared := false
		for _, lang := range slices.Sorted(maps.Keys(languages)) {
			own, _ := languages[lang].(map[string]any)
			if dir := stringAt(own, "contentdir"); dir != "" {
				h.mounts = append(h.mounts, hugoMount{source: dir, target: ".", lang: lang})
			} else {
				shared = true
			}
		}
		if shared {
			dir := first(stringAt(config, "contentdir"), "content")
			h.mounts = append(h.mounts, hugoMount{source: dir, target: "."})
		}
	}
	kept := h.mounts[:0]
	for _, m := range h.mounts {
		source := cleanFolder(m.source)
		if source == "" && path.Clean(m.source) != "." {
			notes = append(notes, fmt.Sprintf("the content folder %q is outside the site and is not read", shorten(m.source)))
			continue
		}
		m.source = first(source, ".")
		kept = append(kept, m)
	}
	h.mounts = kept
	sources := map[string]bool{}
	inContent := true
	for _, m := range h.mounts {
		sources[m.source] = true
		inContent = inContent && (m.source == "content" || strings.HasPrefix(m.source, "content/"))
	}
	switch {
	case inContent:
		h.root = "content"
	case len(sources) == 1:
		h.root = h.mounts[0].source
	default:
		h.root = "."
	}
	for i, m := range h.mounts {
		if m.source = strings.TrimPrefix(strings.TrimPrefix(m.source, h.root), "/"); m.source == "" {
			m.source = "."
		}
		h.mounts[i] = m
	}
	return notes
}

// moduleMounts returns the content mounts in a configuration.
func moduleMounts(config map[string]any) (mounts []hugoMount) {
	module, _ := config["module"].(map[string]any)
	list, _ := module["mounts"].([]any)
	for _, v := range list {
		given, _ := v.(map[string]any)
		given = lowerKeys(given)
		target := path.Clean(stringAt(given, "target"))
		if target != "content" && !strings.HasPrefix(target, "content/") {
			continue
		}
		target = first(strings.TrimPrefix(strings.TrimPrefix(target, "content"), "/"), ".")
		mounts = append(mounts, hugoMount{source: stringAt(given, "source"), target: target, lang: stringAt(given, "lang")})
	}
	return mounts
}

// hugoDateKeys returns the front matter keys that may contain the date of a page, in order of preference.
func hugoDateKeys(config map[string]any) []string {
	front, _ := config["frontmatter"].(map[string]any)
	given := stringList(front["date"])
	if len(given) == 0 {
		given = []any{":default"}
	}
	var keys []string
	for _, key := range given {
		if key = strings.ToLower(fmt.Sprint(key)); key == ":default" {
			keys = append(keys, "date", "publishdate", "pubdate", "published", "lastmod", "modified")
			continue
		}
		keys = append(keys, fmt.Sprint(key))
	}
	return keys
}
