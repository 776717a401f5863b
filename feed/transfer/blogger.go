package transfer

import (
	"fmt"
	"strings"

	"feedpub/feed"
)

// bloggerKindScheme is the scheme of the categories that are the kinds of entries in Blogger's exports, and not tags.
const bloggerKindScheme = "http://schemas.google.com/g/2005#kind"

// atomKinds are the kinds of entries in Blogger's exports: of its old format the ends of the categories' terms, and of
// its new format the elements blogger:type, in lower case. A post has no reason to be skipped.
var atomKinds = map[string]SkipReason{
	"": "", "post": "", "page": "page", "comment": "comment", "template": "template", "settings": "settings",
}

// atomStatuses are the statuses of entries: app:draft (RFC 5023 section 13.1.1) and blogger:status, in lower case.
var atomStatuses = map[string]visibility{
	"": {}, "no": {}, "live": {},
	"yes": {status: feed.Draft}, "draft": {status: feed.Draft}, "scheduled": {status: feed.Draft},
	"soft_trashed": {skipped: "trash"},
}

// atomStatus returns the status of an entry, or why it is skipped. An entry whose kind or status is unknown is an error
// of kind [feed.ErrInvalid], since it could be private.
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
	if reason != "" && (reason != "page" || !f.pages) {
		return "", reason, nil
	}
	return entryStatus(e)
}

// entryStatus returns the status of an Atom entry or an RSS item, or why it is skipped.
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
