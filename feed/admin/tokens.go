package admin

import (
	"crypto/sha256"
	"crypto/subtle"
	"fmt"
	"io"
	"log/slog"
	"regexp"
	"slices"
	"strings"

	"feedpub/feed"
)

// Right is what a token lets its bearer do.
type Right string

// The rights.
const (
	Rebuild Right = "rebuild" // trigger a rebuild
	Write   Right = "write"   // store, delete and read posts, drafts and private ones included
)

// Rights returns all rights.
func Rights() []Right { return []Right{Rebuild, Write} }

// Token is a bearer token (RFC 6750) that an operator or writer shows to be let in. Only its hash is kept, and however
// it is printed, logged or marshalled, it shows as its name.
type Token struct {
	name   string
	rights []Right
	sum    [sha256.Size]byte
}

// May reports whether the token's bearer has a right.
func (t Token) May(r Right) bool { return slices.Contains(t.rights, r) }

// Name returns whose token it is.
func (t Token) Name() string { return t.name }

var bearerToken = regexp.MustCompile(`^[A-Za-z0-9._~+/-]+=*$`)

// NewToken returns the token that is the given secret. Its name says whose it is, in logs. Without rights it has
// [Rebuild] only, the one there was before others. The error is of kind
// [feed.ErrInvalid] if the secret can't stand in a header as a bearer token does, and does not show it.
func NewToken(name, secret string, rights ...Right) (Token, error) {
	if !bearerToken.MatchString(secret) {
		return Token{}, fmt.Errorf("token %q: want one or more of A-Z a-z 0-9 . _ ~ + / - and = at its end: %w",
			name, feed.ErrInvalid)
	}
	if len(rights) == 0 {
		rights = []Right{Rebuild}
	}
	for _, r := range rights {
		if !slices.Contains(Rights(), r) {
			return Token{}, fmt.Errorf("token %q: want the rights %q, got %q: %w", name, Rights(), r, feed.ErrInvalid)
		}
	}
	return Token{name: name, rights: rights, sum: sha256.Sum256([]byte(secret))}, nil
}

// String returns the token's name in brackets.
func (t Token) String() string { return "[token " + t.name + "]" }

// Format writes what String returns, whatever the verb: %d would show the hash otherwise.
func (t Token) Format(s fmt.State, _ rune) { _, _ = io.WriteString(s, t.String()) }

// MarshalText returns what String does.
func (t Token) MarshalText() ([]byte, error) { return []byte(t.String()), nil }

// LogValue returns what String does.
func (t Token) LogValue() slog.Value { return slog.StringValue(t.String()) }

// Tokens are those that let somebody in.
type Tokens []Token

// ParseTokens reads a file's text: one token a line, with a name before it if it has one ("alice: SECRET"), and
// between them its rights if it has others than [Rebuild] ("alice [write,rebuild]: SECRET"); without a name it is called
// after its line. Empty lines and lines that begin with "#" are passed over. The error is of kind
// [feed.ErrInvalid] and names the line; it is one, too, if there is no token at all, since a file was given to let
// somebody in.
func ParseTokens(text string) (Tokens, error) {
	var ts Tokens
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
		name, rights := cutRights(name)
		t, err := NewToken(name, strings.TrimSpace(secret), rights...)
		if err != nil {
			return nil, fmt.Errorf("tokens: line %d: %w", number, err)
		}
		ts = append(ts, t)
	}
	if len(ts) == 0 {
		return nil, fmt.Errorf("tokens: there is none: %w", feed.ErrInvalid)
	}
	return ts, nil
}

// cutRights parts "alice [write, rebuild]" into the name and the rights. Brackets with nothing in them hold one right
// that there is not.
func cutRights(s string) (name string, rights []Right) {
	s = strings.TrimSpace(s)
	name, list, ok := strings.Cut(s, "[")
	list, closed := strings.CutSuffix(list, "]")
	if !ok || !closed {
		return s, nil
	}
	for r := range strings.SplitSeq(list, ",") {
		rights = append(rights, Right(strings.TrimSpace(r)))
	}
	return strings.TrimSpace(name), rights
}

// Authenticate returns the token that is the given secret, and false if none is. It takes the same time
// whichever it is: hashes of one length are compared, and all of them.
func (ts Tokens) Authenticate(secret string) (token Token, ok bool) {
	sum := sha256.Sum256([]byte(secret))
	for _, t := range ts {
		if subtle.ConstantTimeCompare(sum[:], t.sum[:]) == 1 {
			token, ok = t, true
		}
	}
	return token, ok
}
