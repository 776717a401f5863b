package store

import (
	"strings"

	"feedpub/feed"
)

// aliveKey is a string with an expiry: it exists while a process is alive. Unlike all other keys, it does not belong to
// a site, so it is not used in a Cluster, where it would often be on a different server than the site's lease.
func aliveKey(process string) string { return "feedpub:alive:" + process }

// keyspace returns the names of one site's keys, one method for each kind of key; each method documents the Redis type
// and the content. All keys begin with "feedpub:{SITE}:". The braces are a hash tag, which puts all keys of a site in
// one slot of a Redis Cluster, as scripts and transactions require. Redis uses the first pair of braces only, so braces
// in a post's id are harmless.
type keyspace feed.SiteID

func (k keyspace) key(parts ...string) string {
	return "feedpub:{" + string(k) + "}:" + strings.Join(parts, ":")
}

// Primary data: it cannot be rebuilt.

// post is a string: the raw post, as plain JSON or in gzip coding.
func (k keyspace) post(id string) string { return k.key("post", id) }

// inbox is a stream: entries with an "id" field, one for each write or deletion of a post.
func (k keyspace) inbox() string { return k.key("inbox") }

// record is a string: the times at which the post was first seen, removed and changed; see encodeRecord.
func (k keyspace) record(id string) string { return k.key("record", id) }

// names is a hash: feed name -> full name of the tag, author or source.
func (k keyspace) names() string { return k.key("names") }

// removals is a hash: feed name -> Unix milliseconds of the latest removal from it.
func (k keyspace) removals() string { return k.key("removals") }

// archives is a hash: name of an archive -> position of its newest post; see encodePosition.
func (k keyspace) archives() string { return k.key("archives") }

// subscriptions is a hash: id of a subscription -> the subscription as JSON.
func (k keyspace) subscriptions() string { return k.key("push", "subscriptions") }

// credits is a hash: id of a post -> the decisions about its credits, a list of feed.Decision as JSON.
func (k keyspace) credits() string { return k.key("credits") }

// publications is a hash: name of a publication that a person has accepted -> feed.Publication as JSON.
func (k keyspace) publications() string { return k.key("publications") }

// outbox is a sorted set: keys of notices to deliver (see [feed.Notice.Key]), score = when each is due in Unix
// milliseconds.
func (k keyspace) outbox() string { return k.key("outbox") }

// Derived data: it is rebuilt from the posts.

// reading is a hash: owner of a lease -> ids of the posts that it is reading, a JSON list. It outlives the owner.
func (k keyspace) reading() string { return k.key("reading") }

// costly is a hash: id of a post -> the version that builders must not read, a feed.Costly as JSON.
func (k keyspace) costly() string { return k.key("costly") }

// item is a string: the item; see encodeItem.
func (k keyspace) item(id string) string { return k.key("item", id) }

// index is a sorted set: ids of the posts in a feed, score = time of publication in Unix milliseconds.
func (k keyspace) index(n feed.Name) string { return k.key("idx", string(n)) }

// problems is a hash: "KIND:ID" -> when the problem was first seen in Unix milliseconds, a space, the problem as JSON.
func (k keyspace) problems() string { return k.key("problems") }

// due is a sorted set: ids of posts with a future date, score = that date in Unix milliseconds.
func (k keyspace) due() string { return k.key("due") }

// dirty is a sorted set: names of feeds to rebuild, score = mark. Marks increase, so a feed that becomes dirty again
// after it was read gets a greater mark, and the feeds that have waited longest come first.
func (k keyspace) dirty() string { return k.key("dirty") }

// marks is a string: the last mark.
func (k keyspace) marks() string { return k.key("marks") }

// cursor is a string: the last inbox entry that was absorbed.
func (k keyspace) cursor() string { return k.key("cursor") }

// head is a hash: the committed state of a feed; see fieldToken and the other field constants.
func (k keyspace) head(n feed.Name) string { return k.key("head", string(n)) }

// heads is a sorted set: names of all feeds that have a head, score = the version at which the head last changed.
func (k keyspace) heads() string { return k.key("heads") }

// doc is a string: a document; see encodeBlob.
func (k keyspace) doc(h feed.Hash) string { return k.key("doc", string(h)) }

// brotli is a string: a document in brotli coding.
func (k keyspace) brotli(h feed.Hash) string { return k.key("doc", string(h), "br") }

// changes is a stream: entries with the fields "feed" and "version", one for each commit.
func (k keyspace) changes() string { return k.key("changes") }

// version is a string: a number that grows with every commit.
func (k keyspace) version() string { return k.key("version") }

// topic is a sorted set: ids of the subscriptions to a document, score = the Last-Modified, in Unix seconds, of the
// version that is delivered or being delivered to the subscriber; 0 for none, -1 if the subscription was renewed during
// a delivery, which must be repeated.
func (k keyspace) topic(n feed.Name, f feed.Format) string {
	return k.key("push", "topic", string(f), string(n))
}

// topics is a set: "FORMAT FEED" of the documents with subscriptions.
func (k keyspace) topics() string { return k.key("push", "topics") }

