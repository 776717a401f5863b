package attribution

// scratch is memory that is used to read one post and then reused for the next. No part of a [Result] refers to it.
type scratch struct {
	tokens   []token
	analyses []analysis
	matcher  matcher
	units    []unit

	unitIDs, nearUnitIDs       []uint16
	unitFeatures, unitNear     [][]uint16
	unitCuts                   []int
	contexts                   []uint8
	tokenIDs, nearTokenIDs     []uint16
	tokenFeatures, tokenNear   [][]uint16
	tokenMarks                 []uint8
	tokenShapes                []int
	tokenContexts              []uint8
	decodedUnits, decodedToken decodeBuffers
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
	s.matcher = matcher{lastRound: s.matcher.lastRound, round: s.matcher.round}
	r.scratches.Put(s)
}
