// Command train makes the model by which package attribution reads credits, and evaluates it.
//
// It reads posts that are labelled with the credits that a careful reader takes from them. The sequence models of units
// and tokens are trained on the posts. The weights of certainty are trained on readings of posts by models that have
// not seen posts of the same form. The result depends only on the posts and the flags: the same input gives the same
// bytes.
package main

import (
	"bytes"
	"flag"
	"fmt"
	"io"
	"os"
	"strings"

	"feedpub/feed/attribution"
)

func main() {
	if err := run(os.Args[1:], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "train:", err)
		os.Exit(1)
	}
}

// run trains or evaluates as args say, and prints to w.
func run(args []string, w io.Writer) error {
	flags := flag.NewFlagSet("train", flag.ContinueOnError)
	posts := flags.String("posts", "posts/*.jsonl", "`pattern` of the files of posts to learn from")
	ruled := flags.String("ruled", "../../feed/attribution/testdata/own.jsonl",
		"`pattern` of the files of posts that the rules were written for; what the rules find in them is no evidence")
	check := flags.String("check", "", "`pattern` of the files of posts to evaluate on; nothing is learned from them")
	out := flags.String("out", "", "train on all posts and write the model to `file`")
	evaluate := flags.Bool("evaluate", false, "evaluate by cross-validation, beside the rules alone")
	diagram := flags.String("diagram", "", "with -evaluate, write a reliability diagram to this SVG `file`")
	misses := flags.Bool("misses", false, "with -evaluate or -check, print what is read wrongly")
	labels := flags.String("labels", "", "print the labels that the post with this `id` gives to its units and tokens")
	model := flags.String("model", "", "with -check, evaluate the model in `file` instead of the built-in one")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if *check != "" {
		return checkModel(*check, *model, *misses, w)
	}
	t, err := newTrainer(*posts, *ruled)
	if err != nil {
		return err
	}
	if *labels != "" {
		return t.printLabels(*labels, w)
	}
	if *evaluate {
		if err := t.crossValidate(*diagram, *misses, w); err != nil {
			return err
		}
	}
	if *out == "" {
		return nil
	}
	m, err := t.train()
	if err != nil {
		return err
	}
	var b bytes.Buffer
	if _, err := m.WriteTo(&b); err != nil {
		return err
	}
	return os.WriteFile(*out, b.Bytes(), 0o644)
}

// checkModel evaluates a model on the posts that match the pattern, beside the rules alone.
func checkModel(pattern, file string, misses bool, w io.Writer) error {
	posts, err := readPosts(pattern)
	if err != nil {
		return err
	}
	var m *attribution.Model
	if file != "" {
		data, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		if m, err = attribution.ReadModel(bytes.NewReader(data)); err != nil {
			return err
		}
	}
	fmt.Fprintln(w, header)
	for _, row := range []struct {
		name    string
		options attribution.Options
	}{{"rules alone", rulesAlone}, {"model", attribution.Options{Model: m}}} {
		var log []string
		one, _, err := scorePosts(row.options, posts, &log)
		if err != nil {
			return err
		}
		fmt.Fprintln(w, one.line(row.name))
		if misses && !row.options.RulesOnly {
			fmt.Fprintln(w, strings.Join(log, "\n"))
		}
	}
	return nil
}
