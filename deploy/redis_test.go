package deploy_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"feedpub/config"
	"feedpub/store"
	"feedpub/store/storetest"
)

// TestSentinelAndClusterExamples checks that feedpub accepts the feedpub configurations in the examples, and that Redis
// servers accept the other files.
func TestSentinelAndClusterExamples(t *testing.T) {
	for _, name := range []string{"sentinel", "cluster"} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			secret := filepath.Join(dir, "redis-password")
			if err := os.WriteFile(secret, []byte("swordfish\n"), 0o600); err != nil {
				t.Fatal(err)
			}
			text, err := os.ReadFile(filepath.Join("examples", name, "feedpub.yml"))
			if err != nil {
				t.Fatal(err)
			}
			copied := filepath.Join(dir, "feedpub.yml")
			changed := bytes.ReplaceAll(text, []byte("/etc/feedpub/redis-password"), []byte(secret))
			if err := os.WriteFile(copied, changed, 0o600); err != nil {
				t.Fatal(err)
			}
			c, err := config.Load(config.Options{
				File:          copied,
				Getenv:        func(string) string { return "" },
				CheckSchedule: func(string, *time.Location) error { return nil },
			})
			if err != nil {
				t.Fatalf("the configuration does not load:\n%v", err)
			}
			url, err := c.Redis.WithPassword(c.RedisPassword)
			if err != nil {
				t.Fatal(err)
			}
			client, err := store.Open(store.Options{URL: strings.Replace(url.Reveal(), "?tls_ca_file=/etc/feedpub/redis-ca.pem",
				"", 1)})
			if err != nil {
				t.Fatalf("the store does not open: %v", err)
			}
			if err := client.Close(); err != nil {
				t.Error(err)
			}
			storetest.StartConfigured(t, filepath.Join("examples", name, "redis.conf"))
		})
	}
	storetest.StartConfigured(t, filepath.Join("examples", "sentinel", "sentinel.conf"), "--sentinel")
}
