package attribution

import "slices"

// doubt is a reason why a source may not be certain. It is evidence for the verdict.
type doubt int

const (
	doubtPublication doubt = iota // the name may not be that of a publication; see reading.isPublicationCertain
	doubtUnquoted                 // see source.isUnquoted
	doubtListed                   // a bare name in a list; see reading.isListed
	doubtUnlinked                 // named in running text, without a link; see reading.isUnlinked
	doubtAmongLinks               // one of several links in a paragraph; see reading.isAmongLinks
	doubtReferral                 // the link only refers the reader to the article; see reading.isReferral
	doubtBareEntry                // a list item that only names articles; see reading.isBareEntry
	doubtCatalog                  // pages of the publication are rarely articles of its own; see isCatalog
	doubtAddress                  // the URL cannot be that of an article; see isArticlePath
	doubtPerson                   // an author is not called like a person
	doubtAuthor                   // an author is not named as the author; see reading.isNamedAsAuthor
	doubtTitle                    // the unknown name is emphasized and not linked, like the title of a book
	doubtCount
)

// doubtsAbout returns the doubts about s, in order.
func (rd *reading) doubtsAbout(s *source) []doubt {
	var list []doubt
	add := func(d doubt, ok bool) {
		if ok {
			list = append(list, d)
		}
	}
	if at := rd.creditBlock(s); at >= 0 {
		b := rd.doc.blocks[at]
		add(doubtPublication, !rd.isPublicationCertain(s, b))
		add(doubtReferral, len(b.toks) <= maxSentenceBlock && slices.ContainsFunc(b.runs, func(r run) bool {
			return r.kind == runLink && r.value == s.url && rd.isReferral(s, b, r)
		}))
		add(doubtBareEntry, len(b.toks) <= maxSentenceBlock && rd.isBareEntry(b))
		add(doubtAuthor, slices.ContainsFunc(s.authors, func(name string) bool { return !rd.isNamedAsAuthor(b, name) }))
		_, at, ok := b.findName(s.pub.name)
		add(doubtTitle, s.pub.known == nil && s.pub.name != "" && s.url == "" && ok && !at.empty() && b.isEmphasized(at))
	}
	add(doubtUnquoted, s.isUnquoted())
	add(doubtListed, rd.isListed(s))
	add(doubtUnlinked, rd.isUnlinked(s))
	add(doubtAmongLinks, rd.isAmongLinks(s))
	add(doubtCatalog, s.pub.known != nil && isCatalog(s.pub.known))
	add(doubtAddress, s.url != "" && !isArticlePath(s.url))
	add(doubtPerson, slices.ContainsFunc(s.authors, func(name string) bool { return !rd.isPersonLike(name) }))
	return list
}
