package attribution

import (
	"slices"
	"strings"
)

// bindReblog reads quotation q, which begins at block first, as a level of a reblog chain: a link "name:" followed by a
// blockquote. It reports whether q is such a level. The confidence is low, since the chain names blogs rather than the
// author of the quoted text.
func (rd *reading) bindReblog(q *quotation, first int) bool {
	i := rd.previousBlock(first)
	if i < 0 {
		return false
	}
	b := rd.doc.blocks[i]
	for _, r := range b.runs {
		if r.kind != runLink || !hasClass(r.class, "tumblr_blog") {
			continue
		}
		rd.setRole(b, Credit)
		s := &source{kind: Reblog, convention: "15", weight: 0.3, firstBlock: first, creditBlocks: []int{i}, marked: true}
		s.pub = publisher{name: b.text[r.start:r.end]}
		s.url = articleOnly(r.value)
		for _, k := range q.blocks {
			c := rd.doc.blocks[k]
			if c.quotation != q && c.role == "" {
				continue // an inner level is an older post
			}
			rd.addPassage(s, k, k+1)
		}
		for _, k := range q.blocks {
			if rd.doc.blocks[k].role == "" {
				rd.setRole(rd.doc.blocks[k], Uncredited)
			}
		}
		if len(s.passages) > 0 {
			rd.addSource(s)
		}
		return true
	}
	return false
}

// bindTweet reads the given blocks as a social media post: its text, then "— Name (@handle) date" with a linked date.
func (rd *reading) bindTweet(blocks []int) {
	s := &source{kind: Tweet, convention: "tweet", weight: 0.8, firstBlock: blocks[0], marked: true}
	last := blocks[len(blocks)-1]
	for _, k := range blocks {
		cut := -1
		if k == last {
			cut = signatureDash(rd.doc.blocks[k].toks)
		}
		if cut < 0 {
			rd.addPassage(s, k, k+1)
		} else {
			rd.readSignature(s, k, cut)
		}
	}
	switch {
	case rd.isOwnTweet(s, blocks[0]):
		for _, k := range blocks {
			rd.setRole(rd.doc.blocks[k], Uncredited)
		}
	case len(s.passages) > 0:
		rd.addSource(s)
	}
}

// endOfPlainTweet returns the end of a social media post without the markup of an embed, which consists of quotation q
// and a signature at its end or in the block below: "— Name (@handle)" and a date that links to the post. It returns 0
// if there is no such signature.
func (rd *reading) endOfPlainTweet(q *quotation) int {
	last := q.blocks[len(q.blocks)-1]
	if rd.hasSignature(last) {
		return last + 1
	}
	if next := last + 1; next < len(rd.doc.blocks) && rd.doc.blocks[next].quotation == nil && rd.hasSignature(next) &&
		signatureDash(rd.doc.blocks[next].toks) == 0 {
		return next + 1
	}
	return 0
}

// hasSignature reports whether block i ends in the signature of a social media post.
func (rd *reading) hasSignature(i int) bool {
	b := rd.doc.blocks[i]
	link, ok := b.lastLink()
	if !ok || !isStatus(link.value) {
		return false
	}
	dash := signatureDash(b.toks)
	return dash >= 0 && b.toks[dash].start < link.start &&
		slices.ContainsFunc(b.toks[dash:], func(t token) bool { return t.ch == '@' }) &&
		rd.dateIn(b, span{dash, len(b.toks)}, date{}).month > 0
}

// isStatus reports whether u can be the URL of a single social media post.
func isStatus(u string) bool {
	_, rest, _ := strings.Cut(u, "://")
	_, path, _ := strings.Cut(rest, "/")
	account, status, ok := strings.Cut(path, "/")
	return ok && status != "" && (strings.HasPrefix(account, "@") || strings.HasPrefix(status, "status/") || strings.HasPrefix(status, "statuses/") ||
		account == "profile")
}

// signatureDash returns the position of the last dash after a space or at the beginning, or -1.
func signatureDash(toks []token) int {
	for k, t := range slices.Backward(toks) {
		if t.kind == tokDash && (k == 0 || t.space) {
			return k
		}
	}
	return -1
}

// readSignature reads the signature of a social media post, which begins with the dash at token cut of block i. The
// text before it is part of the passage.
func (rd *reading) readSignature(s *source, i, cut int) {
	b := rd.doc.blocks[i]
	s.creditBlocks = append(s.creditBlocks, i)
	rd.setRole(b, Credit)
	if cut > 0 {
		s.passages = append(s.passages, b.slice(span{0, cut}))
		s.inline = true
		rd.setRole(b, Passage)
	}
	n := cut + 1
	for n < len(b.toks) && b.toks[n].ch != '(' && b.toks[n].ch != '@' {
		n++
	}
	if n > cut+1 {
		s.authors = []string{b.slice(span{cut + 1, n})}
	}
	if d := rd.dateIn(b, span{n, len(b.toks)}, date{}); d.month > 0 {
		s.date = d
	}
	for _, r := range b.runs {
		if r.kind == runLink && r.start >= b.toks[cut].start {
			s.url = articleOnly(r.value)
		}
	}
}

