package storetest

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// Server is a redis-server or a Sentinel that a test has started.
type Server struct {
	t    testing.TB
	dir  string
	port int
	args []string // arguments in addition to those that all servers get

	mu   sync.Mutex
	cmd  *exec.Cmd
	done chan struct{} // closed when the process has ended
}

// Redis starts a redis-server on a free loopback port, with a temporary folder and without persistence, and returns its
// URL. Args are added to its command line. The server stops when the test ends.
func Redis(t testing.TB, args ...string) (url string) {
	t.Helper()
	return StartRedis(t, args...).URL()
}

// StartRedis is like Redis, for tests that stop, kill or restart the server. Args are added to its command line, such
// as "--maxmemory-policy", "allkeys-lru". If redis-server is not installed, the test fails rather than being skipped.
func StartRedis(t testing.TB, args ...string) *Server {
	t.Helper()
	return startServer(t, func(string) []string {
		return append([]string{"--save", "", "--appendonly", "no"}, args...)
	})
}

// StartConfigured starts a redis-server, or a Sentinel if args contain --sentinel, with a copy of a configuration file.
// The address and folder in the file are overridden. The test fails if the server does not start.
func StartConfigured(t testing.TB, file string, args ...string) *Server {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatalf("configuration of a redis-server: %v", err)
	}
	return startServer(t, func(dir string) []string {
		return append([]string{writeConf(t, dir, string(text))}, args...)
	})
}

// writeConf writes a configuration to a file in the server's folder, since Sentinels change the file, and returns its
// path.
func writeConf(t testing.TB, dir, text string) string {
	t.Helper()
	file := filepath.Join(dir, "redis.conf")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatalf("configuration of a redis-server: %v", err)
	}
	return file
}

// startServer starts a redis-server in a temporary folder, with the arguments that args returns for that folder.
func startServer(t testing.TB, args func(dir string) []string) *Server {
	t.Helper()
	if _, err := exec.LookPath("redis-server"); err != nil {
		t.Fatalf("this test needs redis-server: install it with \"apt-get install redis-server\" (%v)", err)
	}
	s := &Server{t: t, dir: t.TempDir()}
	t.Cleanup(func() { s.end(syscall.SIGKILL) })
	// Another process may take the port before the server listens on it.
	for range 5 {
		var err error
		if s.port, err = FreePort(); err != nil {
			t.Fatal(err)
		}
		s.args = args(s.dir)
		if s.start() {
			return s
		}
	}
	t.Fatalf("redis-server cannot be started: %s", s.log())
	return nil
}

// ports counts the ports that this process has tried.
var ports atomic.Uint32

// FreePort returns a free loopback port for a server in another process, which may be restarted on it. The port is not
// in the range of ephemeral ports, so that outgoing connections and listeners on port 0 do not take it in the meantime.
// A process does not return the same port twice.
func FreePort() (int, error) {
	const first, count = 10_000, 20_000
	for range count {
		// Processes that run at the same time start with different ports.
		port := first + (uint32(os.Getpid())*257+ports.Add(1))%count
		l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port))
		if err != nil {
			continue
		}
		_ = l.Close() // Close cannot fail, since l has no connections
		return int(port), nil
	}
	return 0, errors.New("no loopback port is free")
}

// start starts the process and reports whether it replies.
func (s *Server) start() bool {
	s.t.Helper()
	args := append(slices.Clone(s.args), "--port", fmt.Sprint(s.port), "--bind", "127.0.0.1", "--dir", s.dir,
		"--logfile", filepath.Join(s.dir, "log"), "--daemonize", "no")
	cmd := exec.Command("redis-server", args...)
	if err := cmd.Start(); err != nil {
		s.t.Fatalf("start redis-server: %v", err)
	}
	done := make(chan struct{})
	go func() {
		_ = cmd.Wait() // Wait returns an error if the server was killed
		close(done)
	}()
	s.mu.Lock()
	s.cmd, s.done = cmd, done
	s.mu.Unlock()
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); {
		select {
		case <-done:
			return false
		case <-time.After(5 * time.Millisecond): // poll, since the server does not signal that it is ready
		}
		if reply, err := s.command("PING"); err == nil && !strings.HasPrefix(reply, "-LOADING") {
			return true
		}
	}
	return false
}

