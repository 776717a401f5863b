package fleet

import (
	"crypto/rand"
	"fmt"
	"os"
)

// NewID returns a unique id for this process. It includes the host and the process id, for operators.
func NewID() string {
	host, err := os.Hostname()
	if err != nil {
		host = "unknown"
	}
	return fmt.Sprintf("%s:%d:%s", host, os.Getpid(), rand.Text())
}
