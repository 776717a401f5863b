package main

import (
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"

	"feedpub/feed/attribution"
)

// The training parameters, which were chosen by cross-validation.
const (
	foldCount   = 5
	repeats     = 2     // number of divisions into folds; each yields certainty examples
	chainDecay  = 0.005 // regularization of the unit model
	tokenDecay  = 0.002 // regularization of the token model
	chainRate   = 0.1
	chainEpochs = 30
	ruledWeight = 0.5 // weight of posts that the rules were written for, in the sequence models
	// ruledCertain is the weight of these posts in the training of the trees. It is greater than ruledWeight,
	// since their forms are common ones, of which the other posts have few.
	ruledCertain = 0.8
	// misreadCertain is the weight, in the training of the trees, of posts that were written after real ones
	// that an earlier model misread. Such posts are rarer in the world than among those to train on.
	misreadCertain = 0.5
	// modelLimit and ruleLimit are the minimum certainties, in hundredths, for publishing passages that the model found
	// and passages that the rules found.
	modelLimit = 92
	ruleLimit  = 50
)

// misreadFile is the prefix of the names of the files of posts that were written after misread ones.
const misreadFile = "misread-"

// trainer holds the labeled posts.
type trainer struct {
	examples []*example
}

// newTrainer reads and labels the posts in the files that match the patterns: those to train everything on, those that
// the rules were written for, and those to train only the certainties on.
func newTrainer(posts, ruled, late string) (*trainer, error) {
	var list []*Post
	for _, group := range []struct {
		pattern string
		mark    func(p *Post)
	}{
		{posts, func(*Post) {}},
		{ruled, func(p *Post) { p.Ruled = true }},
		{late, func(p *Post) { p.Late = true }},
	} {
		if group.pattern == "" {
			continue
		}
		more, err := readPosts(group.pattern)
		if err != nil {
			return nil, err
		}
		for _, p := range more {
			group.mark(p)
		}
		list = append(list, more...)
	}
	reader, err := attribution.New(attribution.Options{Model: attribution.NewModel()})
	if err != nil {
		return nil, err
	}
	t := &trainer{}
	for _, p := range list {
		in, err := p.input()
		if err != nil {
			return nil, err
		}
		t.examples = append(t.examples, align(p, reader.Examine(in)))
	}
	return t, nil
}

// regroup divides the posts into folds; way selects one of several divisions.
func (t *trainer) regroup(way int) {
	var posts []*Post
	for _, e := range t.examples {
		posts = append(posts, e.post)
	}
	for i, k := range folds(posts, foldCount, way) {
		if t.examples[i].fold = k; way == 0 {
			t.examples[i].first = k
		}
	}
}

// noFold is a fold that contains no post.
const noFold = -1

// chains trains the two sequence models on the examples outside a fold.
func (t *trainer) chains(without int) *attribution.Model {
	var units, tokens [][]chainItem
	var unitWeight, tokenWeight []float64
	for _, e := range t.examples {
		if e.fold == without || e.post.Late {
			continue
		}
		weight := 1.0
		if e.post.Ruled {
			weight = ruledWeight
		}
		var s []chainItem
		for i, u := range e.units {
			s = append(s, chainItem{e.mask(u.Features, true), e.mask(u.Near, true), u.Border, e.labels[i]})
		}
		units, unitWeight = append(units, s), append(unitWeight, weight)
		for _, c := range e.credits {
			var s []chainItem
			for i, tok := range c.tokens {
				s = append(s, chainItem{e.mask(tok.Features, false), e.mask(tok.Near, false), 0, c.labels[i]})
			}
			tokens, tokenWeight = append(tokens, s), append(tokenWeight, weight)
		}
	}
	a := newChain(attribution.UnitShape())
	a.train(units, unitWeight, chainDecay)
	b := newChain(attribution.TokenShape())
	b.train(tokens, tokenWeight, tokenDecay)
	return attribution.NewModel().With(a.weights(), b.weights()).WithPassageLimits(modelLimit, ruleLimit)
}

// mask removes the features that depend on the rules if the rules were written for the post.
func (e *example) mask(features []uint16, units bool) []uint16 {
	if !e.post.Ruled {
		return features
	}
	return slices.DeleteFunc(slices.Clone(features), func(id uint16) bool { return attribution.FromRules(id, units) })
}

