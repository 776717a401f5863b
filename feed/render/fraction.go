package render

import (
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"slices"
	"time"

	"feedpub/feed"
)

// fractionSlots is how many microseconds lie strictly between two whole seconds.
const fractionSlots = 999_999

// fractions returns what to add to each item's time of update so that no two entries of an Atom feed have the same
// one: some aggregators take such entries for one another, and bulk imports have many.
//
// An item that is alone with its time gets nothing. One that shares it gets between 1 and 999,999 microseconds, taken
// from the SHA-256 of its id, so that it keeps its time (and its fragment its bytes, and readers their peace) when
// neighbours come and go; numbering the neighbours would shift all of them with every new one. Only if two of them hit
// the same microsecond, one pair in a million, does the one with the greater id move on to the next that is free.
//
// Microseconds, because more than six digits make several date parsers fail, and three would collide in every second
// feed of fifty imported posts.
func fractions(items []*feed.Item) []time.Duration {
	sharing := make(map[int64]int, len(items))
	for _, item := range items {
		sharing[item.Updated.UnixMicro()]++
	}
	taken := make(map[int64]bool, len(items))
	var shared []int // indexes of items
	for i, item := range items {
		if t := item.Updated.UnixMicro(); sharing[t] == 1 {
			taken[t] = true
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
			if !taken[t+slot] {
				break
			}
			slot = (slot + 1) % fractionSlots
		}
		taken[t+slot] = true
		offsets[i] = time.Duration(slot+1) * time.Microsecond
	}
	return offsets
}

// rfc3339 writes a time for Atom and JSON Feed with no more digits than it needs: none, three or six.
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
