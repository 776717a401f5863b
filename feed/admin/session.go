package admin

import (
	"crypto/rand"
	"crypto/subtle"
	"net/http"
	"net/netip"
	"sync"
	"time"
)

const (
	sessionCookie = "feedpub_session"
	// sessionAge is the time after which a person must sign in again.
	sessionAge = 12 * time.Hour
	// maxSessions is the maximum number of sessions; the oldest ends if there are more.
	maxSessions = 1000
	// An address that sends maxAttempts wrong tokens within attemptWindow may not sign in for the rest of the window.
	// After maxAllAttempts wrong tokens from all addresses, nobody may sign in until the window ends.
	maxAttempts    = 5
	maxAllAttempts = 100
	attemptWindow  = time.Minute
)

// Sessions holds the sessions of people who have signed in to the page with a token. A session ends when its token is
// removed from the configuration. It is safe for concurrent use.
type Sessions struct {
	mu       sync.Mutex
	byID     map[string]session
	attempts map[netip.Addr]int // numbers of wrong tokens since began
	all      int
	began    time.Time
}

// session is the session of a person who has signed in.
type session struct {
	token Token
	csrf  string // must be sent with each form
	since time.Time
}

// start begins a session and returns its id.
func (s *Sessions) start(t Token, now time.Time) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.byID == nil {
		s.byID = map[string]session{}
	}
	for len(s.byID) >= maxSessions {
		oldest := ""
		for id, x := range s.byID {
			if oldest == "" || x.since.Before(s.byID[oldest].since) {
				oldest = id
			}
		}
		delete(s.byID, oldest)
	}
	id := rand.Text()
	s.byID[id] = session{token: t, csrf: rand.Text(), since: now}
	return id
}

// of returns the session of a request, if the session has not expired and its token is still valid.
func (s *Sessions) of(r *http.Request, valid Tokens, now time.Time) (session, bool) {
	cookie, err := r.Cookie(sessionCookie)
	if err != nil {
		return session{}, false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	x, ok := s.byID[cookie.Value]
	if !ok {
		return session{}, false
	}
	if now.Sub(x.since) > sessionAge {
		delete(s.byID, cookie.Value)
		return session{}, false
	}
	for _, t := range valid {
		if subtle.ConstantTimeCompare(t.sum[:], x.token.sum[:]) == 1 {
			x.token = t // a reload may have changed the permissions of the token
			return x, true
		}
	}
	return session{}, false
}

func (s *Sessions) end(r *http.Request) {
	if cookie, err := r.Cookie(sessionCookie); err == nil {
		s.mu.Lock()
		defer s.mu.Unlock()
		delete(s.byID, cookie.Value)
	}
}

// mayTry reports whether an address may try a token.
func (s *Sessions) mayTry(from netip.Addr, now time.Time) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if now.Sub(s.began) > attemptWindow || s.attempts == nil {
		s.attempts, s.all, s.began = map[netip.Addr]int{}, 0, now
	}
	return s.attempts[from] < maxAttempts && s.all < maxAllAttempts
}

// failed counts a wrong token.
func (s *Sessions) failed(from netip.Addr) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.attempts[from]++
	s.all++
}

// clientAddr returns the address of a request's client.
func clientAddr(r *http.Request) netip.Addr {
	client, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return netip.Addr{}
	}
	return client.Addr().Unmap()
}

// matches reports whether a form contains the session's CSRF token.
func (x session) matches(r *http.Request) bool {
	return sameText(x.csrf, r.PostFormValue("csrf"))
}

// sameText reports whether two secrets are equal. Its running time does not depend on their contents.
func sameText(a, b string) bool { return subtle.ConstantTimeCompare([]byte(a), []byte(b)) == 1 }
