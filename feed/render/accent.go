package render

import (
	"math"
	"regexp"
	"strconv"
	"strings"
)

// color holds the red, green and blue components of a color.
type color [3]int

func parseColor(hex string) color {
	n, _ := strconv.ParseUint(strings.TrimPrefix(hex, "#"), 16, 32) // an invalid accent is treated as black
	return color{int(n>>16) & 255, int(n>>8) & 255, int(n) & 255}
}

func (c color) String() string {
	return "#" + strconv.FormatInt(int64(1<<24|c[0]<<16|c[1]<<8|c[2]), 16)[1:]
}

// mix returns a mixture of the two colors. parts, from 0 to 32, is the share of other in 32nds.
func (c color) mix(other color, parts int) color {
	for i := range c {
		c[i] = (c[i]*(32-parts) + other[i]*parts) / 32
	}
	return c
}

// luminanceScale is the luminance of white. Luminances are integers, so that they are equal on all processors.
const luminanceScale = 10_000 * 1_000_000

// luminance returns the relative luminance (WCAG 2.2) of the color.
func (c color) luminance() int {
	sum := 0
	for i, weight := range []int{2126, 7152, 722} {
		v := float64(c[i]) / 255
		if v <= 0.04045 {
			v /= 12.92
		} else {
			v = math.Pow((v+0.055)/1.055, 2.4)
		}
		sum += weight * int(math.Round(v*1_000_000))
	}
	return sum
}

// isReadable reports whether text in the color on the background has a contrast ratio (WCAG 2.2) of at least 4.5.
func (c color) isReadable(background color) bool {
	a, b := c.luminance(), background.luminance()
	return (max(a, b)+luminanceScale/20)*10 >= (min(a, b)+luminanceScale/20)*45
}

// readable returns the mixture of c and end that is closest to c and readable on all backgrounds, or end if no mixture
// is.
func (c color) readable(backgrounds []color, end color) color {
	for parts := range 32 {
		next, ok := c.mix(end, parts), true
		for _, b := range backgrounds {
			ok = ok && next.isReadable(b)
		}
		if ok {
			return next
		}
	}
	return end
}

var background = regexp.MustCompile(`--(?:paper|card): (#[0-9a-f]{6})`)

// accentStyle returns the rules that give links the accent color. The color is darkened in the light scheme and
// lightened in the dark one, as much as necessary to make it readable. css is the style sheet of pages, which defines
// the backgrounds of the two schemes.
func accentStyle(css, accent string) string {
	var backgrounds []color
	for _, m := range background.FindAllStringSubmatch(css, -1) {
		backgrounds = append(backgrounds, parseColor(m[1]))
	}
	c, half := parseColor(accent), len(backgrounds)/2
	light := c.readable(backgrounds[:half], color{})
	dark := c.readable(backgrounds[half:], color{255, 255, 255})
	return "@media screen { :root { --link: " + light.String() + "; } html { border-top: .25rem solid " + c.String() +
		"; } }\n@media screen and (prefers-color-scheme: dark) { :root { --link: " + dark.String() + "; } }\n"
}
