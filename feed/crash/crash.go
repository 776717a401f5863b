// Package crash names the points between the steps of a write at which a process may die, so that tests can kill it at
// each of them. A program built without the chaos tag does nothing at these points.
package crash

// Point is a point at which a process may die.
type Point string

// The points, in the order in which a post reaches them on its way to readers.
const (
	PostReceived     Point = "post-received"     // nothing has been written
	PostFile         Point = "post-file"         // the file is written, but the server in memory does not have the post
	PostWritten      Point = "post-written"      // the post is written, but the writer has no response yet
	AbsorbRead       Point = "absorb-read"       // the item is created, but not written
	AbsorbWritten    Point = "absorb-written"    // the item is in the store
	RecordsJournaled Point = "records-journaled" // records are in the store's memory, not on the disk
	RecordsWritten   Point = "records-written"   // records are on the disk
	CommitRendered   Point = "commit-rendered"   // the documents are rendered, but not uploaded
	CommitUploaded   Point = "commit-uploaded"   // the documents are in the store, but not current
	CommitDone       Point = "commit-done"       // the documents are current and announced
	ReplicaFetched   Point = "replica-fetched"   // a replica has the documents, but does not serve them yet
	ReplicaServed    Point = "replica-served"    // readers get the documents, but they are in no file of their own
	DiskStash        Point = "disk-stash"        // the documents are in the stash on the replica's disk
	DiskDocuments    Point = "disk-documents"    // the documents are on the replica's disk, but not their head
	DiskHead         Point = "disk-head"         // the head is on the replica's disk
)

// Points returns all points.
func Points() []Point {
	return []Point{
		PostReceived, PostFile, PostWritten, AbsorbRead, AbsorbWritten, RecordsJournaled, RecordsWritten, CommitRendered,
		CommitUploaded, CommitDone, ReplicaFetched, ReplicaServed, DiskStash, DiskDocuments, DiskHead,
	}
}
