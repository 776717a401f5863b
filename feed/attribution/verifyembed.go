package attribution

import (
	"slices"
	"strings"
)

// This file checks embedded social media posts: one that the text neither introduces nor names may be the author's own.

// verifyEmbed completes the date of an embedded social media post, and reports whether it can be published.
func (rd *reading) verifyEmbed(s *source) bool {
	rd.readForeignDate(s)
	account := accountOf(s.url)
	if strings.HasSuffix(account, botSuffix) && rd.isPersonalPost() {
		return false // probably the author's own program
	}
	if account == "" || account != rd.unnamedAccount() || len(s.passageBlocks)+len(s.creditBlocks) == 0 {
		return true
	}
	i := rd.previousBlock(slices.Min(slices.Concat(s.passageBlocks, s.creditBlocks)))
	if i < 0 {
		return false
	}
	toks := rd.doc.blocks[i].toks
	return len(toks) > 0 && (announces(toks[len(toks)-1]) || isMark(toks, len(toks)-1, ':'))
}

// readForeignDate reads the date in the signature of an embedded post in the languages other than the post's own: the
// reader's browser may have chosen its language.
func (rd *reading) readForeignDate(s *source) {
	for _, k := range s.creditBlocks {
		b := rd.doc.blocks[k]
		for i := signatureDash(b.toks) + 1; i > 0 && i < len(b.toks) && s.date.month == 0; i++ {
			for _, l := range rd.r.lx.sorted {
				if end, d := l.date(b.text, b.toks, i); end > 0 && d.year > 0 {
					s.date = d
					break
				}
			}
		}
	}
}

// accountOf returns the host and the account of the social media post with the URL u, or "" if u has no path.
func accountOf(u string) string {
	_, rest, _ := strings.Cut(u, "://")
	host, path, _ := strings.Cut(rest, "/")
	account, _, ok := strings.Cut(path, "/")
	if !ok || account == "" {
		return ""
	}
	return strings.ToLower(host + "/" + account)
}

// unnamedAccount returns the only account whose posts are embedded if the author's own text is in the first person and
// contains neither the account nor a word of its name. Otherwise it returns "".
func (rd *reading) unnamedAccount() string {
	if rd.unnamed == nil {
		account := rd.findUnnamedAccount()
		rd.unnamed = &account
	}
	return *rd.unnamed
}

func (rd *reading) findUnnamedAccount() string {
	account, names := "", []string(nil)
	for _, s := range rd.sources {
		if s.kind != Tweet {
			continue
		}
		if a := accountOf(s.url); account != "" && a != account {
			return ""
		} else if account == "" && a != "" {
			account = a
			names = nameWordsOf(s, a)
		}
	}
	for _, b := range rd.doc.blocks {
		if b.quotation != nil {
			continue
		}
		text := strings.ToLower(b.text)
		if slices.ContainsFunc(names, func(n string) bool { return strings.Contains(text, n) }) {
			return ""
		}
	}
	if !rd.isPersonalPost() {
		return ""
	}
	return account
}

// isPersonalPost reports whether the author's own text is in the first person.
func (rd *reading) isPersonalPost() bool {
	return slices.ContainsFunc(rd.doc.blocks, func(b *block) bool {
		return b.quotation == nil && slices.ContainsFunc(b.toks, rd.isFirstPerson)
	})
}

// nameWordsOf returns the account, without its host, and the words of the name of s that identify it, in lower case.
func nameWordsOf(s *source, account string) []string {
	const least = 4 // bytes
	names := []string{strings.Trim(account[strings.IndexByte(account, '/')+1:], "@_")}
	for _, a := range s.authors {
		for w := range strings.FieldsSeq(strings.ToLower(a)) {
			if len(w) >= least {
				names = append(names, w)
			}
		}
	}
	return names
}
