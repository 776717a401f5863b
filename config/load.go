package config

import (
	"bytes"
	"cmp"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"time"

	"github.com/goccy/go-yaml"
)

// The sources of values. Higher sources override lower ones.
const (
	layerFile = iota + 1
	layerEnvironment
	layerFlags
)

// Options are the sources of a configuration.
type Options struct {
	// File is the path of the YAML file. If it is empty, FEEDPUB_CONFIG names the file; if that is empty too, no file
	// is read.
	File string
	// Getenv returns the value of an environment variable, or "".
	Getenv func(name string) string
	// Environ lists the environment variables as "NAME=value". Those that begin with FEEDPUB_ but do not set any key are
	// errors. Optional.
	Environ []string
	// Flags are the values set on the command line.
	Flags []Flag
	// CheckSchedule returns an error if spec is not a schedule in the time zone loc. Required.
	CheckSchedule func(spec string, loc *time.Location) error
}

// Flag is a value set on the command line.
type Flag struct {
	Name  string // without the leading dashes, such as "admin-listen"
	Path  string // the key that it sets, such as "admin.listen"
	Value string
}

// Load returns the configuration from the sources of o, with secrets read from their files. The error is an [*Error]
// with all mistakes, unless the file cannot be read.
func Load(o Options) (Config, error) {
	c := Default()
	d := &decoder{origins: make(map[string]origin)}

	if path := cmp.Or(o.File, o.Getenv("FEEDPUB_CONFIG")); path != "" {
		text, err := os.ReadFile(path)
		if err != nil {
			return Config{}, fmt.Errorf("read the configuration: %w", err)
		}
		s := source{origin: origin{at: path, layer: layerFile}, dir: filepath.Dir(path), lines: true}
		d.yaml(s, "", string(text), reflect.ValueOf(&c).Elem())
	}
	for path, field := range leaves(reflect.ValueOf(&c).Elem(), "") {
		name := variable(path)
		if value := o.Getenv(name); value != "" {
			d.value(source{origin: origin{at: name, layer: layerEnvironment, key: path}}, path, value, field)
		}
	}
	d.checkEnviron(o.Environ)
	fields := maps.Collect(leaves(reflect.ValueOf(&c).Elem(), ""))
	for _, f := range o.Flags {
		d.value(source{origin: origin{at: "--" + f.Name, layer: layerFlags, key: f.Path}}, f.Path, f.Value, fields[f.Path])
	}

	d.chooseStore(&c)
	d.readSecrets(&c)
	d.readSites(&c)
	d.validate(&c, o.CheckSchedule)
	if c.Several() {
		d.validateSeveral(&c)
		d.validateSites(&c, o.CheckSchedule)
	}
	if len(d.problems) > 0 {
		return Config{}, &Error{Problems: slices.Compact(d.problems)}
	}
	return c, nil
}

// value sets the key at path to the text of a variable or flag.
func (d *decoder) value(s source, path, text string, v reflect.Value) {
	if isLeaf(v.Type()) {
		d.text(s, s.origin, path, text, v)
		return
	}
	d.yaml(s, path, text, v)
}

// chooseStore clears redis or dir if both are set in different layers, so that a flag or variable for one of them can
// override the other one in the file.
func (d *decoder) chooseStore(c *Config) {
	if c.Redis.IsZero() || c.Dir == "" {
		return
	}
	redis, dir := d.origins["redis"], d.origins["dir"]
	switch {
	case redis.layer > dir.layer:
		c.Dir = ""
	case dir.layer > redis.layer:
		c.Redis = RedisURL{}
	default:
		d.report(dir, "dir", "cannot be combined with redis; set only one of them")
	}
}

// readSecrets reads the files that contain secrets.
func (d *decoder) readSecrets(c *Config) {
	if c.RedisPasswordFile == "" {
		return
	}
	const path = "redis_password_file"
	if !c.RedisPassword.IsZero() {
		d.report(d.origins[path], path, "cannot be combined with redis_password; set only one of them")
		return
	}
	text, err := os.ReadFile(string(c.RedisPasswordFile))
	text = bytes.TrimRight(text, "\r\n")
	switch {
	case err != nil:
		d.report(d.origins[path], path, err.Error())
	case len(text) == 0:
		d.report(d.origins[path], path, fmt.Sprintf("the file %s is empty", c.RedisPasswordFile))
	default:
		c.RedisPassword = NewSecret(string(text))
	}
}

// Dump returns the configuration as a YAML file, without secrets.
func (c Config) Dump() ([]byte, error) {
	out, err := yaml.Marshal(c)
	if err != nil {
		return nil, fmt.Errorf("dump the configuration: %w", err)
	}
	return out, nil
}
