package attribution

import (
	"encoding/binary"
	"math/bits"
	"unicode"
	"unicode/utf8"
)

// wordTable is a hash table of the words of a lexicon, used to tokenize text. It is immutable, and lookups do not
// allocate memory. Words of at most 24 bytes are compared as numbers, and most have at most eight.
type wordTable struct {
	short keyTable[uint64]  // the words of at most maxShort bytes
	long  keyTable[longKey] // longer words of at most maxWord bytes
	rest  map[string]int32  // longer words
}

// keyTable is a hash table of words by their keys.
type keyTable[K comparable] struct {
	slots []keySlot[K] // the size is a power of two
	shift int          // number of bits to shift a hash
}

// keySlot is a slot of a keyTable.
type keySlot[K comparable] struct {
	key    K
	number int32 // the number of the word, or 0 if the slot is empty
}

// maxShort is the length in bytes of the longest word that has a short key.
const maxShort = 8

// longKey holds the bytes of a word of at most maxWord bytes, as three numbers. No word contains a zero byte, so words
// of different lengths have different keys.
type longKey [maxWord / 8]uint64

// keyOf returns the long key of a word of at most maxWord bytes. If the word has at most maxShort bytes, the first
// number of the long key is the word's short key.
func keyOf(word []byte) longKey {
	var padded [maxWord]byte
	copy(padded[:], word)
	return longKey{binary.LittleEndian.Uint64(padded[:]), binary.LittleEndian.Uint64(padded[8:]),
		binary.LittleEndian.Uint64(padded[16:])}
}

// newWordTable returns a table of the words, which are in lower case, with their numbers.
func newWordTable(ids map[string]int32) *wordTable {
	words := make([]string, len(ids)+1)
	short, long := 0, 0
	for w, n := range ids {
		words[n] = w
		if len(w) <= maxShort {
			short++
		} else {
			long++
		}
	}
	t := &wordTable{short: newKeyTable[uint64](short), long: newKeyTable[longKey](long), rest: make(map[string]int32)}
	for n, w := range words[1:] {
		switch number := int32(n + 1); {
		case len(w) > maxWord:
			t.rest[w] = number
		case len(w) > maxShort:
			key := keyOf([]byte(w))
			t.long.insert(key, key.hash(), number)
		default:
			key := keyOf([]byte(w))[0]
			t.short.insert(key, key*hashFactor, number)
		}
	}
	return t
}

// newKeyTable returns a table for n words.
func newKeyTable[K comparable](n int) keyTable[K] {
	width := bits.Len(uint(2 * n))
	return keyTable[K]{slots: make([]keySlot[K], 1<<width), shift: 64 - width}
}

// insert stores the number of a key, which is not in the table.
func (t *keyTable[K]) insert(key K, hash uint64, number int32) {
	k := int(hash >> t.shift)
	for t.slots[k].number != 0 {
		k = (k + 1) & (len(t.slots) - 1)
	}
	t.slots[k] = keySlot[K]{key, number}
}

// find returns the number of a key, or 0.
func (t *keyTable[K]) find(key K, hash uint64) int32 {
	for k := int(hash >> t.shift); k < len(t.slots); k = (k + 1) & (len(t.slots) - 1) {
		if s := &t.slots[k]; s.key == key || s.number == 0 {
			return s.number
		}
	}
	return 0
}

// hashFactor is an odd number whose multiples differ in their upper bits: 2^64 divided by the golden ratio.
const hashFactor = 0x9e3779b97f4a7c15

// hash returns the hash of the key.
func (k *longKey) hash() uint64 { return ((k[0]*hashFactor^k[1])*hashFactor ^ k[2]) * hashFactor }

// number returns the number of a word in lower case, or 0.
func (t *wordTable) number(word []byte) int32 {
	switch {
	case len(word) > maxWord:
		return t.rest[string(word)]
	case len(word) > maxShort:
		return t.longNumber(keyOf(word))
	default:
		return t.shortNumber(keyOf(word)[0])
	}
}

// shortNumber returns the number of the word with the given short key, or 0.
func (t *wordTable) shortNumber(key uint64) int32 { return t.short.find(key, key*hashFactor) }

// longNumber returns the number of the word with the given long key, or 0.
func (t *wordTable) longNumber(key longKey) int32 { return t.long.find(key, key.hash()) }

// maxWord is the length in bytes of the longest word that can have a number.
const maxWord = 24

// lookup returns the number of a word, or 0 if the word has none.
func (lx *lexicon) lookup(w string) int32 {
	if len(w) > maxWord {
		return 0
	}
	var buf [maxWord * utf8.UTFMax]byte
	lower := appendLower(buf[:0], w)
	if lx.table == nil {
		return lx.ids[string(lower)]
	}
	return lx.table.number(lower)
}

// appendLower appends the word in lower case and with straight apostrophes to buf.
func appendLower(buf []byte, w string) []byte {
	for i := 0; i < len(w); {
		c := w[i]
		if c >= utf8.RuneSelf {
			r, size := utf8.DecodeRuneInString(w[i:])
			i += size
			if r == '’' {
				r = '\''
			}
			buf = utf8.AppendRune(buf, unicode.ToLower(r))
			continue
		}
		if c-'A' < 26 {
			c += 'a' - 'A'
		}
		buf = append(buf, c)
		i++
	}
	return buf
}