// crossFit holds out each fold in turn, trains the sequence models on the other folds, and applies them to the posts of
// the fold. It returns the models of the first division, by fold, and the certainty examples of all divisions.
func (t *trainer) crossFit() (models []*attribution.Model, sources, passages []sample, err error) {
	for way := range repeats {
		t.regroup(way)
		for k := range foldCount {
			m := t.chains(k)
			if way == 0 {
				models = append(models, m)
			}
			s, p, err := t.samples(m, k)
			if err != nil {
				return nil, nil, nil, err
			}
			sources, passages = append(sources, s...), append(passages, p...)
		}
	}
	t.regroup(0)
	return models, sources, passages, nil
}

// samples reads the posts of a fold with a model that was trained without it, and returns the certainty examples.
func (t *trainer) samples(m *attribution.Model, fold int) (sources, passages []sample, err error) {
	reader, err := attribution.New(attribution.Options{Model: m})
	if err != nil {
		return nil, nil, err
	}
	for _, e := range t.examples {
		if e.fold != fold {
			continue
		}
		in, err := e.post.input()
		if err != nil {
			return nil, nil, err
		}
		s, p := judge(e.post, reader.Examine(in), e.first, certainWeight(e.post)/repeats)
		sources, passages = append(sources, s...), append(passages, p...)
	}
	return sources, passages, nil
}

// certainWeight returns the weight of a post in the training of the trees.
func certainWeight(p *Post) float64 {
	switch {
	case p.Ruled:
		return ruledCertain
	case strings.HasPrefix(p.File, misreadFile):
		return misreadCertain
	default:
		return 1
	}
}

// judge returns the certainty examples of a post: each reading of a candidate's source and passage, and whether it is
// correct.
func judge(p *Post, x *attribution.Examination, fold int, weight float64) (sources, passages []sample) {
	units := unitsOf(p.Expect.Quotes)
	cs := x.Candidates
	owner := assign(len(cs), units, func(i int, u *unit) int {
		best := 0
		for _, s := range cs[i].Sources {
			best = max(best, u.affinity(&s.Source, ""))
			for _, r := range cs[i].Passages {
				best = max(best, u.affinity(&s.Source, r.Text))
			}
		}
		return best
	})
	for i, c := range cs {
		var u *unit
		if owner[i] >= 0 {
			u = units[owner[i]]
		}
		for _, s := range c.Sources {
			sources = append(sources, sample{s.Evidence, u != nil && u.found(&s.Source), fold, weight})
		}
		for _, r := range c.Passages {
			passages = append(passages, sample{r.Evidence, u != nil && u.begins(r.Text), fold, weight})
		}
	}
	return sources, passages
}

// withCertainties returns the model with the certainties of readings learned from the samples outside a fold.
func withCertainties(m *attribution.Model, sources, passages []sample, without int) *attribution.Model {
	return m.WithTrees(attribution.SourceSection, boost(sources, attribution.SourceSection, without)).
		WithTrees(attribution.PassageSection, boost(passages, attribution.PassageSection, without))
}

// withVerdicts returns the model with verdicts learned from the samples outside a fold.
func withVerdicts(m *attribution.Model, verdicts []sample, without int) *attribution.Model {
	return m.WithTrees(attribution.VerdictSection, boost(verdicts, attribution.VerdictSection, without))
}

// verdicts reads the posts of a fold with a model that was trained without it, and returns the examples for verdicts:
// each source as it would be published, and whether it is correct.
func (t *trainer) verdicts(m *attribution.Model, fold int) ([]sample, error) {
	reader, err := attribution.New(attribution.Options{Model: m})
	if err != nil {
		return nil, err
	}
	var list []sample
	for _, e := range t.examples {
		if e.fold != fold {
			continue
		}
		in, err := e.post.input()
		if err != nil {
			return nil, err
		}
		vs, units := reader.Verdicts(in), unitsOf(e.post.Expect.Quotes)
		owner := assign(len(vs), units, func(i int, u *unit) int { return u.affinity(&vs[i].Source, vs[i].Text) })
		for i, v := range vs {
			right := owner[i] >= 0 && units[owner[i]].found(&vs[i].Source)
			list = append(list, sample{v.Evidence, right, fold, certainWeight(e.post)})
		}
	}
	return list, nil
}

// learned holds what the models of all folds have learned.
type learned struct {
	models                      []*attribution.Model // by fold: trained without it, with the certainties of readings
	sources, passages, verdicts []sample
}

// learn trains a model for each fold, and collects the examples for certainties and verdicts.
func (t *trainer) learn() (*learned, error) {
	models, sources, passages, err := t.crossFit()
	if err != nil {
		return nil, err
	}
	l := &learned{models, sources, passages, nil}
	for k, m := range models {
		l.models[k] = withCertainties(m, sources, passages, k)
		more, err := t.verdicts(l.models[k], k)
		if err != nil {
			return nil, err
		}
		l.verdicts = append(l.verdicts, more...)
	}
	return l, nil
}

