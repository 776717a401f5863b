package attribution

import (
	"net/url"
	"slices"
	"strings"
)

// This file checks the publication of a credit against the site of its link. An archive, a link shortener or an
// aggregator leads to articles on other sites, and is not their publication.

// archiveLabels lists parts of the host names of archives and redirectors whose URLs may contain the URL of the
// original.
var archiveLabels = []string{"archive.", "webcache.", "google.", "getpocket."}

// originalOf returns the URL of the original page if u is the URL of an archived copy of it or of a redirect to it,
// such as "https://web.archive.org/web/2013/http://bugle.example/a". Otherwise it returns "".
func originalOf(u string) string {
	_, rest, _ := strings.Cut(u, "://")
	host, path, _ := strings.Cut(rest, "/")
	host = strings.TrimPrefix(strings.ToLower(host), "www.")
	if !isArchive(host) || !slices.ContainsFunc(archiveLabels, func(l string) bool { return strings.Contains(u, l) }) {
		return ""
	}
	if lower := strings.ToLower(path); strings.Contains(lower, "http%3a") || strings.Contains(lower, "https%3a") {
		if decoded, err := url.QueryUnescape(path); err == nil {
			path = decoded
		}
	}
	for _, scheme := range []string{"https:/", "http:/"} {
		if i := strings.Index(path, scheme); i >= 0 {
			return scheme + "/" + strings.TrimLeft(path[i+len(scheme):], "/")
		}
	}
	if rest, ok := strings.CutPrefix(path, "web/"); ok && strings.Contains(host, "archive.org") {
		if date, page, ok := strings.Cut(rest, "/"); ok && strings.ContainsAny(date, "0123456789*") && strings.Contains(page, ".") {
			return "http://" + page
		}
	}
	return ""
}

// isArchive reports whether the labels of the host from some label on begin with one of the archiveLabels.
func isArchive(host string) bool {
	for more := true; more; _, host, more = strings.Cut(host, ".") {
		for _, l := range archiveLabels {
			if strings.HasPrefix(host, l) {
				return true
			}
		}
	}
	return false
}

// isWrapper reports whether u is the URL of a link shortener, a resolver of identifiers such as DOIs, a news reader or
// an archive, which leads to a site that u does not name.
func isWrapper(u string) bool { return wrapperHosts[hostOf(u)] }

// wrapperHosts lists the hosts of link shorteners, resolvers, readers and archives.
var wrapperHosts = map[string]bool{
	"archive.fo": true, "archive.is": true, "archive.li": true, "archive.md": true, "archive.ph": true,
	"archive.today": true, "archive.vn": true, "bit.ly": true, "buff.ly": true, "dlvr.it": true,
	"doi.org": true, "dx.doi.org": true, "g.co": true, "hdl.handle.net": true, "n2t.net": true, "purl.org": true,
	"feedproxy.google.com": true, "feeds.feedburner.com": true,
	"flip.it": true, "getpocket.com": true, "goo.gl": true, "is.gd": true, "j.mp": true, "lnkd.in": true,
	"news.google.com": true, "ow.ly": true, "pocket.co": true, "t.co": true, "tinyurl.com": true, "trib.al": true,
	"web.archive.org": true, "webcache.googleusercontent.com": true, "wp.me": true,
}

// replaceArchive removes the publication of s if it is only the archive or the link shortener at the URL. If the URL
// names the archived page, the publication of that page takes its place.
func (rd *reading) replaceArchive(s *source) {
	original := originalOf(s.url)
	if s.pub.name == "" || original == "" && !isWrapper(s.url) {
		return
	}
	_, rest, _ := strings.Cut(s.url, "://")
	host, _, _ := strings.Cut(rest, "/")
	archive := rd.r.pubs.byDomain[parentDomain(host)]
	if s.pub.known != nil && s.pub.known == archive || hostNamed("https://"+host+"/", s.pub.name) && !hostNamed(original, s.pub.name) {
		s.pub = rd.publisherOfHost(s.url)
	}
}

// parentDomain returns the last two labels of a host.
func parentDomain(host string) string {
	labels := strings.Split(strings.ToLower(host), ".")
	return strings.Join(labels[max(0, len(labels)-2):], ".")
}

// aggregatorHosts lists the hosts of sites on which people share links to articles of other sites.
var aggregatorHosts = map[string]bool{
	"digg.com": true, "lobste.rs": true, "metafilter.com": true, "news.ycombinator.com": true, "reddit.com": true,
	"slashdot.org": true, "stumbleupon.com": true, "techmeme.com": true,
}
