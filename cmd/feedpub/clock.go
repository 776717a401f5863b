//go:build !chaos

package main

import "time"

// now is the program's clock.
func now() time.Time { return time.Now() }
