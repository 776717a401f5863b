package transfer

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"feedpub/feed"
)

// frontVisibility maps the front matter keys that determine whether a post is public to functions that parse their
// values. The keys are in lower case. Jekyll, Hugo, and common themes and plugins use them. As in Hugo, the case of
// keys is ignored.
var frontVisibility = map[string]func(front frontValue) (visibility, error){
	"draft": flagged(feed.Draft), "headless": flagged(feed.Draft), "deleted": flagged(feed.Draft),
	"private": flagged(feed.Private), "protected": flagged(feed.Private),
	"hidden": flagged(feed.Private), "unlisted": flagged(feed.Private),
	"password": frontValue.password,
	"status":   oneOf(frontStatuses), "post_status": oneOf(frontStatuses), "visibility": oneOf(frontAudiences),
	"published": frontValue.published,
	"build":     frontValue.build, "_build": frontValue.build,
	"expirydate": frontValue.expiry, "unpublishdate": frontValue.expiry,
}

// frontStatuses maps the values of the status key to visibilities: feedpub's own values, and WordPress's, which the
// exporters from WordPress to Jekyll and Hugo write.
var frontStatuses = map[string]visibility{
	"": {}, "published": {}, "publish": {}, "public": {},
	"draft": {status: feed.Draft}, "pending": {status: feed.Draft}, "auto-draft": {status: feed.Draft},
	"unpublished": {status: feed.Draft}, "trash": {status: feed.Draft}, "deleted": {status: feed.Draft},
	"private": {status: feed.Private}, "hidden": {status: feed.Private},
	"future": {scheduled: true}, "scheduled": {scheduled: true},
}

// frontAudiences maps the values of the visibility key to visibilities.
var frontAudiences = map[string]visibility{
	"": {}, "public": {},
	"private": {status: feed.Private}, "members": {status: feed.Private}, "paid": {status: feed.Private},
	"tiers": {status: feed.Private}, "password": {status: feed.Private}, "protected": {status: feed.Private},
	"hidden": {status: feed.Private}, "unlisted": {status: feed.Private}, "draft": {status: feed.Draft},
}

// frontValue is the value of a front matter key.
type frontValue struct {
	key     string
	value   any
	options Options
}

// unknown returns an error for a value with no known meaning.
func (f frontValue) unknown(want string) error {
	return fmt.Errorf("%s: want %s, got %q: %w", f.key, want, shorten(fmt.Sprint(f.value)), feed.ErrInvalid)
}

// text returns the value as lower-case text. The result ok is false for lists and objects.
func (f frontValue) text() (text string, ok bool) {
	switch f.value.(type) {
	case nil:
		return "", true
	case map[string]any, []any:
		return "", false
	default:
		return strings.ToLower(strings.TrimSpace(fmt.Sprint(f.value))), true
	}
}

// booleans contains the YAML 1.1 booleans, which many programs still accept, and the numbers 0 and 1.
var booleans = map[string]bool{
	"true": true, "yes": true, "on": true, "y": true, "1": true,
	"false": false, "no": false, "off": false, "n": false, "0": false, "": false,
}

// flagged returns a parser for a boolean key. If the value is true, the post has the given status.
func flagged(status feed.Status) func(frontValue) (visibility, error) {
	return func(f frontValue) (visibility, error) {
		text, ok := f.text()
		set, known := booleans[text]
		switch {
		case !ok || !known:
			return visibility{}, f.unknown("true or false")
		case set:
			return visibility{status: status}, nil
		default:
			return visibility{}, nil
		}
	}
}

// oneOf returns a parser for a key whose possible values are the keys of table.
func oneOf(table map[string]visibility) func(frontValue) (visibility, error) {
	return func(f frontValue) (visibility, error) {
		text, ok := f.text()
		v, known := table[text]
		if !ok || !known {
			names := slices.DeleteFunc(slices.Sorted(maps.Keys(table)), func(s string) bool { return s == "" })
			return v, f.unknown("one of " + strings.Join(names, ", "))
		}
		return v, nil
	}
}

// password parses a password. An empty value is not a password, but a quoted value of only spaces is.
func (f frontValue) password() (visibility, error) {
	if f.value == nil || f.value == "" || f.value == false {
		return visibility{}, nil
	}
	return visibility{status: feed.Private}, nil
}

