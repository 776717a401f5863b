package posttest

import (
	"math/rand/v2"
	"slices"
	"strings"
)

const (
	vocabularySize = 30_000
	// A word of rank k has a frequency proportional to (zipfOffset+k)^-zipfExponent, the law of Zipf and Mandelbrot. The
	// generated words are less regular than English words; an exponent larger than that of English compensates for this.
	zipfExponent = 1.3
	zipfOffset   = 2.7
)

// frequent are the most frequent words, in descending order of frequency.
var frequent = strings.Fields(`the of and to in a is that for it as was with be by on not he I this are or his from at
which but have an had they you were there one all we can her has their been if more when will would who so no out up into
do any what some about only other new could time these two may then than them such my over our even most me after also
well many must before back see down made where through too first little good much like world still people year between`)

// A word that is not frequent has up to four syllables, which are composed of these parts.
var (
	onsets  = strings.Fields("b bl br c ch cl cr d dr f fl fr g gr h j k l m n p pl pr qu r s sc sh sl sp st str t th tr v w wh")
	vowels  = strings.Fields("a a a e e e e i i i o o o u ai ea ee ie io oa oo ou")
	codas   = append(strings.Fields("ck ct d l ll m n n n nd ng nt p r r rd rm rt s ss st t t x"), "", "", "", "", "", "", "")
	endings = append(strings.Fields("al ance ed ed ent er er es est ful ing ing ion ity ive less ly ly ment ous s s s tion"),
		"", "", "", "", "", "")
)

// vocabulary lists words by frequency, most frequent first.
type vocabulary []string

// newVocabulary returns the same words on every call.
func newVocabulary() vocabulary {
	r := rand.New(rand.NewPCG(seed, vocabularySize))
	v := slices.Clone(vocabulary(frequent))
	known := make(map[string]bool, vocabularySize)
	for _, w := range v {
		known[w] = true
	}
	for len(v) < vocabularySize {
		var w strings.Builder
		for range 1 + min(r.IntN(4), r.IntN(3)) {
			w.WriteString(onsets[r.IntN(len(onsets))] + vowels[r.IntN(len(vowels))] + codas[r.IntN(len(codas))])
		}
		w.WriteString(endings[r.IntN(len(endings))])
		if !known[w.String()] {
			known[w.String()] = true
			v = append(v, w.String())
		}
	}
	return v
}

// sentence returns a sentence of n words.
func (v vocabulary) sentence(r *rand.Rand, n int) string {
	ranks := rand.NewZipf(r, zipfExponent, zipfOffset, uint64(len(v)-1))
	s := make([]string, n)
	for i := range s {
		s[i] = v[ranks.Uint64()]
	}
	s[0] = strings.ToUpper(s[0][:1]) + s[0][1:]
	return strings.Join(s, " ")
}
