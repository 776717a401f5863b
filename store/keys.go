package store

import (
	"strings"

	"feedpub/feed"
)

// keyspace makes the names of one site's keys. Nothing else spells a key, and each constructor says which Redis type
// the key has and what it holds. All begin with "feedpub:{SITE}:": the braces put every key of a site into one slot of
// a Redis Cluster, so that scripts and transactions may touch any of them. Only the first pair counts, so that braces
// in a post's id do no harm.
type keyspace feed.SiteID

func (k keyspace) key(parts ...string) string {
	return "feedpub:{" + string(k) + "}:" + strings.Join(parts, ":")
}

// Primary: kept with the posts, and lost for ever when lost.

// post is a string: the raw post, as plain JSON or in gzip coding.
func (k keyspace) post(id string) string { return k.key("post", id) }

// inbox is a stream: entries with the field "id", one for each write or deletion of a post.
func (k keyspace) inbox() string { return k.key("inbox") }

// record is a string: when the post was first seen and when removed, as encodeRecord writes it.
func (k keyspace) record(id string) string { return k.key("record", id) }

// names is a hash: feed name -> the full name that it stands for.
func (k keyspace) names() string { return k.key("names") }

// removals is a hash: feed name -> Unix milliseconds of the latest removal from it.
func (k keyspace) removals() string { return k.key("removals") }

// archives is a hash: name of an archive -> the position of the newest post that it holds, as encodePosition writes it.
func (k keyspace) archives() string { return k.key("archives") }

// Derived: made anew from the posts when lost.

// item is a string: the ready item as encodeItem writes it.
func (k keyspace) item(id string) string { return k.key("item", id) }

// index is a sorted set: ids of the posts in a feed, score = time of publication in Unix milliseconds.
func (k keyspace) index(n feed.Name) string { return k.key("idx", string(n)) }

// problems is a hash: "KIND:ID" -> Unix milliseconds since when, a space, and the problem as JSON.
func (k keyspace) problems() string { return k.key("problems") }

// due is a sorted set: ids of posts that wait for their date, score = that date in Unix milliseconds.
func (k keyspace) due() string { return k.key("due") }

// dirty is a sorted set: names of feeds to rebuild, score = mark. It is a set and a clock in one: the mark says
// whether a feed was made dirty again after it was read, the order gives those that wait longest first.
func (k keyspace) dirty() string { return k.key("dirty") }

// marks is a string: the last mark given out.
func (k keyspace) marks() string { return k.key("marks") }

// cursor is a string: the last inbox entry that was absorbed.
func (k keyspace) cursor() string { return k.key("cursor") }

// head is a hash: the committed state of a feed, see headFields.
func (k keyspace) head(n feed.Name) string { return k.key("head", string(n)) }

// heads is a sorted set: names of all feeds that have a head, score = the version at which it last changed.
func (k keyspace) heads() string { return k.key("heads") }

// doc is a string: a document's bytes as encodeBlob writes them.
func (k keyspace) doc(h feed.Hash) string { return k.key("doc", string(h)) }

// brotli is a string: a document's bytes in brotli coding, as they are sent.
func (k keyspace) brotli(h feed.Hash) string { return k.key("doc", string(h), "br") }

// changes is a stream: entries with the fields "feed" and "version", one for each commit.
func (k keyspace) changes() string { return k.key("changes") }

// version is a string: a number that grows with every commit.
func (k keyspace) version() string { return k.key("version") }

// lease is a string with an expiry: who does a job.
func (k keyspace) lease(job string) string { return k.key("lease", job) }

// token is a string: the greatest fencing token given out or seen.
func (k keyspace) token() string { return k.key("token") }

// schema is a hash: "version" of what is stored, "reader" and "writer", the oldest programs that may read and write it,
// "renderer", the version of the documents' form, and "since", the fencing token at which that was decided.
func (k keyspace) schema() string { return k.key("schema") }

// fleet is a set: ids of the processes that serve or build the site, and of some that have ended.
func (k keyspace) fleet() string { return k.key("fleet") }

// member is a string with an expiry: what a process says of itself, a feed.Member as JSON.
func (k keyspace) member(id string) string { return k.key("member", id) }

// requests is a stream with an expiry: operators' triggers, with the fields "id" and "payload".
func (k keyspace) requests() string { return k.key("requests") }

// reply is a list with an expiry: the answer to a request.
func (k keyspace) reply(id string) string { return k.key("reply", id) }

// journal is a stream that only the embedded store makes: while it exists, scripts note in it what must reach the
// disk. See [Site.Journal].
func (k keyspace) journal() string { return k.key("journal") }

// nothing is a key that is never written. Watching it changes nothing, and takes a connection to the site's server.
func (k keyspace) nothing() string { return k.key("nothing") }

// PostKeyPrefix returns the prefix of the keys of a site's posts.
func PostKeyPrefix(id feed.SiteID) string { return keyspace(id).post("") }
