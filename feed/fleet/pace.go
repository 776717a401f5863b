package fleet

import (
	"sync/atomic"
	"time"
)

// perInterval is how many sites of a process report in one interval; with more, each reports the less often. It costs the
// store four small commands a report.
const perInterval = 250

// Pace is shared by the fleets of all sites of a process, so that what they cost the store is bounded. The zero Pace is
// ready for use, and nil is the pace of one site alone.
type Pace struct{ sites atomic.Int64 }

// join counts a site until the function returned is called.
func (p *Pace) join() (leave func()) {
	if p == nil {
		return func() {}
	}
	p.sites.Add(1)
	return func() { p.sites.Add(-1) }
}

// every returns how often each of the sites reports, if one alone would as often as given.
func (p *Pace) every(alone time.Duration) time.Duration {
	if p == nil {
		return alone
	}
	return alone * time.Duration(max(1, (p.sites.Load()+perInterval-1)/perInterval))
}
