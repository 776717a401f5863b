package attribution

// scratch is memory that is used to read one post and then reused for the next. No part of a [Result] refers to it.
type scratch struct {
	tokens   []token
	analyses []analysis
	matcher  matcher
	units    []unit
	blocks   slab[block]
	runs     slab[run]

	unitFeatures, tokenFeatures featureList
	contexts                    []uint8
	tokenMarks                  []uint8
	tokenShapes                 []int
	tokenContexts               []uint8
	decodedUnits, decodedToken  decodeBuffers
}

// maxScratchTokens is the number of tokens above which the memory of a post is not kept.
const maxScratchTokens = 1 << 15

// takeScratch returns memory to read a post.
func (r *Reader) takeScratch() *scratch {
	if s, ok := r.scratches.Get().(*scratch); ok {
		return s
	}
	return &scratch{}
}

// returnScratch makes the memory available for the next post.
func (r *Reader) returnScratch(s *scratch) {
	if cap(s.tokens) > maxScratchTokens {
		return
	}
	m := &s.matcher
	m.b, m.toks, m.rd, m.best = nil, nil, nil, nil
	m.m = match{cites: m.m.cites[:0]}
	s.blocks.reset()
	s.runs.reset()
	r.scratches.Put(s)
}

// slab allocates slices of values, whose memory it reuses after a reset.
type slab[T any] struct {
	chunks [][]T
	used   int // number of chunks from which values were taken
	free   []T // the rest of the last used chunk
}

// slabChunk is the minimum number of values that are allocated at once.
const slabChunk = 64

// take returns n zero values.
func (s *slab[T]) take(n int) []T {
	for n > len(s.free) {
		if s.used == len(s.chunks) {
			s.chunks = append(s.chunks, make([]T, max(n, slabChunk)))
		}
		s.free = s.chunks[s.used]
		s.used++
	}
	out := s.free[:n:n]
	s.free = s.free[n:]
	return out
}

// reset clears all values and makes them available again.
func (s *slab[T]) reset() {
	for _, c := range s.chunks[:s.used] {
		clear(c)
	}
	s.used, s.free = 0, nil
}
