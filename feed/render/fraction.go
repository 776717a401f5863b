package render

import (
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"slices"
	"time"

	"feedpub/feed"
)

// fractionSlots is the number of microseconds between two whole seconds, excluding both.
const fractionSlots = 999_999

// fractions returns the duration to add to the atom:updated of each item, so that no two entries of a feed have the
// same time. Some aggregators treat entries with equal times as the same entry, and bulk imports contain many such
// entries.
//
// An item whose time is unique gets 0. The other items get 1 to 999,999 microseconds, derived from the SHA-256 of their
// ids. An item therefore keeps its time, and its fragment its bytes, when other items with the same time are added or
// removed; numbering the items would change every item's time. If two items get the same microsecond (one pair in a
// million), the item with the greater id gets the next unused value.
//
// The unit is microseconds because several date parsers fail on more than six digits, and with milliseconds half of all
// feeds with fifty imported posts would have a collision.
func fractions(items []*feed.Item) []time.Duration {
	sharing := make(map[int64]int, len(items))
	for _, item := range items {
		sharing[item.Updated.UnixMicro()]++
	}
	used := make(map[int64]bool, len(items))
	var shared []int // indexes of items with the same time
	for i, item := range items {
		if t := item.Updated.UnixMicro(); sharing[t] == 1 {
			used[t] = true
		} else {
			shared = append(shared, i)
		}
	}
	slices.SortFunc(shared, func(i, j int) int { return cmp.Compare(items[i].ID, items[j].ID) })

	offsets := make([]time.Duration, len(items))
	for _, i := range shared {
		sum := sha256.Sum256([]byte(items[i].ID))
		slot := int64(binary.BigEndian.Uint64(sum[:8]) % fractionSlots)
		t := items[i].Updated.UnixMicro() + 1
		for range fractionSlots {
			if !used[t+slot] {
				break
			}
			slot = (slot + 1) % fractionSlots
		}
		used[t+slot] = true
		offsets[i] = time.Duration(slot+1) * time.Microsecond
	}
	return offsets
}

// rfc3339 formats a time for Atom and JSON Feed. The fraction of a second has as few digits as possible: 0, 3 or 6.
func rfc3339(t time.Time) string {
	t = t.UTC()
	switch ns := t.Nanosecond(); {
	case ns == 0:
		return t.Format("2006-01-02T15:04:05Z")
	case ns%int(time.Millisecond) == 0:
		return t.Format("2006-01-02T15:04:05.000Z")
	default:
		return t.Format("2006-01-02T15:04:05.000000Z")
	}
}
