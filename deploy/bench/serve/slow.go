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

// The slow clients run in a separate process that uses little of wrk's core, since it only sends one byte for each
// client from time to time. They therefore slow down the server, but not wrk.
const (
	slowCommand = "slow-clients" // first argument of this program, followed by an address and a number
	drip        = 2 * time.Second
	dripParts   = 40 // number of client groups, so that bytes arrive evenly
	slowMinute  = time.Minute
)

// closeStats describes how the server closed the connections of slow clients.
type closeStats struct {
	left int           // number of clients not closed within a minute
	took time.Duration // time until the last connection was closed
}

// slowClients is a running process that simulates slow clients.
type slowClients struct {
	cmd *exec.Cmd
	out *bufio.Reader
}

// startSlow starts slow clients and returns when all of them have sent half a request.
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

// wait waits up to a minute for all connections to close.
func (s *slowClients) wait() (d closeStats, err error) {
	if _, err := fmt.Fscanln(s.out, &d.left, &d.took); err != nil {
		return d, fmt.Errorf("slow clients: %w", err)
	}
	return d, nil
}

func (s *slowClients) stop() {
	_ = s.cmd.Process.Kill()
	_ = s.cmd.Wait() // the process was killed or has already ended
}

// beSlow is the main function of the process: it prints "open" when all clients have sent half a request, and finally
// the statistics.
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
	for i := 0; ; i++ { // send another byte for some clients, which must not extend their deadlines
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
