//go:build unix && !(linux && (amd64 || arm64))

package fast

import "syscall"

func recv(fd uintptr, p []byte) (int, error) { return syscall.Read(int(fd), p) }
