package fast_test

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"runtime"
	"runtime/metrics"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"feedpub/feed"
	"feedpub/feed/serve"
)

// counter counts responses, and closes done when it has counted as many as wanted.
type counter struct {
	wanted int64
	served atomic.Int64
	done   chan struct{}
}

func (c *counter) Served(feed.Format, int, int) {
	if c.served.Add(1) == c.wanted {
		close(c.done)
	}
}

// stuck opens a connection with small buffers, sends a request, and never reads.
func stuck(t *testing.T, addr, raw string) net.Conn {
	t.Helper()
	d := net.Dialer{Control: func(_, _ string, c syscall.RawConn) error {
		return c.Control(func(fd uintptr) { _ = syscall.SetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_RCVBUF, 4096) })
	}}
	conn, err := d.DialContext(t.Context(), "tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	if _, err := io.WriteString(conn, raw); err != nil {
		t.Fatal(err)
	}
	return conn
}

// used returns the heap and stack bytes in use after garbage collections, which also empty the pools.
func used() int64 {
	for range 3 {
		runtime.GC()
	}
	s := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}, {Name: "/memory/classes/heap/stacks:bytes"}}
	metrics.Read(s)
	return int64(s[0].Value.Uint64() + s[1].Value.Uint64())
}

// TestClientsThatDoNotRead checks that 400 clients that request a feed of 430 KB without gzip, and do not read it, use
// little memory. It also checks that other clients are served in the meantime, and that the connections are closed
// after the write timeout.
func TestClientsThatDoNotRead(t *testing.T) {
	const clients, bound = 400, 60 << 20
	s := site(t, 430_000, feed.Main)
	for name := range engines {
		t.Run(name, func(t *testing.T) {
			limits := testLimits
			limits.WriteTimeout = 2 * time.Second
			count := &counter{wanted: clients, done: make(chan struct{})}
			tcp, err := net.ListenTCP("tcp", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)})
			if err != nil {
				t.Fatal(err)
			}
			var waiting sync.WaitGroup
			waiting.Add(clients)
			l := &closing{TCPListener: tcp, waiting: &waiting}
			l.left.Store(clients)
			addr := tcp.Addr().String()
			startOn(t, l, name, &serve.Front{Documents: fixed{s}, Observer: count}, limits, logTo(t))
			before := used()
			var conns []net.Conn
			for range clients {
				conns = append(conns, stuck(t, addr, request()))
			}
			<-count.done
			grown := used() - before
			t.Logf("%d clients that do not read use %d KB", clients, grown>>10)
			if grown > bound {
				t.Errorf("%d clients that do not read use %d MB, want at most %d", clients, grown>>20, bound>>20)
			}
			for _, encoding := range []string{"identity", "gzip"} {
				conn := dial(t, addr)
				if _, err := io.WriteString(conn, request("Accept-Encoding: "+encoding)); err != nil {
					t.Fatal(err)
				}
				res, err := http.ReadResponse(bufio.NewReader(conn), nil)
				if err != nil {
					t.Fatal(err)
				}
				n, err := io.Copy(io.Discard, res.Body)
				if err != nil || n != res.ContentLength {
					t.Errorf("a client that reads %s: %d of %d bytes, %v", encoding, n, res.ContentLength, err)
				}
			}
			waiting.Wait()
			for i, conn := range conns {
				// No client that stopped reading may receive the whole response, because the server has closed its connection.
				if n, err := io.Copy(io.Discard, conn); err == nil && n > 400_000 {
					t.Fatalf("client %d received %d bytes, want less: the write timeout must close the connection", i, n)
				}
			}
			if grown = used() - before; grown > bound/4 {
				t.Errorf("%d MB are still used when the clients are gone, want at most %d", grown>>20, bound>>22)
			}
		})
	}
}

// closing is a listener that adds its open connections to waiting, up to a maximum number.
type closing struct {
	*net.TCPListener
	waiting *sync.WaitGroup
	left    atomic.Int64 // number of connections that may still be added to waiting
}

// Accept implements [net.Listener].
func (l *closing) Accept() (net.Conn, error) {
	tcp, err := l.AcceptTCP()
	if err != nil {
		return nil, err
	}
	done := func() {}
	if l.left.Add(-1) >= 0 {
		done = sync.OnceFunc(l.waiting.Done)
	}
	return &closingConn{tcp, done}, nil
}

type closingConn struct {
	*net.TCPConn
	done func()
}

// Close implements [net.Conn].
func (c *closingConn) Close() error {
	err := c.TCPConn.Close()
	c.done()
	return err
}
