package main

import (
	"bytes"
	"fmt"
	"io"
	"os"
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
		if kind := featureKind(line); kind != "" && !seen[kind] {
			seen[kind] = true
			kinds = append(kinds, kind)
		}
	}
	return kinds
}

// featureKind returns the section and the name of the feature in a line of a model, such as "units voice". It omits the
// value of the feature, and the prefix that marks a feature of a neighbor. It returns "" for lines that are not
// features.
func featureKind(line string) string {
	section, rest, ok := strings.Cut(line, " ")
	if !ok || section == "limits" || strings.HasPrefix(section, "#") {
		return ""
	}
	name, _, _ := strings.Cut(rest, " ")
	name, _, _ = strings.Cut(name, "=")
	name = strings.TrimPrefix(strings.TrimPrefix(name, "previous."), "next.")
	return section + " " + name
}

// withoutKind returns the model without the features of the given kind, or all of it if kind is empty.
func withoutKind(model []byte, kind string) []byte {
	var b bytes.Buffer
	for line := range bytes.Lines(model) {
		if kind == "" || featureKind(string(line)) != kind {
			b.Write(line)
		}
	}
	return b.Bytes()
}
