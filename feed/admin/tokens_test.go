package admin

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"feedpub/feed"
)

func TestParseTokens(t *testing.T) {
	ts, err := ParseTokens("# comment\n\nalice: abc+/=\n  def.~-_  \r\nbob:ghi")
	if err != nil {
		t.Fatal(err)
	}
	for secret, want := range map[string]string{
		"abc+/=": "alice", "def.~-_": "line 4", "ghi": "bob", "alice": "", "": "",
	} {
		if got, ok := ts.Authenticate(secret); got.Name() != want || ok != (want != "") {
			t.Errorf("Authenticate(%q) = %q, %t; want %q", secret, got.Name(), ok, want)
		}
	}
	for name, text := range map[string]string{
		"empty": "", "only a comment": "# nothing\n", "a name without a token": "good\nalice:\n", "a space": "abc def",
		"beyond ASCII": "schlüssel", "only padding": "==", "a control character": "abc\x00",
	} {
		_, err := ParseTokens(text)
		if !errors.Is(err, feed.ErrInvalid) {
			t.Errorf("%s: %v, want ErrInvalid", name, err)
		}
		if err != nil && (strings.Contains(err.Error(), "abc") || strings.Contains(err.Error(), "schl")) {
			t.Errorf("%s: the error shows the secret: %v", name, err)
		}
	}
	if _, err := ParseTokens("good\nb a d"); err == nil || !strings.Contains(err.Error(), "line 2") {
		t.Errorf("error %v does not name line 2", err)
	}
}

func TestTokenRights(t *testing.T) {
	for _, test := range []struct {
		line           string
		name           string
		write, rebuild bool
	}{
		{"alice: abc", "alice", false, true}, // a token without permissions may only rebuild
		{"abc", "line 1", false, true},
		{"alice [write]: abc", "alice", true, false},
		{"alice [ rebuild ,write ]:abc", "alice", true, true},
		{"[write]: abc", "", true, false},
	} {
		ts, err := ParseTokens(test.line)
		if err != nil {
			t.Errorf("%s: %v", test.line, err)
			continue
		}
		got, ok := ts.Authenticate("abc")
		if !ok || got.Name() != test.name || got.May(Write) != test.write || got.May(Rebuild) != test.rebuild {
			t.Errorf("%s: %q may write: %t, rebuild: %t; want %q, %t, %t",
				test.line, got.Name(), got.May(Write), got.May(Rebuild), test.name, test.write, test.rebuild)
		}
	}
	for _, line := range []string{"alice [writ]: abc", "alice []: abc", "alice [write,]: abc", "alice [Write]: abc"} {
		if _, err := ParseTokens(line); !errors.Is(err, feed.ErrInvalid) {
			t.Errorf("%s: %v, want ErrInvalid", line, err)
		}
	}
}

func TestTokensAreRedacted(t *testing.T) {
	token, err := NewToken("alice", "hunter2")
	if err != nil {
		t.Fatal(err)
	}
	var log bytes.Buffer
	slog.New(slog.NewJSONHandler(&log, nil)).Info("m", "token", token, "config", Config{Tokens: Tokens{token}})
	slog.New(slog.NewTextHandler(&log, nil)).Info("m", "token", token, "all", Tokens{token})
	asJSON, err := json.Marshal(map[string]Token{"t": token})
	if err != nil {
		t.Fatal(err)
	}
	shown := fmt.Sprintf("%v %+v %#v %s %q %x %d %v", token, token, token, token, token, token, token, Tokens{token}) +
		log.String() + string(asJSON)
	hash := fmt.Sprint(token.sum[0], token.sum[1]) // as printed by %d
	if strings.Contains(shown, "hunter2") || strings.Contains(shown, hash) {
		t.Errorf("the token is shown in %s", shown)
	}
	if diff := cmp.Diff(`{"t":"[token alice]"}`, string(asJSON)); diff != "" {
		t.Errorf("tokens as JSON (-want +got):\n%s", diff)
	}
}

func FuzzParseTokens(f *testing.F) {
	for _, s := range []string{"", "a", "alice: abc\n# x\n", ":", "a:b:c", "\r\n\x00"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		ts, err := ParseTokens(text)
		if (err == nil) != (len(ts) > 0) {
			t.Errorf("%q: got %d tokens and error %v", text, len(ts), err)
		}
		if _, ok := ts.Authenticate(""); ok {
			t.Errorf("%q: Authenticate accepts the empty secret", text)
		}
	})
}

func TestSecretWith(t *testing.T) {
	const text = "# tokens\nann: one\neve [write,reload]: two\nmax [reload]: three\nbroken [odd]: four\nlate [write]: five\n"
	for _, tt := range []struct {
		permission Permission
		want       string
	}{{Rebuild, "one"}, {Reload, "two"}, {Write, "two"}} {
		if got, ok := SecretWith(text, tt.permission); !ok || got != tt.want {
			t.Errorf("SecretWith %q: got %q, %t; want %q", tt.permission, got, ok, tt.want)
		}
	}
	for _, text := range []string{"", "ann: one", "broken [odd]: four\nmax [reload]: three"} {
		if got, ok := SecretWith(text, Reload); ok {
			t.Errorf("SecretWith reload in %q: got %q, want none", text, got)
		}
	}
}
