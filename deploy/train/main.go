// Command train trains and evaluates the model that package attribution uses to read credits.
//
// It reads posts labeled with the credits that a careful reader would find in them. The sequence models of units
// and tokens are trained on the posts. The trees for the certainties of readings, and for verdicts on credits, are
// trained on what models read that have not seen posts of the same form. The result depends only on the posts and
// flags, and is reproducible byte for byte.
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

// run trains or evaluates as args specify, and prints to w.
func run(args []string, w io.Writer) error {
	flags := flag.NewFlagSet("train", flag.ContinueOnError)
	posts := flags.String("posts", "posts/*.jsonl", "`pattern` of the files of posts to train on")
	ruled := flags.String("ruled", "../../feed/attribution/testdata/own.jsonl",
		"`pattern` of the files of posts that the rules were written for; training ignores what the rules find in them")
	late := flags.String("late", "posts/late/*.jsonl", "`pattern` of the files of posts that only the certainties and verdicts are trained on")
	check := flags.String("check", "", "evaluate the model in -model on the posts in the files that match `pattern`, without training")
	out := flags.String("out", "", "train on all posts and write the model to `file`")
	evaluate := flags.Bool("evaluate", false, "evaluate by cross-validation, with the rules alone for comparison")
	diagram := flags.String("diagram", "", "with -evaluate, write a reliability diagram to this SVG `file`")
	misses := flags.Bool("misses", false, "with -evaluate or -check, print the errors")
	labels := flags.String("labels", "", "print the labels of the units and tokens of the post with this `id`")
	model := flags.String("model", "", "with -check or -ablation, evaluate the model in `file`; -check evaluates the built-in model by default")
	ablation := flags.String("ablation", "", "evaluate the model in -model on the posts in the files that match `pattern`, without each\n"+
		"kind of feature")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if *ablation != "" {
		return ablate(*ablation, *model, w)
	}
	if *check != "" {
		return checkModel(*check, *model, *misses, w)
	}
	t, err := newTrainer(*posts, *ruled, *late)
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

// checkModel evaluates a model on the posts in the files that match the pattern, with the rules alone for comparison.
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
