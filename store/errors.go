package store

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"syscall"

	"github.com/redis/go-redis/v9"

	"feedpub/feed"
)

// unavailableCodes returns the error codes of a server that temporarily cannot execute commands.
func unavailableCodes() []string {
	return []string{
		"LOADING",     // the server is loading its data after a start
		"MISCONF",     // the disk is full or failing; with an append-only file even PING is rejected
		"OOM",         // memory use exceeds maxmemory
		"READONLY",    // demoted to a replica by a failover
		"MASTERDOWN",  // a replica that lost its master
		"NOREPLICAS",  // fewer replicas than min-replicas-to-write
		"CLUSTERDOWN", // no master for the slot
		"TRYAGAIN",    // the slot is being moved
		"MOVED",       // the slot moved again while the client followed a redirection
		"ASK",
		"BUSY",      // running another client's script
		"EXECABORT", // one of the above occurred in a transaction
	}
}

// unavailableTexts returns the texts of errors that also indicate a temporary state but have no error code.
func unavailableTexts() []string {
	return []string{"max number of clients reached", "redis: cluster has no nodes"}
}

// invalidCode is the error code of a delegated operation whose error is of kind [feed.ErrInvalid]. Redis has no such
// code.
const invalidCode = "INVALID"

// isNil reports whether err, the error of a command in a pipeline, means that the key or field does not exist.
func isNil(err error) bool { return errors.Is(err, redis.Nil) }

// wrap adds the operation that failed, the kind of the error and, where that helps, the server's address. It returns
// nil if err is nil.
func (c *Client) wrap(op string, err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, redis.Nil):
		return fmt.Errorf("store %s: %w", op, feed.ErrNotFound)
	case hasKind(err):
		return fmt.Errorf("store %s: %w", op, err)
	case strings.HasPrefix(err.Error(), invalidCode+" "):
		return fmt.Errorf("store %s: %s: %w", op, strings.TrimPrefix(err.Error(), invalidCode+" "), feed.ErrInvalid)
	case unavailable(err):
		return fmt.Errorf("store %s at %s: %w: %w", op, c.address, feed.ErrUnavailable, err)
	default:
		return fmt.Errorf("store %s at %s: %w", op, c.address, err)
	}
}

func hasKind(err error) bool {
	for _, kind := range []error{feed.ErrInvalid, feed.ErrNotFound, feed.ErrStale, feed.ErrUnavailable, feed.ErrLocked} {
		if errors.Is(err, kind) {
			return true
		}
	}
	return false
}

// unavailable reports whether err means that the server is down, slow or in a temporary state.
func unavailable(err error) bool {
	if errors.Is(err, context.Canceled) {
		return false // the caller stopped waiting; the server may be up
	}
	// If a deadline expires during a command, the error is a network timeout; if it expired before the command, the
	// error is the context's.
	var n net.Error
	if errors.As(err, &n) || errors.Is(err, context.DeadlineExceeded) || errors.Is(err, os.ErrDeadlineExceeded) {
		return true
	}
	for _, target := range []error{
		io.EOF, io.ErrUnexpectedEOF, net.ErrClosed, io.ErrClosedPipe, redis.ErrPoolTimeout, redis.ErrPoolExhausted,
		syscall.ECONNREFUSED, syscall.ECONNRESET, syscall.EPIPE, syscall.ENOENT,
	} {
		if errors.Is(err, target) {
			return true
		}
	}
	text := err.Error()
	for _, code := range unavailableCodes() {
		// Redis 6 wraps the error of a script's command: "ERR Error running script …: -OOM command not allowed".
		if strings.HasPrefix(text, code+" ") ||
			strings.Contains(text, "-"+code+" ") || strings.Contains(text, ": "+code+" ") {
			return true
		}
	}
	for _, t := range unavailableTexts() {
		if strings.Contains(text, t) {
			return true
		}
	}
	return false
}
