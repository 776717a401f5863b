package serve

import (
	"context"
	"crypto/tls"
	"log/slog"
	"net"
	"net/http"
	"time"

	"feedpub/feed/serve/internal/connlimit"
)

// Limits bound the time and the memory that a client can take of a server. All are positive.
type Limits struct {
	ReadHeaderTimeout time.Duration // for a request's header
	ReadTimeout       time.Duration // for a whole request
	WriteTimeout      time.Duration // for a response
	IdleTimeout       time.Duration // between the requests of a connection
	MaxHeaderBytes    int           // of a request, its first line included
	MaxConnections    int           // open at a time; more wait to be accepted
}

// DefaultLimits returns limits under which 10,000 slow clients at a time leave others unharmed.
func DefaultLimits() Limits {
	return Limits{
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       10 * time.Second,
		WriteTimeout:      30 * time.Second,
		IdleTimeout:       60 * time.Second,
		MaxHeaderBytes:    16 << 10,
		MaxConnections:    20_000,
	}
}

// Server is the standard engine: net/http within limits, which it leaves open by itself. With TLS it speaks HTTP/2 too.
type Server struct {
	http           *http.Server
	maxConnections int
}

// NewServer returns a server for h. A nil tls is plain HTTP. Errors of connections go to log at debug level, since anyone
// can cause them.
func NewServer(h http.Handler, l Limits, tls *tls.Config, log *slog.Logger) *Server {
	return &Server{maxConnections: l.MaxConnections, http: &http.Server{
		Handler:           h,
		TLSConfig:         tls,
		ReadHeaderTimeout: l.ReadHeaderTimeout,
		ReadTimeout:       l.ReadTimeout,
		WriteTimeout:      l.WriteTimeout,
		IdleTimeout:       l.IdleTimeout,
		// net/http allows 4096 bytes more than it is told.
		MaxHeaderBytes: max(l.MaxHeaderBytes-4096, 1),
		ErrorLog:       slog.NewLogLogger(log.Handler(), slog.LevelDebug),
		// OPTIONS * is answered as any other OPTIONS.
		DisableGeneralOptionsHandler: true,
	}}
}

// Serve answers what comes in on l, which it closes in the end. It returns [http.ErrServerClosed] after Shutdown.
func (s *Server) Serve(l net.Listener) error {
	l = connlimit.Listen(l, s.maxConnections)
	if s.http.TLSConfig != nil {
		return s.http.ServeTLS(l, "", "")
	}
	return s.http.Serve(&strictListener{l})
}

// Shutdown accepts no more connections and waits until the requests under way are answered, or ctx ends.
func (s *Server) Shutdown(ctx context.Context) error { return s.http.Shutdown(ctx) }
