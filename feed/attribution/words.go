package attribution

import (
	"encoding/binary"
	"unicode"
	"unicode/utf8"
)

// wordTable is a hash table of a lexicon's words, with which texts are tokenized. It is immutable, and lookups do not
// allocate memory. Words of at most 24 bytes are compared as numbers, and most have at most eight.
type wordTable struct {
	// shortKeys and longKeys hold the words of at most eight bytes and of at most maxWord bytes. Their sizes are the same
	// power of two.
	shortKeys                 []uint64
	longKeys                  []longKey
	shortNumbers, longNumbers []int32          // the numbers of these words
	shift                     int              // number of bits to shift the hash of a key
	rest                      map[string]int32 // the numbers of longer words
}

// maxShort is the length in bytes of the longest word that has a short key.
const maxShort = 8

// longKey is the bytes of a word of at most maxWord bytes, as three numbers. No word contains a zero byte, so words of
// different lengths have different keys.
type longKey [maxWord / 8]uint64

// keyOf returns the long key of a word of at most maxWord bytes. The first number is the short key of a word of at most
// eight bytes.
func keyOf(word []byte) longKey {
	var padded [maxWord]byte
	copy(padded[:], word)
	return paddedKey(&padded)
}

// paddedKey returns the long key of a word that is followed by zero bytes.
func paddedKey(padded *[maxWord]byte) longKey {
	return longKey{binary.LittleEndian.Uint64(padded[:]), binary.LittleEndian.Uint64(padded[8:]),
		binary.LittleEndian.Uint64(padded[16:])}
}

// newWordTable returns a table of the words, which are in lower case, with their numbers.
func newWordTable(ids map[string]int32) *wordTable {
	size, width := 1, 0
	for size < 2*len(ids) {
		size, width = 2*size, width+1
	}
	t := &wordTable{
		shortKeys: make([]uint64, size), shortNumbers: make([]int32, size),
		longKeys: make([]longKey, size), longNumbers: make([]int32, size),
		shift: 64 - width, rest: make(map[string]int32),
	}
	words := make([]string, len(ids)+1)
	for w, n := range ids {
		words[n] = w
	}
	for n, w := range words[1:] {
		switch number := int32(n + 1); {
		case len(w) > maxWord:
			t.rest[w] = number
		case len(w) > maxShort:
			insert(t.longKeys, t.longNumbers, t.longSlot(keyOf([]byte(w))), keyOf([]byte(w)), number)
		default:
			key := keyOf([]byte(w))[0]
			insert(t.shortKeys, t.shortNumbers, t.slot(key), key, number)
		}
	}
	return t
}

// insert stores a key and its number in the first free slot from k on.
func insert[K any](keys []K, numbers []int32, k int, key K, number int32) {
	for numbers[k] != 0 {
		k = (k + 1) & (len(keys) - 1)
	}
	keys[k], numbers[k] = key, number
}

// hashFactor is an odd number whose multiples differ in their upper bits: 2^64 divided by the golden ratio.
const hashFactor = 0x9e3779b97f4a7c15

// slot returns the first slot that may contain a short key.
func (t *wordTable) slot(key uint64) int { return int(key * hashFactor >> t.shift) }

// longSlot returns the first slot that may contain a long key.
func (t *wordTable) longSlot(key longKey) int {
	return t.slot((key[0]*hashFactor^key[1])*hashFactor ^ key[2])
}

// number returns the number of a word in lower case, or 0.
func (t *wordTable) number(word []byte) int32 {
	switch {
	case len(word) > maxWord:
		return t.rest[string(word)]
	case len(word) > maxShort:
		return t.long(keyOf(word))
	default:
		return t.short(keyOf(word)[0])
	}
}

// short returns the number of the word with the given short key, or 0.
func (t *wordTable) short(key uint64) int32 {
	return find(t.shortKeys, t.shortNumbers, t.slot(key), key)
}

// long returns the number of the word with the given long key, or 0.
func (t *wordTable) long(key longKey) int32 {
	return find(t.longKeys, t.longNumbers, t.longSlot(key), key)
}

// find returns the number of a key whose slot is k or follows k, or 0.
func find[K comparable](keys []K, numbers []int32, k int, key K) int32 {
	for k < len(keys) && numbers[k] != 0 {
		if keys[k] == key {
			return numbers[k]
		}
		k = (k + 1) & (len(keys) - 1)
	}
	return 0
}

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