// command sends an inline command on a new connection and returns the reply: the value of a bulk string, or the first
// line of any other reply.
func (s *Server) command(line string) (string, error) {
	c, err := net.DialTimeout("tcp", s.Addr(), 30*time.Second)
	if err != nil {
		return "", err
	}
	defer func() { _ = c.Close() }()
	if err := c.SetDeadline(time.Now().Add(30 * time.Second)); err != nil {
		return "", err
	}
	if _, err := fmt.Fprintf(c, "%s\r\n", line); err != nil {
		return "", err
	}
	r := bufio.NewReader(c)
	first, err := r.ReadString('\n')
	if err != nil {
		return "", err
	}
	first = strings.TrimSuffix(first, "\r\n")
	size, isBulk := strings.CutPrefix(first, "$")
	n, err := strconv.Atoi(size)
	if !isBulk || err != nil || n < 0 {
		return first, nil
	}
	text := make([]byte, n)
	_, err = io.ReadFull(r, text)
	return string(text), err
}

// Addr returns the server's host and port.
func (s *Server) Addr() string { return fmt.Sprintf("127.0.0.1:%d", s.port) }

// URL returns the server's URL for store.Options.
func (s *Server) URL() string { return "redis://" + s.Addr() + "/0" }

// Do sends a command, written as one line, and returns the reply: the value of a bulk string, or the first line of any
// other reply. An error reply fails the test.
func (s *Server) Do(line string) string {
	s.t.Helper()
	reply, err := s.command(line)
	if err != nil || strings.HasPrefix(reply, "-") {
		s.t.Fatalf("redis-server: %s: %q, %v", line, reply, err)
	}
	return reply
}

// Flush deletes all data.
func (s *Server) Flush() { s.t.Helper(); s.Do("FLUSHALL") }

// Stop ends the server with SIGTERM, as a service manager does, and waits for it to end.
func (s *Server) Stop() { s.end(syscall.SIGTERM) }

// Kill ends the server with SIGKILL and waits for it to end.
func (s *Server) Kill() { s.end(syscall.SIGKILL) }

// Restart starts a stopped or killed server again, on the same port and in the same folder.
func (s *Server) Restart() {
	s.t.Helper()
	if !s.start() {
		s.t.Fatalf("redis-server cannot be restarted on %s: %s", s.Addr(), s.log())
	}
}

// Pause suspends the process without closing its connections, until Resume is called. It simulates a machine that
// hangs.
func (s *Server) Pause() { s.signal(syscall.SIGSTOP) }

// Resume continues the process after Pause.
func (s *Server) Resume() { s.signal(syscall.SIGCONT) }

func (s *Server) signal(sig os.Signal) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.cmd.Process.Signal(sig); err != nil && !errors.Is(err, os.ErrProcessDone) {
		s.t.Errorf("redis-server: signal %v: %v", sig, err)
	}
}

func (s *Server) end(sig syscall.Signal) {
	s.mu.Lock()
	cmd, done := s.cmd, s.done
	s.mu.Unlock()
	if cmd == nil {
		return
	}
	select {
	case <-done:
		return
	default:
	}
	_ = cmd.Process.Signal(sig)
	select {
	case <-done:
	case <-time.After(10 * time.Second):
		_ = cmd.Process.Kill()
		<-done
	}
}

func (s *Server) log() string {
	b, err := os.ReadFile(filepath.Join(s.dir, "log"))
	if err != nil {
		return err.Error()
	}
	return string(b)
}

// Dir returns the server's working folder.
func (s *Server) Dir() string { return s.dir }
