package config_test

import (
	"testing"

	"feedpub/config"
)

func TestSize(t *testing.T) {
	for _, test := range []struct {
		text      string
		want      config.Size // -1 for an error
		marshaled string
	}{
		{"0", 0, "0"}, {"1", 1, "1"}, {"1000", 1000, "1000"}, {"1024", 1 << 10, "1KiB"}, {"512MiB", 512 << 20, "512MiB"},
		{"2048MiB", 2 << 30, "2GiB"}, {"8589934591GiB", 8589934591 << 30, "8589934591GiB"},
		{"8589934592GiB", -1, ""}, {"", -1, ""}, {"-1", -1, ""}, {"1.5GiB", -1, ""}, {"1GB", -1, ""}, {"1 GiB", -1, ""},
		{"MiB", -1, ""},
	} {
		got := config.Size(-1)
		if err := got.UnmarshalText([]byte(test.text)); (err != nil) != (test.want < 0) || got != test.want {
			t.Errorf("size %q: got %d and error %v, want %d", test.text, got, err, test.want)
		}
		if test.want < 0 {
			continue
		}
		if text, err := got.MarshalText(); err != nil || string(text) != test.marshaled {
			t.Errorf("size %q is marshaled as %q (error %v), want %q", test.text, text, err, test.marshaled)
		}
	}
}
