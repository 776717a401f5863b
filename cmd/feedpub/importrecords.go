package main

import (
	"feedpub/feed"
	"feedpub/feed/transfer"
)

// recordLine returns a record in the form in which the store takes it.
func recordLine(r transfer.Record) feed.Line {
	switch {
	case r.Post != nil:
		return feed.Line{Record: r.Post}
	case r.Name != "":
		return feed.Line{Name: &feed.NameLine{Feed: r.Name, Full: r.Of}}
	case r.Archive != nil:
		return feed.Line{Archive: r.Archive}
	default:
		return feed.Line{Removal: &feed.RemovalLine{Feed: r.Removal, Time: r.Time}}
	}
}

// lineRecord returns a record in the form in which it is written.
func lineRecord(l feed.Line) transfer.Record {
	switch {
	case l.Record != nil:
		return transfer.Record{Post: l.Record}
	case l.Name != nil:
		return transfer.Record{Name: l.Name.Feed, Of: l.Name.Full}
	case l.Archive != nil:
		return transfer.Record{Archive: l.Archive}
	default:
		return transfer.Record{Removal: l.Removal.Feed, Time: l.Removal.Time}
	}
}
