// Plot draws charts of the results of deploy/bench/scale and deploy/bench/hub. It reads lines of JSON from standard
// input, which may contain several runs, and writes SVG files to a folder. Each chart shows the results of one day, on
// which its kinds of work were measured for the most sizes; if there are several such days, it shows the latest. If
// there are several results for the same size on that day, it shows the last one.
//
//	go -C deploy/bench run ./plot -out ../docs/scale < deploy/docs/scale/results.jsonl
package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"image/color"
	"io"
	"maps"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgsvg"
)

var number = regexp.MustCompile(`[0-9]+`)

// result is a line of the input.
type result struct {
	Work        string  `json:"work"`
	Date        string  `json:"date"` // such as 2026-11-29; empty in the oldest lines
	Posts       float64 `json:"posts"`
	Feeds       float64 `json:"feeds"`
	Subscribers float64 `json:"subscribers"`
	Seconds     float64 `json:"seconds"`
	// CPU and RedisCPU are the CPU times, in seconds, of the measured process and Redis.
	CPU      float64 `json:"cpu_seconds"`
	RedisCPU float64 `json:"redis_cpu_seconds"`
	P50      float64 `json:"p50_ms"`
	P99      float64 `json:"p99_ms"`
	MiB      float64 `json:"mib"`
	PeakMiB  float64 `json:"peak_mib"`
	RedisMiB float64 `json:"redis_mib"`
}

// chart shows how measurements of some kinds of work depend on the size of the data. Both axes are logarithmic.
type chart struct {
	file, title, x, y string
	along             func(result) float64
	lines             []line
}

// line is the curve of one kind of work.
type line struct {
	label, work string // in work, N stands for any number
	value       func(result) float64
}

func posts(r result) float64       { return r.Posts }
func feeds(r result) float64       { return r.Feeds }
func subscribers(r result) float64 { return r.Subscribers }

// sites returns the number of sites, which is part of the work's name.
func sites(r result) float64 {
	n, err := strconv.ParseFloat(number.FindString(r.Work), 64)
	if err != nil {
		return 0 // the work does not involve sites
	}
	return n
}
func seconds(r result) float64  { return r.Seconds }
func cpu(r result) float64      { return r.CPU }
func redisCPU(r result) float64 { return r.RedisCPU }
func bothCPU(r result) float64  { return r.CPU + r.RedisCPU }
func p50(r result) float64      { return r.P50 }
func p99(r result) float64      { return r.P99 }
func mib(r result) float64      { return r.MiB }
func peakMiB(r result) float64  { return r.PeakMiB }
func redisMiB(r result) float64 { return r.RedisMiB }

// percent returns a function that returns a CPU time as a percentage of the elapsed time.
func percent(of func(result) float64) func(result) float64 {
	return func(r result) float64 { return 100 * of(r) / r.Seconds }
}

// The names of the work that appears in several charts.
const (
	firstRead = "first read of all posts, and build"
	hugo      = "hugo: RSS feeds of the site, each tag and each author, from files"
	changed   = "one post changed, until a second process serves all its documents"
	siteTimes = "one of N sites changed, until it is served"
	notified  = "time from a change until all subscribers have it"
)

func charts() []chart {
	const cpuSeconds, memory, latency = "CPU time (s)", "memory (MiB)", "time (ms)"
	return []chart{
		{"first-read.svg", "First read of all posts: in proportion to their number", "posts", cpuSeconds, posts, []line{
			{"feedpub and Redis", firstRead, bothCPU},
			{"Hugo, RSS only", hugo, cpu},
		}},
		{"rebuild.svg", "Rebuild of all feeds: independent of the number of posts", "posts", cpuSeconds, posts, []line{
			{"Hugo, RSS only", hugo, cpu},
			{"nothing cached", "rebuild all, nothing cached", bothCPU},
			{"all cached", "rebuild all, items and fragments cached", bothCPU},
			{"nothing changed", "rebuild, nothing changed", bothCPU},
		}},
		{"memory.svg", "First read: the memory of the builder is bounded", "posts", memory, posts, []line{
			{"Hugo, peak", hugo, peakMiB},
			{"feedpub, peak", firstRead, peakMiB},
			{"Redis, afterwards", firstRead, redisMiB},
		}},
		{"change.svg", "One post changed, until all its documents are served", "posts", latency, posts, []line{
			{"99th percentile", changed, p99}, {"median", changed, p50},
		}},
		{"feeds.svg", "Memory of a server: bounded by server.memory", "feeds (three documents each)", memory, feeds, []line{
			{"all in memory", "many feeds from disk, all in memory: second read", mib},
			{"server.memory: 256MiB", "many feeds from disk, 256 MiB in memory: second read", mib},
			{"documents, gzip", "documents in gzip coding", mib},
		}},
		{"sites.svg", "Idle sites in one process: CPU time", "sites", "CPU time (% of a core)", sites, []line{
			{"feedpub", "N idle sites", percent(cpu)}, {"Redis", "N idle sites", percent(redisCPU)},
		}},
		{"sites-memory.svg", "Idle sites in one process: memory", "sites", memory, sites, []line{
			{"resident", "N idle sites", mib},
		}},
		{"sites-change.svg", "One of many sites changed, until it is served", "sites", latency, sites, []line{
			{"99th percentile", siteTimes, p99}, {"median", siteTimes, p50},
		}},
		{"subscribers.svg", "A change, until all subscribers have it", "subscribers", "time (s)", subscribers, []line{
			{"deliver a change", notified, seconds},
			{"subscribe, verify, deliver", "subscribe, verify and deliver the current version", seconds},
		}},
		{"subscribers-memory.svg", "Memory for subscriptions", "subscriptions", memory, subscribers, []line{
			{"server, peak", notified, peakMiB},
			{"Redis, all await a delivery", "subscriptions that all wait for a delivery", redisMiB},
			{"Redis", "subscriptions", redisMiB},
		}},
	}
}

