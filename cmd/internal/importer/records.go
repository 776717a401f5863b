package importer

import (
	"context"
	"fmt"
	"reflect"

	"feedpub/feed"
)

// RecordCount counts the records of an export by what an import does with them.
type RecordCount struct {
	New       int `json:"new"`
	Changed   int `json:"changed"` // merged with the site's record
	Unchanged int `json:"unchanged"`
	// Kept counts the records that differ from those of the site, which keeps its own.
	Kept int `json:"kept"`
}

// compare counts the records that an import would change, for a dry run.
func (i *importer) compare(ctx context.Context, lines []feed.ExportLine) error {
	if i.stored == nil {
		i.stored = make(map[string]feed.ExportLine)
		for l, err := range i.options.Writer.Records(ctx) {
			if err != nil {
				return fmt.Errorf("import: %w", err)
			}
			i.stored[l.Key()] = l
		}
	}
	for _, l := range lines {
		if l.Rendering > 0 {
			continue // rendering versions are not counted: a site that was built keeps its own
		}
		before, ok := i.stored[l.Key()]
		merged := merge(before, l)
		i.report.record(func(c *RecordCount) {
			switch {
			case !ok:
				c.New++
			case !reflect.DeepEqual(before, merged):
				c.Changed++
			case reflect.DeepEqual(before, l):
				c.Unchanged++
			default:
				c.Kept++
			}
		})
		i.stored[l.Key()] = merged
	}
	return nil
}

// merge returns the record that the store has after it restores l. It follows [store.Site.RestoreRecords].
func merge(before, l feed.ExportLine) feed.ExportLine {
	switch {
	case before.Record != nil:
		r := *before.Record
		if seen := l.Record.FirstSeen; r.FirstSeen.IsZero() || !seen.IsZero() && seen.Before(r.FirstSeen) {
			r.FirstSeen = seen
		}
		if l.Record.Changed.After(r.Changed) {
			r.Changed = l.Record.Changed
		}
		return feed.ExportLine{Record: &r}
	case before.Removal != nil:
		if l.Removal.Time.After(before.Removal.Time) {
			return l
		}
		return before
	case before.Credits != nil:
		all := before.Credits.Merge(l.Credits.List)
		return feed.ExportLine{Credits: &all}
	case before.Key() != "":
		return before // names, archives, subscriptions and publications are kept
	}
	return l
}