// train returns a model trained on all posts.
func (t *trainer) train() (*attribution.Model, error) {
	l, err := t.learn()
	if err != nil {
		return nil, err
	}
	return withVerdicts(withCertainties(t.chains(noFold), l.sources, l.passages, noFold), l.verdicts, noFold), nil
}

// crossValidate prints, for each fold, the scores of a model that was trained on the other folds, and those of the
// rules alone.
func (t *trainer) crossValidate(diagram string, misses bool, w io.Writer) error {
	l, err := t.learn()
	if err != nil {
		return err
	}
	rules, model := scores{}, scores{}
	var points []point
	var log []string
	for k, m := range l.models {
		m = withVerdicts(m, l.verdicts, k)
		posts := t.inFold(k)
		if _, err := rules.add(rulesAlone, posts, nil); err != nil {
			return err
		}
		more, err := model.add(attribution.Options{Model: m}, posts, &log)
		if err != nil {
			return err
		}
		points = append(points, more...)
	}
	fmt.Fprintln(w, header)
	rules.print(w, "rules alone")
	model.print(w, "model")
	printReliability(points, w)
	if misses {
		fmt.Fprintln(w, strings.Join(log, "\n"))
	}
	if diagram == "" {
		return nil
	}
	return os.WriteFile(diagram, drawReliability(points), 0o644)
}

// scores holds a tally for each file of posts.
type scores map[string]*tally

// add reads the posts and adds the results to the tallies of their files. If log is not nil, it appends the errors to
// it.
func (s scores) add(o attribution.Options, posts []*Post, log *[]string) ([]point, error) {
	byFile := map[string][]*Post{}
	for _, p := range posts {
		byFile[p.File] = append(byFile[p.File], p)
	}
	var points []point
	for _, file := range slices.Sorted(maps.Keys(byFile)) {
		one, more, err := scorePosts(o, byFile[file], log)
		if err != nil {
			return nil, err
		}
		if s[file] == nil {
			s[file] = &tally{}
		}
		s[file].add(one)
		points = append(points, more...)
	}
	return points, nil
}

// print prints the sum of the tallies, and each of them.
func (s scores) print(w io.Writer, name string) {
	var all tally
	for _, one := range s {
		all.add(*one)
	}
	fmt.Fprintln(w, all.line(name))
	for _, file := range slices.Sorted(maps.Keys(s)) {
		fmt.Fprintln(w, s[file].line("  "+file))
	}
}

// inFold returns the posts of a fold, except those that the rules were written for.
func (t *trainer) inFold(k int) []*Post {
	var list []*Post
	for _, e := range t.examples {
		if e.fold == k && !e.post.Ruled {
			list = append(list, e.post)
		}
	}
	return list
}

// rulesAlone are the options of the baseline, with its original threshold.
var rulesAlone = attribution.Options{RulesOnly: true, Threshold: 0.5}

// scorePosts reads the posts and compares the results with what is expected. If log is not nil, it appends the errors
// to it.
func scorePosts(o attribution.Options, posts []*Post, log *[]string) (tally, []point, error) {
	var all tally
	var points []point
	reader, err := attribution.New(o)
	if err != nil {
		return all, nil, err
	}
	for _, p := range posts {
		in, err := p.input()
		if err != nil {
			return all, nil, err
		}
		res := reader.Read(in)
		bad := all.score(p, res)
		if log != nil && len(bad) > 0 {
			*log = append(*log, p.ID+" "+p.Form+": "+strings.Join(bad, "; "))
		}
		points = append(points, pointsOf(p, res)...)
	}
	return all, points, nil
}

// printLabels prints the labels of the units and tokens of a post.
func (t *trainer) printLabels(id string, w io.Writer) error {
	for _, e := range t.examples {
		if e.post.ID != id {
			continue
		}
		k := 0
		for i, u := range e.units {
			fmt.Fprintf(w, "%-8s %s\n", attribution.UnitLabels[e.labels[i]], u.Text)
			if e.labels[i] != lead && e.labels[i] != tail && e.labels[i] != mention {
				continue
			}
			c := e.credits[k]
			k++
			for j, tok := range c.tokens {
				if c.labels[j] > 0 {
					fmt.Fprintf(w, "  %s/%s", tok.Text, attribution.TokenLabels[c.labels[j]])
				}
			}
			fmt.Fprintln(w)
		}
		return nil
	}
	return fmt.Errorf("no post has the id %q", id)
}
