package store_test

import (
	"strings"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2/server"

	"feedpub/store"
)

// TestAcquireMalformedReply checks that Acquire never returns token 0, which would not fence off other builders.
func TestAcquireMalformedReply(t *testing.T) {
	for _, tt := range []struct {
		name  string
		reply []string
	}{
		{"nothing", nil},
		{"one word", []string{"ok"}},
		{"three words", []string{"ok", "1", "2"}},
		{"no number", []string{"ok", "x"}},
		{"unknown word", []string{"no", "1"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s, err := server.NewServer("127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(s.Close)
			for cmd, answer := range map[string]server.Cmd{
				"CLIENT":  func(c *server.Peer, _ string, _ []string) { c.WriteOK() },
				"EVALSHA": func(c *server.Peer, _ string, _ []string) { c.WriteStrings(tt.reply) },
			} {
				if err := s.Register(cmd, answer); err != nil {
					t.Fatal(err)
				}
			}
			c := open(t, store.Options{URL: "redis://" + s.Addr().String()})
			token, err := c.Site(site).Acquire(t.Context(), "build", "me", time.Minute, time.UnixMilli(1), 0)
			if err == nil || token != 0 || !strings.HasPrefix(err.Error(), "store acquire build") {
				t.Errorf("Acquire with the reply %q = %d, %v; want an error", tt.reply, token, err)
			}
		})
	}
}