func main() {
	out := flag.String("out", ".", "the folder for the pictures")
	flag.Parse()
	if err := run(os.Stdin, *out); err != nil {
		fmt.Fprintln(os.Stderr, "plot:", err)
		os.Exit(1)
	}
}

func run(in io.Reader, out string) error {
	var results []result
	lines := bufio.NewScanner(in)
	for lines.Scan() {
		var r result
		if err := json.Unmarshal(lines.Bytes(), &r); err != nil {
			return fmt.Errorf("line %d: %w", len(results)+1, err)
		}
		results = append(results, r)
	}
	if err := lines.Err(); err != nil {
		return err
	}
	for _, c := range charts() {
		if err := c.draw(results, filepath.Join(out, c.file)); err != nil {
			return fmt.Errorf("%s: %w", c.file, err)
		}
	}
	return nil
}

// of reports whether a result belongs to the line.
func (l line) of(r result) bool {
	return r.Work == l.work || number.ReplaceAllLiteralString(r.Work, "N") == l.work
}

// gap separates the text of a legend from its line. The fonts of browsers are wider than those that gonum measures.
const gap = "\u00a0\u00a0\u00a0\u00a0\u00a0\u00a0"

// minPoints is the minimum number of points of a curve.
const minPoints = 2

// points returns the points of each line on the day with the most points, sorted by size. If there are several such
// days, it returns those of the latest.
func (c chart) points(results []result) []plotter.XYs {
	days := map[string]bool{}
	for _, r := range results {
		days[r.Date] = true
	}
	var best []plotter.XYs
	most := 0
	for _, date := range slices.Sorted(maps.Keys(days)) {
		var all []plotter.XYs
		n := 0
		for _, l := range c.lines {
			xys := l.points(results, date, c.along)
			if all = append(all, xys); len(xys) >= minPoints {
				n += len(xys)
			}
		}
		if n >= most {
			best, most = all, n
		}
	}
	return best
}

// points returns the points of a line on a day, sorted by size.
func (l line) points(results []result, date string, along func(result) float64) plotter.XYs {
	at := map[float64]float64{}
	for _, r := range results {
		if x, y := along(r), l.value(r); r.Date == date && l.of(r) && x > 0 && y > 0 {
			at[x] = y
		}
	}
	var xys plotter.XYs
	for _, x := range slices.Sorted(maps.Keys(at)) {
		xys = append(xys, plotter.XY{X: x, Y: at[x]})
	}
	return xys
}

// style is the appearance of a curve. Curves also differ in their dashes and symbols, for readers who cannot tell the
// colors apart.
type style struct {
	color  color.Color
	dashes []vg.Length
	symbol draw.GlyphDrawer
}

func styles() []style {
	return []style{
		{color.RGBA{0x1b, 0x6c, 0xa8, 0xff}, nil, draw.CircleGlyph{}},
		{color.RGBA{0xc0, 0x48, 0x1f, 0xff}, []vg.Length{vg.Points(6), vg.Points(3)}, draw.BoxGlyph{}},
		{color.RGBA{0x2e, 0x7d, 0x32, 0xff}, []vg.Length{vg.Points(2), vg.Points(2)}, draw.TriangleGlyph{}},
		{color.RGBA{0x6a, 0x1b, 0x9a, 0xff}, []vg.Length{vg.Points(8), vg.Points(2), vg.Points(2), vg.Points(2)}, draw.PyramidGlyph{}},
	}
}

