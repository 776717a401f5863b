package main

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"feedpub/feed/attribution"
)

// ablate evaluates the model in file on the posts in the files that match the pattern, first with all features and then
// without each kind of feature. It does not train the other weights again, so the scores show which features the model
// relies on, not how well a model trained without them would do.
func ablate(pattern, file string, w io.Writer) error {
	posts, err := readPosts(pattern)
	if err != nil {
		return err
	}
	data, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	fmt.Fprintln(w, header)
	for _, kind := range append([]string{""}, featureKinds(data)...) {
		m, err := attribution.ReadModel(bytes.NewReader(withoutKind(data, kind)))
		if err != nil {
			return err
		}
		t, _, err := scorePosts(attribution.Options{Model: m}, posts, nil)
		if err != nil {
			return err
		}
		if kind == "" {
			kind = "all features"
		}
		fmt.Fprintln(w, t.line(kind))
	}
	return nil
}

// featureKinds returns the kinds of features in a model, in the order of the file.
func featureKinds(model []byte) []string {
	var kinds []string
	seen := make(map[string]bool)
	for line := range strings.Lines(string(model)) {
		section, names := featuresOf(line)
		for _, name := range names {
			if kind := section + " " + kindOf(name); !seen[kind] {
				seen[kind] = true
				kinds = append(kinds, kind)
			}
		}
	}
	return kinds
}

// featuresOf returns the section of a line of a model and the names of its features: one, or those of a tree. It
// returns none for lines without features.
func featuresOf(line string) (section string, names []string) {
	f := strings.Fields(line)
	switch {
	case len(f) < 2 || f[0] == "limits" || strings.HasPrefix(f[0], "#"):
		return "", nil
	case f[0] == "units" || f[0] == "tokens":
		return f[0], f[1:2]
	default:
		return f[0], f[1:min(len(f), 1+attribution.TreeDepth)]
	}
}

// kindOf returns the name of a feature without its value and without the prefix that marks a feature of a neighbor.
func kindOf(name string) string {
	name, _, _ = strings.Cut(name, "=")
	return strings.TrimPrefix(strings.TrimPrefix(name, "previous."), "next.")
}

// withoutKind returns the model without the features of the given kind, such as "units voice", or all of it if kind is
// empty. A tree treats such a feature as absent.
func withoutKind(model []byte, kind string) []byte {
	var b bytes.Buffer
	for line := range strings.Lines(string(model)) {
		section, names := featuresOf(line)
		isOfKind := func(name string) bool { return section+" "+kindOf(name) == kind }
		switch {
		case !slices.ContainsFunc(names, isOfKind):
		case len(names) == 1:
			continue
		default:
			line = withoutFeatures(strings.Fields(line), isOfKind)
		}
		b.WriteString(line)
	}
	return b.Bytes()
}

// withoutFeatures returns the line of a tree whose result does not depend on the given features.
func withoutFeatures(f []string, isOne func(name string) bool) string {
	leaves := f[1+attribution.TreeDepth:]
	for k, name := range f[1 : 1+attribution.TreeDepth] {
		if !isOne(name) {
			continue
		}
		for i := range leaves {
			leaves[i] = leaves[i&^(1<<k)]
		}
	}
	return strings.Join(f, " ") + "\n"
}
