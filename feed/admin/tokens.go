package admin

import (
	"crypto/sha256"
	"crypto/subtle"
	"fmt"
	"io"
	"iter"
	"log/slog"
	"regexp"
	"slices"
	"strings"

	"feedpub/feed"
)

// Permission is an operation that a token allows.
type Permission string

// The permissions.
const (
	Read    Permission = "read"    // read lists and metrics from other machines; every token includes it
	Rebuild Permission = "rebuild" // trigger a rebuild
	Reload  Permission = "reload"  // reload the configuration
	Write   Permission = "write"   // store, delete and read posts, including drafts and private posts
)

// Permissions returns all permissions.
func Permissions() []Permission { return []Permission{Read, Rebuild, Reload, Write} }

// purpose returns what the permission allows, as a verb phrase.
func (r Permission) purpose() string {
	switch r {
	case Read:
		return "read lists and metrics"
	case Rebuild:
		return "rebuild feeds"
	case Reload:
		return "reload the configuration"
	case Write:
		return "store, delete or read posts"
	}
	return ""
}

// Token is a bearer token (RFC 6750) of an operator or writer. It holds only the hash of the secret, and prints, logs
// and marshals as its name.
type Token struct {
	name        string
	permissions []Permission
	sum         [sha256.Size]byte
}

// May reports whether the token has the given permission.
func (t Token) May(r Permission) bool { return r == Read || slices.Contains(t.permissions, r) }

// permissionsWith returns the token's permissions and r, as a tokens file lists them.
func (t Token) permissionsWith(r Permission) string {
	var list []string
	for _, known := range Permissions() {
		if known == r || slices.Contains(t.permissions, known) {
			list = append(list, string(known))
		}
	}
	return strings.Join(list, ",")
}

// Name returns the name of the token's owner, which logs and runs contain.
func (t Token) Name() string { return t.name }

var bearerToken = regexp.MustCompile(`^[A-Za-z0-9._~+/-]+=*$`)

// NewToken returns the token with the given secret. The name identifies its owner in logs. If no permissions are given,
// the token has [Rebuild]. If the secret is not a valid bearer token, or a permission is unknown, the error is of kind
// [feed.ErrInvalid]. It does not contain the secret.
func NewToken(name, secret string, permissions ...Permission) (Token, error) {
	if !bearerToken.MatchString(secret) {
		return Token{}, fmt.Errorf("token %q: want one or more of A-Z a-z 0-9 . _ ~ + / -, then any number of =: %w",
			name, feed.ErrInvalid)
	}
	if len(permissions) == 0 {
		permissions = []Permission{Rebuild}
	}
	for _, r := range permissions {
		if !slices.Contains(Permissions(), r) {
			return Token{}, fmt.Errorf("token %q: unknown permission %q, want one of %q: %w", name, r, Permissions(), feed.ErrInvalid)
		}
	}
	return Token{name: name, permissions: permissions, sum: sha256.Sum256([]byte(secret))}, nil
}

// String returns the token's name in brackets.
func (t Token) String() string { return "[token " + t.name + "]" }

// Format writes what String returns for every verb; otherwise %d would print the hash.
func (t Token) Format(s fmt.State, _ rune) { _, _ = io.WriteString(s, t.String()) }

// MarshalText returns what String does.
func (t Token) MarshalText() ([]byte, error) { return []byte(t.String()), nil }

// LogValue returns what String does.
func (t Token) LogValue() slog.Value { return slog.StringValue(t.String()) }

// Tokens is a list of accepted tokens.
type Tokens []Token

// ParseTokens parses the text of a tokens file: one token per line, optionally with a name ("alice: SECRET") and
// permissions ("alice [write,rebuild]: SECRET"). A token without a name is named after its line; a token without
// permissions has [Rebuild]. Empty lines and lines that begin with "#" are ignored. The error is of kind
// [feed.ErrInvalid] and names the line; a file without any token is an error.
func ParseTokens(text string) (Tokens, error) {
	var ts Tokens
	for t, err := range tokensIn(text) {
		if err != nil {
			return nil, err
		}
		ts = append(ts, t.Token)
	}
	if len(ts) == 0 {
		return nil, fmt.Errorf("tokens: no token found: %w", feed.ErrInvalid)
	}
	return ts, nil
}

// SecretWith returns the secret of the first token in the text of a tokens file that has the permission r. It is for
// programs that send requests to the admin interface. It returns false if there is no such token, or if the text has an
// error before it.
func SecretWith(text string, r Permission) (secret string, ok bool) {
	for t, err := range tokensIn(text) {
		if err != nil {
			return "", false
		}
		if t.May(r) {
			return t.secret, true
		}
	}
	return "", false
}

// tokenLine is a line of a tokens file.
type tokenLine struct {
	Token
	secret string
}

// tokensIn returns the tokens in the text of a tokens file, until the first error.
func tokensIn(text string) iter.Seq2[tokenLine, error] {
	return func(yield func(tokenLine, error) bool) {
		number := 0
		for line := range strings.Lines(text) {
			number++
			line = strings.TrimSpace(line)
			if line == "" || strings.HasPrefix(line, "#") {
				continue
			}
			name, secret, ok := strings.Cut(line, ":")
			if !ok {
				name, secret = fmt.Sprintf("line %d", number), line
			}
			name, permissions := cutPermissions(name)
			secret = strings.TrimSpace(secret)
			t, err := NewToken(name, secret, permissions...)
			if err != nil {
				err = fmt.Errorf("tokens: line %d: %w", number, err)
			}
			if !yield(tokenLine{t, secret}, err) || err != nil {
				return
			}
		}
	}
}

// cutPermissions splits "alice [write, rebuild]" into name and permissions. Empty brackets contain one empty
// permission, which is invalid.
func cutPermissions(s string) (name string, permissions []Permission) {
	s = strings.TrimSpace(s)
	name, list, ok := strings.Cut(s, "[")
	list, closed := strings.CutSuffix(list, "]")
	if !ok || !closed {
		return s, nil
	}
	for r := range strings.SplitSeq(list, ",") {
		permissions = append(permissions, Permission(strings.TrimSpace(r)))
	}
	return strings.TrimSpace(name), permissions
}

// Authenticate returns the token with the given secret, and false if there is none. It compares all hashes, each in
// constant time, so that its running time does not depend on the secret.
func (ts Tokens) Authenticate(secret string) (token Token, ok bool) {
	sum := sha256.Sum256([]byte(secret))
	for _, t := range ts {
		if subtle.ConstantTimeCompare(sum[:], t.sum[:]) == 1 {
			token, ok = t, true
		}
	}
	return token, ok
}
