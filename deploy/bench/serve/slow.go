package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
)

// The slow clients run in a process of their own, which needs little of wrk's core: one byte for each client now and
// then. So they slow down the server, not wrk.
const (
	slowCommand = "slow-clients" // as the first argument of this program, with an address and a number
	drip        = 2 * time.Second
	dripParts   = 40 // groups of clients, so that bytes arrive evenly
	slowMinute  = time.Minute
)

// departure describes how the server closed the slow clients.
type departure struct {
	left int           // clients not closed within a minute
	took time.Duration // until the last was closed
}

// slowClients is a running process of slow clients.
type slowClients struct {
	cmd *exec.Cmd
	out *bufio.Reader
}

// startSlow starts slow clients and returns when all have sent half a request.
func (b *bench) startSlow(ctx context.Context) (*slowClients, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	cmd := pinned(ctx, b.loadCPU, "nice", "-n", "19", self, slowCommand, b.ours.addr, strconv.Itoa(b.clients))
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	s := &slowClients{cmd: cmd, out: bufio.NewReader(out)}
	if _, err := s.out.ReadString('\n'); err != nil {
		s.stop()
		return nil, fmt.Errorf("slow clients: %w", err)
	}
	return s, nil
}

// wait waits until all clients are closed, a minute at most.
func (s *slowClients) wait() (d departure, err error) {
	if _, err := fmt.Fscanln(s.out, &d.left, &d.took); err != nil {
		return d, fmt.Errorf("slow clients: %w", err)
	}
	return d, nil
}

func (s *slowClients) stop() {
	_ = s.cmd.Process.Kill()
	_ = s.cmd.Wait() // killed, or ended already
}

// beSlow is the process's main function: it prints "open" when all clients have sent half a request, and the departure
// at the end.
func beSlow(ctx context.Context, addr string, n int) error {
	conns, err := dial(ctx, addr, n, func(c net.Conn) error {
		_, err := io.WriteString(c, "GET /feed.xml HTTP/1.1\r\nHost: x\r\nX: ")
		return err
	})
	defer closeAll(conns)
	if err != nil {
		return err
	}
	fmt.Println("open")
	began := time.Now()
	var open atomic.Int64
	open.Store(int64(len(conns)))
	gone := make(chan struct{})
	var wg sync.WaitGroup
	for _, c := range conns {
		wg.Go(func() {
			_ = c.SetReadDeadline(began.Add(slowMinute))
			var timeout net.Error
			if _, err := io.Copy(io.Discard, c); !errors.As(err, &timeout) || !timeout.Timeout() {
				open.Add(-1)
			}
		})
	}
	go func() {
		wg.Wait()
		close(gone)
	}()
	ticker := time.NewTicker(drip / dripParts)
	defer ticker.Stop()
	for i := 0; ; i++ { // send another byte for some clients, which must not extend their time
		select {
		case <-gone:
			_, err := fmt.Println(open.Load(), int64(time.Since(began)))
			return err
		case <-ticker.C:
		}
		for k := i % dripParts; k < len(conns); k += dripParts {
			_, _ = conns[k].Write([]byte("a"))
		}
	}
}
