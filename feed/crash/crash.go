// Package crash names the points between the steps of a write at which a process may die, so that tests can kill it at
// each of them. A program that is built without the tag chaos does nothing at these points.
package crash

// Point is a point at which a process may die.
type Point string

// The points, in the order of a post's way to readers.
const (
	PostReceived     Point = "post-received"     // nothing is written
	PostFile         Point = "post-file"         // the file is written, the server in memory does not have the post
	PostWritten      Point = "post-written"      // the post is written, the writer has no answer
	AbsorbRead       Point = "absorb-read"       // the item is made, but not written
	AbsorbWritten    Point = "absorb-written"    // the item is in the store
	RecordsJournaled Point = "records-journaled" // records are in the store's memory, not on the disk
	RecordsWritten   Point = "records-written"   // records are on the disk
	CommitRendered   Point = "commit-rendered"   // the documents are made, but not uploaded
	CommitUploaded   Point = "commit-uploaded"   // the documents are in the store, but not current
	CommitDone       Point = "commit-done"       // the documents are current and announced
	ReplicaFetched   Point = "replica-fetched"   // a replica has the documents, and does not serve them
	ReplicaServed    Point = "replica-served"    // readers get the documents, which are not on the replica's disk
	DiskDocuments    Point = "disk-documents"    // the documents are on the replica's disk, but not their head
	DiskHead         Point = "disk-head"         // the head is on the replica's disk
)

// Points returns all points.
func Points() []Point {
	return []Point{
		PostReceived, PostFile, PostWritten, AbsorbRead, AbsorbWritten, RecordsJournaled, RecordsWritten, CommitRendered,
		CommitUploaded, CommitDone, ReplicaFetched, ReplicaServed, DiskDocuments, DiskHead,
	}
}
