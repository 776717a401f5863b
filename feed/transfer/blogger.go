package transfer

import (
	"fmt"
	"strings"

	"feedpub/feed"
)

// bloggerKindScheme is the scheme of categories that indicate the kind of an entry in Blogger exports. These categories
// are not tags.
const bloggerKindScheme = "http://schemas.google.com/g/2005#kind"

// atomKinds maps the kinds of entries in Blogger exports, in lower case, to the reasons for skipping them. The reason
// is empty for posts. In the old format, the kind is the last part of a category's term; in the new format, it is in
// the blogger:type element.
var atomKinds = map[string]SkipReason{
	"": "", "post": "", "page": "page", "comment": "comment", "template": "template", "settings": "settings",
}

// atomStatuses maps the values of app:draft (RFC 5023 section 13.1.1) and blogger:status, in lower case, to
// visibilities.
var atomStatuses = map[string]visibility{
	"": {}, "no": {}, "live": {},
	"yes": {status: feed.Draft}, "draft": {status: feed.Draft}, "scheduled": {status: feed.Draft},
	"soft_trashed": {skipped: "trash"},
}

// atomStatus returns the status of an entry, or the reason for skipping it. An unknown kind or status results in an
// error of kind [feed.ErrInvalid], since the entry could be private.
func (f *feedXML) atomStatus(e *element) (feed.Status, SkipReason, error) {
	kind := strings.ToLower(e.text("blogger:type"))
	for c := range e.all("atom:category") {
		if c.attr("scheme") == bloggerKindScheme {
			kind = strings.ToLower(c.attr("term")[strings.LastIndexByte(c.attr("term"), '#')+1:])
		}
	}
	reason, ok := atomKinds[kind]
	if !ok {
		return "", "", fmt.Errorf("unknown kind of entry %q: %w", shorten(kind), feed.ErrInvalid)
	}
	switch {
	case reason != "" && (reason != "page" || !f.pages):
		return "", reason, nil
	case e.text("blogger:trashed") != "":
		return "", "trash", nil
	case e.child("blogger:type") != nil && e.text("blogger:status") == "":
		return "", "", fmt.Errorf("missing blogger:status: it could be a draft: %w", feed.ErrInvalid)
	}
	return entryStatus(e)
}

// setBlogger sets the members of p from the elements that only Blogger Takeout exports contain. These exports contain
// the path of a post's page but not the URL of the blog, and their titles are HTML.
func (f *feedXML) setBlogger(e *element, p *feed.Post) {
	if e.child("blogger:type") == nil {
		return
	}
	p.Title = plainTitle(p.Title)
	p.Summary = first(p.Summary, plainText(e.text("blogger:metaDescription")))
	if name := e.text("blogger:filename"); p.URL == "" && name != "" {
		p.URL = joinAddress(f.base, escapePath(name))
	}
	if p.Status == feed.Draft {
		p.URL = "" // the path is not final
	}
}

// entryStatus returns the status of an Atom entry or an RSS item, or the reason for skipping it.
func entryStatus(e *element) (feed.Status, SkipReason, error) {
	var all visibility
	for _, given := range []string{e.child("app:control").text("app:draft"), e.text("blogger:status")} {
		v, ok := atomStatuses[strings.ToLower(given)]
		switch {
		case !ok:
			return "", "", fmt.Errorf("unknown status %q: %w", shorten(given), feed.ErrInvalid)
		case v.skipped != "":
			return "", v.skipped, nil
		}
		all = all.stricter(v)
	}
	return all.status, "", nil
}
