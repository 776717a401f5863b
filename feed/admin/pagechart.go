package admin

import (
	"fmt"
	"html/template"
	"strings"
	"time"

	"feedpub/feed"
)

// chart draws the number of runs on each of the last 14 days as SVG. It contains no text from posts,
// so nothing in it needs escaping.
func chart(runs []feed.Run, now time.Time) template.HTML {
	const days, height, step, labeled = 14, 60, 22, 4 // every fourth day is labeled, for narrow screens
	var counts [days]map[string]int
	most := 0
	today := now.UTC().Truncate(24 * time.Hour)
	for _, r := range runs {
		day := days - 1 - int(today.Sub(r.Started.UTC().Truncate(24*time.Hour))/(24*time.Hour))
		if day < 0 || day >= days || r.Times > 1 {
			continue
		}
		if counts[day] == nil {
			counts[day] = map[string]int{}
		}
		counts[day][runClass(r)]++
		sum := 0
		for _, n := range counts[day] {
			sum += n
		}
		most = max(most, sum)
	}
	if most == 0 {
		return ""
	}
	var b strings.Builder
	fmt.Fprintf(&b, `<svg viewBox="0 0 %d %d" role="img" aria-label="Runs on each of the last %d days">`,
		days*step, height+30, days)
	for day, c := range counts {
		y := height + 12
		for _, class := range []string{"good", "warn", "bad"} {
			if n := c[class]; n > 0 {
				h := max(2, n*height/most)
				y -= h
				fmt.Fprintf(&b, `<rect class="%s" x="%d" y="%d" width="%d" height="%d"></rect>`, class, day*step+3, y, step-6, h)
			}
		}
		if (days-1-day)%labeled == 0 {
			fmt.Fprintf(&b, `<text x="%d" y="%d" text-anchor="end">%s</text>`, (day+1)*step, height+26,
				today.AddDate(0, 0, day-days+1).Format("2 Jan"))
		}
	}
	fmt.Fprintf(&b, `<text x="3" y="9">%d a day</text></svg>`, most)
	return template.HTML(b.String()) //nolint:gosec // safe: consists of numbers, dates and constants
}
