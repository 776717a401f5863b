package store

import (
	"context"
	"slices"
	"strings"
	"time"
	"unicode"
)

const (
	// maxElsewhere is the maximum number of keys that Elsewhere returns.
	maxElsewhere = 5
	// elsewhereTimeout limits how long Elsewhere scans the server's keys.
	elsewhereTimeout = 2 * time.Second
)

// Elsewhere returns up to five keys under which a post may have been stored by mistake: with a wrong prefix or site, or
// with an id that differs in case. It scans the server's keys for up to two seconds, and returns what it has found by
// then; in a Cluster, it scans only the master of the site's slot.
func (s *Site) Elsewhere(ctx context.Context, id string) ([]string, error) {
	if err := checkID(id); err != nil {
		return nil, s.client.wrap("elsewhere", err)
	}
	m, err := s.master(ctx, s.client.build)
	if err != nil {
		return nil, s.client.wrap("elsewhere", err)
	}
	ctx, cancel := context.WithTimeout(ctx, elsewhereTimeout)
	defer cancel()
	var found []string
	for keys, err := range scanKeys(ctx, m, "*"+foldedPattern(id)) {
		if err != nil {
			if ctx.Err() != nil {
				break // the time limit has been reached
			}
			return found, s.client.wrap("elsewhere", err)
		}
		for _, key := range keys {
			if s.isElsewhere(key, id) && !slices.Contains(found, key) {
				found = append(found, key)
			}
		}
		if len(found) >= maxElsewhere {
			break
		}
	}
	slices.Sort(found)
	return found[:min(len(found), maxElsewhere)], nil
}

// isElsewhere reports whether a key that ends with the id, in upper or lower case, may be the key of a post. It returns
// false for a key that begins with feedpub's prefix but does not name a post, since such keys contain other data.
func (s *Site) isElsewhere(key, id string) bool {
	rest := key[:len(key)-len(id)]
	if rest != "" && !strings.HasSuffix(rest, ":") && !strings.HasSuffix(rest, "/") {
		return false
	}
	if strings.HasPrefix(key, "feedpub:{") {
		return strings.HasSuffix(rest, "}:post:") && key != s.keys.post(id)
	}
	return true
}

// foldedPattern returns a pattern that matches s, with ASCII letters in any case.
func foldedPattern(s string) string {
	var b strings.Builder
	for _, r := range s {
		switch {
		case r < unicode.MaxASCII && unicode.IsLetter(r):
			b.WriteString("[" + string(unicode.ToLower(r)) + string(unicode.ToUpper(r)) + "]")
		case strings.ContainsRune(`*?[]^\-`, r):
			b.WriteString(`\` + string(r))
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}
