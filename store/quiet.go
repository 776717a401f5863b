package store

import (
	"context"

	"github.com/redis/go-redis/v9"
)

// go-redis prints to the standard error what it also returns, once for each attempt to connect. Its logger is one for
// the process, so it is set before any client is made.
func init() { redis.SetLogger(quiet{}) }

type quiet struct{}

// Printf discards a message.
func (quiet) Printf(context.Context, string, ...any) {}
