package main

import (
	"errors"
	"fmt"
	"net"
	"os"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"feedpub/config"
)

// socketsVariable passes listening sockets to the program that replaces this one: "listen=FD,admin.listen=FD".
const socketsVariable = "FEEDPUB_SOCKETS"

// firstSocket is the first file descriptor that systemd passes (sd_listen_fds(3)).
const firstSocket = 3

// sockets are the listening sockets that this process was started with, by the configuration key of their address. They
// queue connections while no process accepts them, so a restart refuses none.
type sockets map[string]*os.File

// inheritedSockets returns the sockets passed by systemd or an earlier process of this program. Those from systemd
// belong to a socket unit: the one named "admin" (FileDescriptorName) is for operators, the other one for readers.
func inheritedSockets(getenv func(string) string) (sockets, error) {
	s := sockets{}
	if passed := getenv(socketsVariable); passed != "" {
		for entry := range strings.SplitSeq(passed, ",") {
			key, number, _ := strings.Cut(entry, "=")
			fd, err := strconv.ParseUint(number, 10, 31)
			if err != nil {
				return nil, fmt.Errorf("%s: want KEY=FD, got %q", socketsVariable, entry)
			}
			s.add(key, uintptr(fd))
		}
		return s, nil
	}
	if getenv("LISTEN_PID") != strconv.Itoa(os.Getpid()) {
		return s, nil // systemd passes no sockets, or they are for a different process
	}
	n, err := strconv.Atoi(getenv("LISTEN_FDS"))
	if err != nil || n < 0 || n > 100 {
		return nil, fmt.Errorf("LISTEN_FDS: want a number of sockets, got %q", getenv("LISTEN_FDS"))
	}
	names := strings.Split(getenv("LISTEN_FDNAMES"), ":")
	for i := range n {
		key := "listen"
		if i < len(names) && strings.HasPrefix(names[i], "admin") {
			key = "admin.listen"
		}
		if s[key] != nil {
			return nil, fmt.Errorf("systemd passes two sockets for %s; name the one for operators admin with "+
				"FileDescriptorName", key)
		}
		s.add(key, uintptr(firstSocket+i))
	}
	return s, nil
}

// add adds a socket. Programs that this process starts do not inherit it.
func (s sockets) add(key string, fd uintptr) {
	syscall.CloseOnExec(int(fd))
	s[key] = os.NewFile(fd, key)
}

// listen listens on the address of a key, using the socket that was passed for it or a new one.
func (s sockets) listen(key string, address config.Address) (net.Listener, error) {
	file := s[key]
	if file == nil {
		return listen(key, address)
	}
	l, err := net.FileListener(file)
	if err != nil {
		return nil, fmt.Errorf("%s: the socket that was passed to this process: %w", key, err)
	}
	return l, nil
}

// keep keeps the socket of a listener open after the listener is closed.
func (s sockets) keep(key string, l net.Listener) error {
	if s[key] != nil {
		return nil
	}
	tcp, ok := l.(*net.TCPListener)
	if !ok {
		return errors.New("not a TCP socket")
	}
	file, err := tcp.File()
	if err != nil {
		return fmt.Errorf("%s: %w", key, err)
	}
	s[key] = file
	return nil
}

// errRestart ends a server that will be replaced by a new instance of the program.
var errRestart = errors.New("restart")

// replace replaces this process with a new instance of the program, which inherits the sockets. It returns only on
// failure.
func (s sockets) replace(args, environ []string) error {
	program, err := os.Executable()
	if err != nil {
		return fmt.Errorf("restart: %w", err)
	}
	var passed []string
	for key, file := range s {
		fd := file.Fd()
		if _, _, errno := syscall.Syscall(syscall.SYS_FCNTL, fd, syscall.F_SETFD, 0); errno != 0 {
			return fmt.Errorf("restart: pass the socket of %s: %w", key, errno)
		}
		passed = append(passed, key+"="+strconv.FormatUint(uint64(fd), 10))
	}
	environ = slices.DeleteFunc(slices.Clone(environ), func(v string) bool {
		return strings.HasPrefix(v, socketsVariable+"=") || strings.HasPrefix(v, "LISTEN_")
	})
	environ = append(environ, socketsVariable+"="+strings.Join(passed, ","))
	return fmt.Errorf("restart: %w", syscall.Exec(program, args, environ))
}
