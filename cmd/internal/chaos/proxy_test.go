package chaos

import (
	"io"
	"net"
	"sync"
	"testing"
	"time"
)

// disturbance is a fault that a proxy injects into its connections.
type disturbance string

const (
	none      disturbance = "none"
	delayed   disturbance = "delayed"    // each part of a reply arrives later
	dropped   disturbance = "dropped"    // nothing arrives in either direction, and connections stay open
	cut       disturbance = "cut"        // connections are closed, and new ones are refused
	halfOpen  disturbance = "half open"  // requests arrive, replies do not, and connections stay open
	lostReply disturbance = "lost reply" // requests arrive, and connections are closed before the reply
)

// proxy is a TCP proxy between a program and Redis.
type proxy struct {
	listener net.Listener
	to       string

	mu    sync.Mutex
	state disturbance
	conns map[net.Conn]bool
}

func newProxy(t *testing.T, to string) *proxy {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &proxy{listener: l, to: to, state: none, conns: map[net.Conn]bool{}}
	var serving sync.WaitGroup
	serving.Go(p.serve)
	t.Cleanup(func() {
		_ = l.Close()
		p.set(cut)
		serving.Wait()
	})
	return p
}

func (p *proxy) url() string { return "redis://" + p.listener.Addr().String() }

// set sets the disturbance.
func (p *proxy) set(d disturbance) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.state = d
	if d == cut || d == none { // connections that have lost data cannot be reused
		for c := range p.conns {
			_ = c.Close()
		}
	}
}

func (p *proxy) get() disturbance {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.state
}

// track closes a connection when the disturbance changes, and reports whether it may be used.
func (p *proxy) track(c net.Conn) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.state == cut {
		_ = c.Close()
		return false
	}
	p.conns[c] = true
	return true
}

func (p *proxy) release(c net.Conn) {
	_ = c.Close()
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.conns, c)
}

func (p *proxy) serve() {
	var copying sync.WaitGroup
	defer copying.Wait()
	for {
		client, err := p.listener.Accept()
		if err != nil {
			return
		}
		if !p.track(client) {
			continue
		}
		copying.Go(func() {
			defer p.release(client)
			server, err := net.DialTimeout("tcp", p.to, time.Second)
			if err != nil || !p.track(server) {
				return
			}
			defer p.release(server)
			copying.Go(func() {
				p.copy(server, client, false)
				_ = server.Close()
			})
			p.copy(client, server, true)
			_ = client.Close()
		})
	}
}

// copy forwards requests or replies, except those that the disturbance loses.
func (p *proxy) copy(to io.Writer, from io.Reader, reply bool) {
	buf := make([]byte, 64<<10)
	for {
		n, err := from.Read(buf)
		if err != nil {
			return
		}
		switch p.get() {
		case none:
		case delayed:
			if reply {
				<-time.After(150 * time.Millisecond)
			}
		case dropped:
			continue
		case halfOpen:
			if reply {
				continue
			}
		case lostReply:
			if reply {
				return
			}
		case cut:
			return
		}
		if _, err := to.Write(buf[:n]); err != nil {
			return
		}
	}
}
