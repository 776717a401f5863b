package config

import (
	"iter"
	"reflect"
	"strings"
)

// Key is a key of the configuration.
type Key struct {
	Path     string // such as "site.base_url"
	Variable string // such as "FEEDPUB_SITE_BASE_URL"
}

// Keys returns all keys in the order of [Config]. A list or map is one key.
func Keys() []Key {
	var keys []Key
	for path := range leaves(reflect.ValueOf(new(Config)).Elem(), "") {
		keys = append(keys, Key{Path: path, Variable: variable(path)})
	}
	return keys
}

// variable returns the name of the environment variable for the key at path.
func variable(path string) string {
	return "FEEDPUB_" + strings.ToUpper(strings.ReplaceAll(path, ".", "_"))
}

// leaves yields the path and value of every key in the section v, whose own path is given.
func leaves(v reflect.Value, path string) iter.Seq2[string, reflect.Value] {
	return func(yield func(string, reflect.Value) bool) {
		for key, field := range keysOf(v) {
			name := join(path, key)
			if field.Kind() == reflect.Struct && !isText(field.Type()) {
				for p, f := range leaves(field, name) {
					if !yield(p, f) {
						return
					}
				}
				continue
			}
			if !yield(name, field) {
				return
			}
		}
	}
}

// keysOf yields the keys of the section v and their values, with those of embedded structures.
func keysOf(v reflect.Value) iter.Seq2[string, reflect.Value] {
	return func(yield func(string, reflect.Value) bool) {
		for i := range v.NumField() {
			if v.Type().Field(i).Anonymous {
				for key, field := range keysOf(v.Field(i)) {
					if !yield(key, field) {
						return
					}
				}
				continue
			}
			key, _, _ := strings.Cut(v.Type().Field(i).Tag.Get("yaml"), ",")
			if !yield(key, v.Field(i)) {
				return
			}
		}
	}
}

// Changed returns the paths of the keys whose values differ between two configurations, in the order of [Config].
func Changed(a, b Config) []string {
	values := make(map[string]any)
	for path, v := range leaves(reflect.ValueOf(&a).Elem(), "") {
		values[path] = v.Interface()
	}
	var changed []string
	for path, v := range leaves(reflect.ValueOf(&b).Elem(), "") {
		if !reflect.DeepEqual(values[path], v.Interface()) {
			changed = append(changed, path)
		}
	}
	return changed
}
