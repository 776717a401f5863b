package attribution

import (
	"slices"
	"strings"
)

// publishedName returns the name of the publication to publish with source s: the name that the post uses, but in the
// nominative and with its article. A post that says "in der Süddeutschen Zeitung", "des Spiegels" or "du Monde" names
// the Süddeutsche Zeitung, Der Spiegel and Le Monde.
func (rd *reading) publishedName(s *source) string {
	p := s.pub
	if p.known == nil || p.name == p.known.Name {
		return p.name
	}
	if nameKey(p.name) == nameKey(p.known.Name) && fold(p.name) != fold(p.known.Name) &&
		rd.dropsArticle(s) {
		return p.known.Name // the post omits the article or uses a different one
	}
	for _, n := range append([]string{p.known.Name}, p.known.Aliases...) {
		if isInflected(p.name, n) {
			return n
		}
	}
	return p.name
}

// dropsArticle reports whether the name of the publication of s has no article only because of the grammar. English
// writers often leave out "The", and a Spanish name without its article is a different name, unless the article is part
// of "del" or "al".
func (rd *reading) dropsArticle(s *source) bool {
	switch article, _, _ := strings.Cut(s.pub.known.Name, " "); article {
	case "The":
		return rd.l.name != fallback
	case "El":
		return slices.ContainsFunc(s.creditBlocks, func(k int) bool {
			text := rd.doc.blocks[k].text
			return strings.Contains(text, "del "+s.pub.name) || strings.Contains(text, "al "+s.pub.name)
		})
	default:
		return true
	}
}

// germanEndings lists the endings of German adjectives in the nominative. In the dative and the genitive they become
// "en" after an article.
var germanEndings = [...]string{"e", "er", "es"}

// isInflected reports whether written is a German dative or genitive of the name, ignoring articles: its adjectives
// end in "en", or the last word has an additional "s".
func isInflected(written, name string) bool {
	a, b := strings.Fields(nameKey(written)), strings.Fields(nameKey(name))
	if len(a) != len(b) || len(a) == 0 {
		return false
	}
	changed := false
	for i, w := range a {
		stem, oblique := strings.CutSuffix(w, "en")
		switch {
		case w == b[i]:
			continue
		case oblique && hasEnding(b[i], stem), i == len(a)-1 && w == b[i]+"s" && strings.HasPrefix(name, "Der "):
			changed = true
		default:
			return false
		}
	}
	return changed
}

// hasEnding reports whether the word is the stem with the ending of a German adjective in the nominative.
func hasEnding(word, stem string) bool {
	for _, e := range germanEndings {
		if word == stem+e {
			return true
		}
	}
	return false
}

// obliqueName returns a German name with its adjectives in the dative and genitive, as in "Frankfurter Allgemeinen
// Zeitung", or "" if it has no adjective before a noun. It also returns "" for a single word such as "Schwäbische",
// which is more often an adjective than a name.
func obliqueName(name string) string {
	words := strings.Fields(name)
	if len(words) < 2 {
		return ""
	}
	changed := false
	for i, w := range words {
		for _, e := range germanEndings {
			stem, ok := strings.CutSuffix(w, e)
			if ok && (strings.HasSuffix(stem, "sch") || germanStems[strings.ToLower(stem)]) {
				words[i], changed = stem+"en", true
				break
			}
		}
	}
	if !changed {
		return ""
	}
	return strings.Join(words, " ")
}

// recognizeInflected makes an unknown publication known if its name is the dative or genitive of a known German name:
// "Sächsischen Zeitung".
func (rd *reading) recognizeInflected(s *source) {
	if s.pub.known == nil && rd.l.nouns {
		s.pub.known = rd.r.pubs.oblique[fold(s.pub.name)]
	}
}

// germanStems lists the stems of adjectives in the names of newspapers, apart from those that end in "sch".
var germanStems = map[string]bool{
	"allgemein": true, "frei": true, "jung": true, "klein": true, "neu": true, "neuest": true,
}
