package feed_test

import (
	"fmt"
	"reflect"
	"testing"
	"time"

	"feedpub/feed"
)

// TestSiteFingerprint checks that the fingerprint depends on every field of Site and of the values nested in it. It
// fails if Fingerprint omits a field.
func TestSiteFingerprint(t *testing.T) {
	site := feed.Site{Authors: []feed.Author{{}, {}}, Hubs: []string{"a", "b"}}
	seen := map[string]string{site.Fingerprint(): "the unchanged Site"}
	check := func(change string) {
		t.Helper()
		f := site.Fingerprint()
		if other, ok := seen[f]; ok {
			t.Errorf("%s: fingerprint %s is equal to the fingerprint of %s, want a different one; "+
				"add the field to Site.Fingerprint", change, f, other)
		}
		seen[f] = change
	}
	changeEach(t, reflect.ValueOf(&site).Elem(), "Site", check)
	if got, want := len(seen)-1, 24; got < want {
		t.Errorf("%d changes were checked, want at least %d", got, want)
	}
}

// changeEach changes v and everything nested in it, one value at a time. It calls check after each change, with the
// path of the changed value, and undoes the change.
func changeEach(t *testing.T, v reflect.Value, path string, check func(change string)) {
	t.Helper()
	old := reflect.ValueOf(v.Interface()) // a copy of v
	set := func(to any) {
		v.Set(reflect.ValueOf(to).Convert(v.Type()))
		check(path)
		v.Set(old)
	}
	if when, ok := reflect.TypeAssert[time.Time](v); ok {
		set(when.Add(time.Hour))
		return
	}
	switch v.Kind() {
	case reflect.String:
		set(v.String() + path)
	case reflect.Bool:
		set(!v.Bool())
	case reflect.Int, reflect.Int64:
		set(v.Int() + 1)
	case reflect.Struct:
		for i := range v.NumField() {
			changeEach(t, v.Field(i), path+"."+v.Type().Field(i).Name, check)
		}
	case reflect.Slice:
		if v.Len() == 0 {
			t.Fatalf("%s is empty; give it two elements at the start of the test", path)
		}
		for i := range v.Len() {
			changeEach(t, v.Index(i), fmt.Sprintf("%s[%d]", path, i), check)
		}
		path += " with fewer elements"
		set(v.Slice(0, v.Len()-1).Interface())
	default:
		t.Fatalf("%s has the kind %s, which this test does not support; add it", path, v.Kind())
	}
}
