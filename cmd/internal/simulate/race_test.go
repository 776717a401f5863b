//go:build race

package simulate

// raced is set if the race detector is on. It makes schedules ten times slower.
const raced = true