// published parses the published key, which is a boolean in Jekyll and a date in Hugo.
func (f frontValue) published() (visibility, error) {
	text, ok := f.text()
	set, known := booleans[text]
	isYear, future := f.isYear()
	switch _, dated := f.date(); {
	case f.value == nil || dated:
		return visibility{}, nil // addSchedule handles dates
	case ok && !known && isYear:
		return yearVisibility(future), nil
	case !ok || !known:
		return visibility{}, f.unknown("true, false or a date")
	case set:
		return visibility{}, nil
	default:
		return visibility{status: feed.Draft}, nil
	}
}

// date returns the value as a date.
func (f frontValue) date() (time.Time, bool) {
	return dateAt(map[string]any{"": f.value}, f.options.location(), "")
}

// expiry parses the date after which a post is no longer public.
func (f frontValue) expiry() (visibility, error) {
	t, ok := f.date()
	switch {
	case f.value == nil || f.value == "":
		return visibility{}, nil
	case !ok:
		return visibility{}, f.unknown("a date")
	case !t.After(f.options.now()):
		return visibility{status: feed.Draft}, nil
	default:
		return visibility{note: fmt.Sprintf("%s %s is ignored: the post stays published after this date",
			f.key, t.Format(time.RFC3339))}, nil
	}
}

// buildOptions maps the values of Hugo's build options render and list to visibilities. Some values of render prevent
// Hugo from writing the page, and some values of list exclude the page from feeds.
var buildOptions = map[string]map[string]visibility{
	"render": {
		"": {}, "always": {}, "true": {},
		"never": {status: feed.Draft}, "link": {status: feed.Draft}, "false": {status: feed.Draft},
	},
	"list": {
		"": {}, "always": {}, "true": {},
		"never": {status: feed.Draft}, "local": {status: feed.Draft}, "false": {status: feed.Draft},
	},
}

// build parses Hugo's build options. A value that is not an object does not come from Hugo and is ignored.
func (f frontValue) build() (visibility, error) {
	given, _ := f.value.(map[string]any)
	var all visibility
	for _, key := range slices.Sorted(maps.Keys(given)) {
		table, ok := buildOptions[strings.ToLower(key)]
		if !ok {
			continue
		}
		option := frontValue{key: f.key + "." + key, value: given[key]}
		v, err := oneOf(table)(option)
		if err != nil {
			return all, err
		}
		all = all.stricter(v)
	}
	return all, nil
}

// frontMatterVisibility returns the visibility of a post according to its front matter.
func frontMatterVisibility(front map[string]any, o Options) (visibility, error) {
	var all visibility
	for _, key := range slices.Sorted(maps.Keys(front)) {
		read, ok := frontVisibility[strings.ToLower(key)]
		if !ok {
			continue
		}
		f := frontValue{key: key, value: front[key], options: o}
		v, err := read(f)
		if err != nil && f.isProseStatus() {
			v, err = visibility{status: feed.Draft, note: fmt.Sprintf("%s %q is not a known status: the post is a draft",
				key, shorten(fmt.Sprint(f.value)))}, nil
		}
		if err != nil {
			return all, err
		}
		all = all.stricter(v)
	}
	return all, nil
}

// isProseStatus reports whether the status of a post is text of several words, such as "second edition", which no
// program writes. Because it may mean that the post is not ready, such a post is a draft.
func (f frontValue) isProseStatus() bool {
	key := strings.ToLower(f.key)
	text, ok := f.value.(string)
	return ok && (key == "status" || key == "post_status") && len(strings.Fields(text)) > 1
}

// publishedStatus returns the status of a public post: published if the front matter says so, as in feedpub's own
// exports, and empty otherwise.
func publishedStatus(front map[string]any) feed.Status {
	if front["status"] == string(feed.Published) {
		return feed.Published
	}
	return ""
}

// scheduleKeys are the keys for the date when Hugo publishes a post.
var scheduleKeys = setOf("publishdate", "pubdate", "published")

// addSchedule replaces the date of a post with the value of one of scheduleKeys if that date is later. In Hugo, a post
// with a date in the past may be scheduled for the future.
func addSchedule(members, front map[string]any, o Options) error {
	for _, key := range slices.Sorted(maps.Keys(front)) {
		lower := strings.ToLower(key)
		f := frontValue{key: key, value: front[key], options: o}
		if !scheduleKeys[lower] || f.value == nil || f.value == "" {
			continue
		}
		t, ok := f.date()
		switch {
		case !ok && lower == "published":
			continue // the value is a boolean
		case !ok:
			return f.unknown("a date")
		}
		if date, dated := dateAt(members, o.location(), "date_published"); !dated || date.Before(t) {
			members["date_published"] = t.Format(time.RFC3339Nano)
		}
	}
	return nil
}
