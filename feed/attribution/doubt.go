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
	doubtPerson                   // an author's name is not like a person's
	doubtAuthor                   // an author is not named as the author; see reading.isNamedAsAuthor
	doubtTitle                    // the unknown name is emphasized and not linked, like the title of a book
	doubtPlace                    // the credit may not be that of the passage; see reading.isCreditOfPassage
	doubtLink                     // the passage may be from another link; see takeLinkOfLead and isLinkOfSentence
	doubtNamed                    // see reading.isOnlyNamed
	doubtMentioned                // see reading.isOnlyMentioned
	doubtReference                // an entry of a bibliography; see reading.isReference
	doubtFragment                 // the name may be only a part of a name; see reading.isPartialName
	doubtOwn                      // a picture, the author's own words, or where else the post was published: vetoed
	doubtNames                    // there is no name: vetoed
	doubtCount
)

// doubts is a set of doubts.
type doubts uint32

// vetoes holds the doubts about sources that are only suggested, whatever the verdict.
const vetoes = doubts(1<<doubtOwn | 1<<doubtNames)

// add adds the doubt if ok is set.
func (d *doubts) add(x doubt, ok bool) {
	if ok {
		*d |= 1 << x
	}
}

// has reports whether the set contains the doubt.
func (d doubts) has(x doubt) bool { return d&(1<<x) != 0 }

// doubtsAbout returns the doubts about s, as it would be published.
func (rd *reading) doubtsAbout(s *source) doubts {
	var d doubts
	if at := rd.creditBlock(s); at >= 0 {
		b := rd.doc.blocks[at]
		d.add(doubtPublication, !rd.isPublicationCertain(s, b))
		d.add(doubtReferral, len(b.toks) <= maxSentenceBlock && slices.ContainsFunc(b.runs, func(r run) bool {
			return r.kind == runLink && r.value == s.url && rd.isReferral(s, b, r)
		}))
		d.add(doubtBareEntry, len(b.toks) <= maxSentenceBlock && rd.isBareEntry(b))
		d.add(doubtAuthor, slices.ContainsFunc(s.authors, func(name string) bool { return !rd.isNamedAsAuthor(b, name) }))
		_, name, ok := b.findName(s.pub.name)
		d.add(doubtTitle, s.pub.known == nil && s.pub.name != "" && s.url == "" && ok && !name.empty() && b.isEmphasized(name))
	}
	d.add(doubtUnquoted, s.isUnquoted())
	d.add(doubtListed, rd.isListed(s))
	d.add(doubtUnlinked, rd.isUnlinked(s))
	d.add(doubtAmongLinks, rd.isAmongLinks(s))
	d.add(doubtCatalog, s.pub.known != nil && isCatalog(s.pub.known))
	d.add(doubtAddress, s.url != "" && !isArticlePath(s.url))
	d.add(doubtPerson, slices.ContainsFunc(s.authors, func(name string) bool { return !rd.isPersonLike(name) }))
	return d
}