// isOwnTweet reports whether s, a social media post that begins at block first, is the author's own: it is signed with
// the name of the blog or of its author, or the preceding line says so, as in "And mine:" or "I tweeted this:".
func (rd *reading) isOwnTweet(s *source, first int) bool {
	if slices.ContainsFunc(s.authors, rd.isOwnName) || rd.isOwnAccount(s.url) {
		return true
	}
	i := rd.previousBlock(first)
	if i < 0 {
		return false
	}
	b := rd.doc.blocks[i]
	if len(b.toks) == 0 {
		return false
	}
	at := rd.lastClause(b)
	if !announces(b.toks[len(b.toks)-1]) { // "feedback on my tweet"
		n := len(b.toks)
		if b.toks[n-1].kind == tokPunct {
			n--
		}
		return n > 1 && rd.l.first.has(b.toks[n-2].id) && b.isPostWord(b.toks[n-1])
	}
	for k := at.lo; k < at.hi; k++ {
		if rd.l.first.has(b.toks[k].id) && (k+1 == at.hi-1 && k > at.lo || // "and mine:"
			slices.ContainsFunc(b.toks[k+1:min(k+3, at.hi)], b.isPostWord)) {
			return true
		}
	}
	return false
}

// isOwnName reports whether the name of a social media account is that of the blog or its author, or a label of the
// blog's host is made from it: annreed, areed or reed for Ann Reed.
func (rd *reading) isOwnName(name string) bool {
	if rd.blog.names[nameKey(name)] {
		return true
	}
	words := strings.Fields(fold(name))
	if len(words) == 0 {
		return false
	}
	surname := words[len(words)-1]
	forms := []string{strings.Join(words, ""), strings.Join(words, "-"), string([]rune(words[0])[:1]) + surname, surname}
	for host := range rd.blog.hosts {
		labels := strings.Split(host, ".")
		for _, label := range labels[:max(1, len(labels)-1)] {
			if len(label) >= minAccount && slices.Contains(forms, label) {
				return true
			}
		}
	}
	return false
}

// minAccount is the minimum length of the name of an account or a host label that identifies the author.
const minAccount = 4

// isOwnAccount reports whether u is the URL of a social media post whose account is named after the blog, its author or
// its host: "https://social.example/@annreed/123" on annreed.example or for Ann Reed.
func (rd *reading) isOwnAccount(u string) bool {
	_, rest, _ := strings.Cut(u, "://")
	_, path, _ := strings.Cut(rest, "/")
	account, _, _ := strings.Cut(path, "/")
	account = strings.Trim(strings.ToLower(account), "@_")
	return rd.isOwnHandle(account) || rd.isOwnHandle(strings.Trim(strings.TrimSuffix(account, botSuffix), "_"))
}

// botSuffix ends the accounts of programs that post on social media.
const botSuffix = "bot"

// isOwnHandle reports whether the name of an account in lower case is that of the blog, its author or its host.
func (rd *reading) isOwnHandle(account string) bool {
	if len(account) < minAccount {
		return false
	}
	for name := range rd.blog.names {
		if strings.ReplaceAll(strings.Trim(name, "@_"), " ", "") == account {
			return true
		}
	}
	for host := range rd.blog.hosts {
		labels := strings.Split(host, ".")
		if slices.Contains(labels[:max(1, len(labels)-1)], account) || host == account {
			return true
		}
	}
	return false
}

// isPostWord reports whether the token is a word for posts on social media.
func (b *block) isPostWord(t token) bool {
	word := strings.ToLower(b.text[t.start:t.end])
	return slices.ContainsFunc(postWords, func(w string) bool { return strings.HasPrefix(word, w) })
}

// postWords lists the beginnings of words for posts on social media, in all languages.
var postWords = []string{"tweet", "toot", "skeet", "thread", "tröt", "tuit", "pouet", "gazou"}

// bindCards adds the sources of bookmark cards. Some Ghost themes swap author and publisher, so if either is a known
// publication, it is taken to be the publisher.
func (rd *reading) bindCards() {
	for _, c := range rd.doc.cards {
		s := &source{convention: "card", weight: 0.7, kind: HeadlineOnly, firstBlock: c.block, creditBlocks: []int{c.block}}
		pub, who := c.author, c.publication
		if rd.r.pubs.lookup(c.publication) != nil && rd.r.pubs.lookup(c.author) == nil {
			pub, who = who, pub
		}
		if pub == "" {
			pub, who = who, ""
		}
		s.pub = rd.r.publisherOf(rd.l, pub)
		if s.pub.name == "" {
			s.pub = rd.publisherOfHost(c.url)
		}
		s.headline, s.url = c.title, articleOnly(c.url)
		if toks := rd.r.lx.tokenize(who, nil); len(toks) > 0 {
			s.authors = rd.l.splitPeople(who, toks)
		}
		rd.addSource(s)
	}
}
