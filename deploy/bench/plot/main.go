// Plot draws charts of the results of deploy/bench/scale. It reads lines of JSON from standard input, which may contain
// several runs, and writes SVG files to a folder.
//
//	go -C deploy/bench run ./plot -out ../docs/scale < deploy/docs/scale/results.jsonl
package main

import (
	"bufio"
	"encoding/json"
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
)

var number = regexp.MustCompile(`[0-9]+`)

// result is a line of the output of deploy/bench/scale.
type result struct {
	Work    string  `json:"work"`
	Posts   float64 `json:"posts"`
	Feeds   float64 `json:"feeds"`
	Seconds float64 `json:"seconds"`
	// CPU and RedisCPU are the CPU times, in seconds, of feedpub and Redis.
	CPU      float64 `json:"cpu_seconds"`
	RedisCPU float64 `json:"redis_cpu_seconds"`
	P50      float64 `json:"p50_ms"`
	P99      float64 `json:"p99_ms"`
	MiB      float64 `json:"mib"`
}

// chart shows how measurements of some kinds of work depend on the size of the data.
type chart struct {
	file, title, x, y string
	along             func(result) float64
	lines             []line
	logarithmic       bool // whether both axes are logarithmic
}

// line is the curve of one kind of work.
type line struct {
	label, work string // in work, N stands for any number
	value       func(result) float64
}

func posts(r result) float64 { return r.Posts }
func feeds(r result) float64 { return r.Feeds }

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
func p50(r result) float64      { return r.P50 }
func p99(r result) float64      { return r.P99 }
func mib(r result) float64      { return r.MiB }

// percent returns a function that returns a CPU time as a percentage of the elapsed time.
func percent(of func(result) float64) func(result) float64 {
	return func(r result) float64 { return 100 * of(r) / r.Seconds }
}

func charts() []chart {
	const changed = "one post changed, until a second process serves all its documents"
	return []chart{
		{"time.svg", "Time of work on all posts", "posts", "seconds", posts, []line{
			{"import", "import from JSON Lines", seconds},
			{"first read, and build", "first read of all posts, and build", seconds},
			{"rebuild all, nothing cached", "rebuild all, nothing cached", seconds},
			{"rebuild all, fragments cached", "rebuild all, items and fragments cached", seconds},
			{"rebuild, nothing changed", "rebuild, nothing changed", seconds},
		}, true},
		{"memory.svg", "Memory", "posts", "MiB", posts, []line{
			{"Redis, posts compressed", "memory of Redis", mib},
			{"builder, at most", "peak memory of this process", mib},
		}, true},
		{"change.svg", "Time from a change to one post until all its documents are served", "posts", "ms", posts, []line{
			{"median", changed, p50}, {"99 of 100", changed, p99},
		}, true},
		{"feeds.svg", "Documents held in memory", "feeds", "MiB", feeds, []line{
			{"server, all in memory", "many feeds from disk, all in memory: second read", mib},
			{"server, bound of 256 MiB", "many feeds from disk, 256 MiB in memory: second read", mib},
			{"documents in gzip coding", "documents in gzip coding", mib},
		}, false},
		{"sites.svg", "CPU time that idle sites in one process use", "sites", "% of a core", sites, []line{
			{"feedpub", "N idle sites", percent(cpu)}, {"Redis", "N idle sites", percent(redisCPU)},
		}, false},
		{"sites-change.svg", "Time from a change to one of many sites until the change is served", "sites", "ms", sites, []line{
			{"median", "one of N sites changed, until it is served", p50},
			{"99 of 100", "one of N sites changed, until it is served", p99},
		}, false},
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

// points returns the points of a line, sorted by size. If several runs have the same size, the last one counts.
func (l line) points(results []result, along func(result) float64) plotter.XYs {
	at := map[float64]float64{}
	for _, r := range results {
		if x, y := along(r), l.value(r); l.of(r) && x > 0 && y > 0 {
			at[x] = y
		}
	}
	var xys plotter.XYs
	for _, x := range slices.Sorted(maps.Keys(at)) {
		xys = append(xys, plotter.XY{X: x, Y: at[x]})
	}
	return xys
}

// draw writes the chart unless it has no points.
func (c chart) draw(results []result, file string) error {
	p := plot.New()
	p.Title.Text, p.X.Label.Text, p.Y.Label.Text = c.title, c.x, c.y
	p.BackgroundColor = color.White // needed on pages with a dark background
	p.Legend.Top, p.Legend.Left = true, true
	p.Add(plotter.NewGrid())
	if c.logarithmic {
		p.X.Scale, p.Y.Scale = plot.LogScale{}, plot.LogScale{}
		p.X.Tick.Marker, p.Y.Tick.Marker = plot.LogTicks{Prec: -1}, plot.LogTicks{Prec: -1}
	}
	palette := []color.Color{
		color.RGBA{0x1b, 0x6c, 0xa8, 0xff}, color.RGBA{0xc0, 0x48, 0x1f, 0xff}, color.RGBA{0x2e, 0x7d, 0x32, 0xff},
		color.RGBA{0x6a, 0x1b, 0x9a, 0xff}, color.RGBA{0x45, 0x45, 0x45, 0xff},
	}
	drawn, least, most := 0, math.Inf(1), math.Inf(-1)
	for i, l := range c.lines {
		xys := l.points(results, c.along)
		if len(xys) < 2 {
			continue
		}
		for _, xy := range xys {
			least, most = min(least, xy.Y), max(most, xy.Y)
		}
		curve, dots, err := plotter.NewLinePoints(xys)
		if err != nil {
			return err
		}
		curve.Color, curve.Width, dots.Color = palette[i%len(palette)], vg.Points(1.5), palette[i%len(palette)]
		p.Add(curve, dots)
		p.Legend.Add(l.label, curve, dots)
		drawn++
	}
	if drawn == 0 {
		return nil
	}
	if c.logarithmic { // show whole decades and leave room for the legend
		p.Y.Min, p.Y.Max = math.Pow(10, math.Floor(math.Log10(least))), math.Pow(10, math.Ceil(math.Log10(most))+1)
	} else {
		p.Y.Min, p.Y.Max = 0, most*1.3
	}
	return p.Save(18*vg.Centimeter, 11*vg.Centimeter, file)
}
