package attribution

import (
	"unicode"
	"unicode/utf8"
)

// wordTable is a hash table of a lexicon's words, for use in tokenizing texts. It is immutable and does not allocate.
type wordTable struct {
	words []string   // by number
	slots []wordSlot // a power of two
}

// wordSlot is a slot of a wordTable. The number is 0 if the slot is empty.
type wordSlot struct {
	hash   uint32
	number int32
}

// newWordTable returns a table of the words, which are in lower case, with their numbers.
func newWordTable(ids map[string]int32) *wordTable {
	size := 1
	for size < 2*len(ids) {
		size *= 2
	}
	t := &wordTable{words: make([]string, len(ids)+1), slots: make([]wordSlot, size)}
	for w, n := range ids {
		t.words[n] = w
	}
	for n, w := range t.words[1:] {
		h := hashWord([]byte(w))
		k := h & uint32(size-1)
		for t.slots[k].number != 0 {
			k = (k + 1) & uint32(size-1)
		}
		t.slots[k] = wordSlot{h, int32(n + 1)}
	}
	return t
}

// hashWord returns the FNV-1a hash of a word.
func hashWord(word []byte) uint32 {
	h := uint32(hashStart)
	for _, c := range word {
		h = (h ^ uint32(c)) * hashPrime
	}
	return h
}

// The parameters of the FNV-1a hash.
const hashStart, hashPrime = 2166136261, 16777619

// number returns the number of a word in lower case, or 0.
func (t *wordTable) number(word []byte) int32 { return t.find(hashWord(word), word) }

// find returns the number of a word in lower case with the given hash, or 0.
func (t *wordTable) find(h uint32, word []byte) int32 {
	mask := uint32(len(t.slots) - 1)
	for k := h & mask; t.slots[k].number != 0; k = (k + 1) & mask {
		if t.slots[k].hash == h && t.words[t.slots[k].number] == string(word) {
			return t.slots[k].number
		}
	}
	return 0
}

// maxWord is the length in bytes of the longest word that can have a number.
const maxWord = 24

// lookup returns the number of a word in a text, or 0 if it has none.
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
