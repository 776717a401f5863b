package render

import (
	"reflect"
	"strings"
	"testing"
	"time"

	"feedpub/feed"
)

func TestTranslationsAreComplete(t *testing.T) {
	for _, language := range []string{"en", "de", "es", "fr"} {
		w := wordsFor(language + "-XX")
		if w.lang != language {
			t.Errorf("wordsFor(%s) returns words in %s", language, w.lang)
		}
		v := reflect.ValueOf(w)
		for i := range v.NumField() {
			if v.Field(i).IsZero() {
				t.Errorf("%s has no translation for %s", language, v.Type().Field(i).Name)
			}
		}
		if n := len(strings.Fields(w.months)); n != 12 {
			t.Errorf("%s has %d months, want 12", language, n)
		}
		for _, family := range []feed.Family{"", feed.Tags, feed.Authors, feed.Sources} {
			if w.families[family] == "" {
				t.Errorf("%s has no title for feeds of family %q", language, family)
			}
		}
	}
}

func TestDay(t *testing.T) {
	when := time.Date(2014, 6, 1, 23, 30, 0, 0, time.FixedZone("", -5*60*60)) // 2 June in UTC
	for language, want := range map[string]string{
		"en-GB": "2 June 2014", "de": "2. Juni 2014", "es": "2 de junio de 2014", "fr": "2 juin 2014", "ja": "2014-06-02",
	} {
		if got := wordsFor(language).day(when, language); got != want {
			t.Errorf("day in %s is %q, want %q", language, got, want)
		}
	}
}

func TestDirection(t *testing.T) {
	for language, want := range map[string]string{
		"en": "ltr", "he": "rtl", "ar-EG": "rtl", "AR": "rtl", "az-Arab": "rtl", "ar-Latn": "ltr", "pa-Arab-PK": "rtl",
		"": "ltr", "heb": "ltr",
	} {
		if got := direction(language); got != want {
			t.Errorf("%q is written %s, want %s", language, got, want)
		}
	}
}