// draw writes the chart unless it has no curves.
func (c chart) draw(results []result, file string) error {
	p := plot.New()
	p.Title.Text, p.X.Label.Text, p.Y.Label.Text = c.title, c.x, c.y
	p.Title.Padding, p.X.Label.Padding, p.Y.Label.Padding = vg.Points(8), vg.Points(4), vg.Points(4)
	p.Title.TextStyle.Font.Size = 13
	for _, a := range []*plot.Axis{&p.X, &p.Y} {
		a.Label.TextStyle.Font.Size, a.Tick.Label.Font.Size = 11, 10
		a.Scale, a.Tick.Marker = plot.LogScale{}, ticks{}
	}
	p.BackgroundColor = color.White // needed on pages with a dark background
	p.Legend.TextStyle.Font.Size, p.Legend.Padding, p.Legend.ThumbnailWidth = 10, vg.Points(2), vg.Points(30)
	grid := plotter.NewGrid()
	grid.Horizontal.Color, grid.Vertical.Color = color.Gray{0xdd}, color.Gray{0xdd}
	p.Add(grid)
	drawn := 0
	least, most := plotter.XY{X: math.Inf(1), Y: math.Inf(1)}, plotter.XY{X: math.Inf(-1), Y: math.Inf(-1)}
	for i, xys := range c.points(results) {
		if len(xys) < minPoints {
			continue
		}
		for _, xy := range xys {
			least = plotter.XY{X: min(least.X, xy.X), Y: min(least.Y, xy.Y)}
			most = plotter.XY{X: max(most.X, xy.X), Y: max(most.Y, xy.Y)}
		}
		curve, symbols, err := plotter.NewLinePoints(xys)
		if err != nil {
			return err
		}
		s := styles()[i]
		curve.Color, curve.Width, curve.Dashes = s.color, vg.Points(1.5), s.dashes
		symbols.Color, symbols.Shape, symbols.Radius = s.color, s.symbol, vg.Points(3)
		p.Add(curve, symbols)
		p.Legend.Add(c.lines[i].label+gap, curve, symbols)
		drawn++
	}
	if drawn == 0 {
		return nil
	}
	p.X.Min, p.X.Max = least.X/1.15, most.X*1.15
	p.Y.Min, p.Y.Max = below(least.Y), above(most.Y)
	// The legend is at the right of the curves, so that it hides none of them.
	canvas := vgsvg.New(20*vg.Centimeter, 10*vg.Centimeter)
	area := draw.New(canvas)
	p.Legend.Top = true
	legend := p.Legend
	p.Legend = plot.NewLegend()
	area.SetColor(color.White)
	area.Fill(area.Rectangle.Path())
	right := legend.Rectangle(area).Size().X + vg.Points(8)
	p.Draw(draw.Crop(area, 0, -right, 0, 0))
	legend.Draw(draw.Crop(area, 0, -vg.Points(4), 0, -vg.Points(30)))
	return write(canvas, file)
}

// write writes a picture to a file.
func write(picture io.WriterTo, file string) (err error) {
	f, err := os.Create(file)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	_, err = picture.WriteTo(f)
	return err
}

// below returns the greatest number of 1, 2 and 5 times a power of ten that is not greater than value.
func below(value float64) float64 {
	unit := math.Pow(10, math.Floor(math.Log10(value)))
	for _, digit := range []float64{5, 2} {
		if digit*unit <= value {
			return digit * unit
		}
	}
	return unit
}

// above returns the least number of 1, 2 and 5 times a power of ten that is greater than value.
func above(value float64) float64 {
	unit := math.Pow(10, math.Floor(math.Log10(value)))
	for _, digit := range []float64{1, 2, 5} {
		if digit*unit > value {
			return digit * unit
		}
	}
	return 10 * unit
}

// ticks marks 1, 2 and 5 in each decade of a logarithmic axis, or only 1 if the axis spans more than three decades.
type ticks struct{}

// rounding is a bound for the relative error of the limits of an axis.
const rounding = 1e-9

// Ticks returns the marks from least to most.
func (ticks) Ticks(least, most float64) []plot.Tick {
	var marks []plot.Tick
	for exponent := math.Floor(math.Log10(least)); exponent <= math.Ceil(math.Log10(most)); exponent++ {
		for _, digit := range []float64{1, 2, 5} {
			value := digit * math.Pow(10, exponent)
			if value < least*(1-rounding) || value > most*(1+rounding) {
				continue
			}
			t := plot.Tick{Value: value}
			if digit == 1 || most/least < 1000 {
				t.Label = format(value)
			}
			marks = append(marks, t)
		}
	}
	return marks
}

// format writes a number with commas between thousands.
func format(value float64) string {
	text := strconv.FormatFloat(value, 'g', 3, 64)
	if value < 1000 {
		return text
	}
	text = strconv.FormatFloat(value, 'f', 0, 64)
	for i := len(text) - 3; i > 0; i -= 3 {
		text = text[:i] + "," + text[i:]
	}
	return text
}
