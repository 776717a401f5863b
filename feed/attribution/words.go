package attribution

import (
	"encoding/binary"
	"unicode"
	"unicode/utf8"
)

// wordTable is a hash table of a lexicon's words, with which texts are tokenized. It is immutable, and lookups do not
// allocate memory. Words of at most eight bytes, which most are, are compared as one number.
type wordTable struct {
	shortKeys    []uint64 // the words of at most eight bytes; see [shortKey]; the size is a power of two
	shortNumbers []int32  // the numbers of these words
	shift        int      // number of bits to shift the hash of a short key
	long         map[string]int32
}

// maxShort is the length in bytes of the longest word that has a short key.
const maxShort = 8

// shortKey returns the bytes of a word of at most eight bytes as a number. No word contains a zero byte, so words of
// different lengths have different keys.
func shortKey(word []byte) uint64 {
	var padded [maxShort]byte
	copy(padded[:], word)
	return binary.LittleEndian.Uint64(padded[:])
}

// newWordTable returns a table of the words, which are in lower case, with their numbers.
func newWordTable(ids map[string]int32) *wordTable {
	size, width := 1, 0
	for size < 2*len(ids) {
		size, width = 2*size, width+1
	}
	t := &wordTable{
		shortKeys: make([]uint64, size), shortNumbers: make([]int32, size), shift: 64 - width, long: make(map[string]int32),
	}
	words := make([]string, len(ids)+1)
	for w, n := range ids {
		words[n] = w
	}
	for n, w := range words[1:] {
		if len(w) > maxShort {
			t.long[w] = int32(n + 1)
			continue
		}
		key := shortKey([]byte(w))
		k := t.slot(key)
		for t.shortNumbers[k] != 0 {
			k = (k + 1) & (size - 1)
		}
		t.shortKeys[k], t.shortNumbers[k] = key, int32(n+1)
	}
	return t
}

// slot returns the first slot that may contain a key.
func (t *wordTable) slot(key uint64) int { return int(key * 0x9e3779b97f4a7c15 >> t.shift) }

// number returns the number of a word in lower case, or 0.
func (t *wordTable) number(word []byte) int32 {
	if len(word) > maxShort {
		return t.long[string(word)]
	}
	return t.short(shortKey(word))
}

// short returns the number of the word with the given key, or 0.
func (t *wordTable) short(key uint64) int32 {
	keys, numbers := t.shortKeys, t.shortNumbers
	for k := t.slot(key); k < len(keys) && keys[k] != 0; k = (k + 1) & (len(keys) - 1) {
		if keys[k] == key {
			return numbers[k]
		}
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