// deliveries is a sorted set: ids of the subscriptions that need the current version of their topic, score = when the
// next attempt is due in Unix milliseconds, or the end of a process's claim, which is not a whole number.
func (k keyspace) deliveries() string { return k.key("push", "due") }

// failures is a hash: id of a subscription whose last delivery failed -> a feed.DeliveryFailure as JSON.
func (k keyspace) failures() string { return k.key("push", "failures") }

// expiries is a sorted set: ids of subscriptions, score = end of the lease in Unix milliseconds.
func (k keyspace) expiries() string { return k.key("push", "expiries") }

// hosts is a hash: host of callbacks -> number of subscriptions with callbacks on it.
func (k keyspace) hosts() string { return k.key("push", "hosts") }

// reservations is a hash: host -> "ENDS SERIAL FAILURES CLOSED CLAIMANT". A claimant has reserved the host until ENDS,
// with the claim numbered SERIAL. The last FAILURES requests to the host have failed, and no requests are sent to it
// until CLOSED. Times are in Unix milliseconds, or 0.
func (k keyspace) reservations() string { return k.key("push", "reservations") }

// hubRequests is a hash: id of a request to the hub that has not been verified yet -> a feed.SubscriptionRequest as
// JSON.
func (k keyspace) hubRequests() string { return k.key("push", "requests") }

// verifications is a sorted set: ids of requests to the hub, scored as in deliveries.
func (k keyspace) verifications() string { return k.key("push", "verify") }

// hubRate is a hash with an expiry: "h:HOST" and "c:CLIENT" -> number of requests in the given
// minute. Minutes are counted from the Unix epoch.
func (k keyspace) hubRate(minute string) string { return k.key("push", "rate", minute) }

// notices is a hash: key of a notice in the outbox -> the value recorded for it, if any; see feed.Claim.
func (k keyspace) notices() string { return k.key("push", "notices") }

// imported is a hash: id of a post that an import is storing -> hash of its raw post, until the post is absorbed.
func (k keyspace) imported() string { return k.key("imported") }

// quiet is a set: dirty feeds that changed only because of imports.
func (k keyspace) quiet() string { return k.key("push", "quiet") }

// unannounced is a set: "FORMAT FEED" of the topics whose current version was not announced.
func (k keyspace) unannounced() string { return k.key("push", "unannounced") }

// lease is a string with an expiry: the owner of the lease of a job.
func (k keyspace) lease(job string) string { return k.key("lease", job) }

// token is a string: the greatest fencing token that was issued or used.
func (k keyspace) token() string { return k.key("token") }

// schema is a hash: "version" of the stored data; "reader" and "writer", the oldest schema versions of programs that
// may read and write it; "renderer", the rendering version; "since", the fencing token from which the schema applies.
func (k keyspace) schema() string { return k.key("schema") }

// fleet is a set: ids of the processes that serve or build the site, and of some that have stopped.
func (k keyspace) fleet() string { return k.key("fleet") }

// member is a string with an expiry: the last report of a process, a feed.Member as JSON.
func (k keyspace) member(id string) string { return k.key("member", id) }

// requests is a stream with an expiry: operators' requests to the builder, with the fields "id" and "payload".
func (k keyspace) requests() string { return k.key("requests") }

// reply is a list with an expiry: the reply to a request, its only element.
func (k keyspace) reply(id string) string { return k.key("reply", id) }

// runs is a stream: the records of runs, with a "run" field, a feed.Run as JSON. failedRuns is the same for runs that
// failed or rejected posts, which are kept longer.
func (k keyspace) runs() string       { return k.key("runs") }
func (k keyspace) failedRuns() string { return k.key("runs", "failed") }

// repeatedRuns is a hash: key of a series of equivalent runs (see [feed.Run.Repeats]) -> start of the latest and of the
// first run in Unix milliseconds, the number of runs, and the latest run as JSON.
func (k keyspace) repeatedRuns() string { return k.key("runs", "repeated") }

// lastRuns is a hash: cause -> start of the latest run in Unix milliseconds.
func (k keyspace) lastRuns() string { return k.key("runs", "last") }

// milestones is a hash: id of a post -> when it was first absorbed, committed and served, each in Unix milliseconds or
// "-". milestoneOrder is a sorted set of these ids, score = when the post was absorbed. The oldest are removed.
func (k keyspace) milestones() string     { return k.key("milestones") }
func (k keyspace) milestoneOrder() string { return k.key("milestones", "order") }

// unserved is a sorted set: the ids in milestones of the posts that no process has served, score = version of the store
// that contains the first commit with the post, or 0 if there was none.
func (k keyspace) unserved() string { return k.key("milestones", "unserved") }

// journal is a stream: changes that the embedded store must write to its disk. Only the embedded store creates it;
// scripts add entries to it if it exists. See [Site.Journal].
func (k keyspace) journal() string { return k.key("journal") }

// absent is a key that is never written. It names the site's slot, for commands that need a key but no data.
func (k keyspace) absent() string { return k.key("absent") }

// PostKeyPrefix returns the prefix of the keys of a site's posts.
func PostKeyPrefix(id feed.SiteID) string { return keyspace(id).post("") }
