//go:build linux && (amd64 || arm64)

package fast

import (
	"fmt"
	"os"
	"runtime"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// memoryFile is a file in memory. The system can send its bytes without copying them to a socket's buffers. They cannot
// be changed. The file is closed some time after the last use of the memoryFile.
type memoryFile struct {
	fd     uintptr
	length int
}

// seals prevent all changes to a memory file.
const seals = unix.F_SEAL_SEAL | unix.F_SEAL_SHRINK | unix.F_SEAL_GROW | unix.F_SEAL_WRITE

// newMemoryFile returns a file with a copy of p. It calls closed when the file has been closed, unless it returns an
// error.
func newMemoryFile(p []byte, closed func()) (*memoryFile, error) {
	fd, err := unix.MemfdCreate("feedpub-body", unix.MFD_CLOEXEC|unix.MFD_ALLOW_SEALING)
	if err != nil {
		return nil, fmt.Errorf("fast engine: %w", os.NewSyscallError("memfd_create", err))
	}
	if err := fill(fd, p); err != nil {
		_ = unix.Close(fd) // the file is not used
		return nil, fmt.Errorf("fast engine: file in memory: %w", err)
	}
	f := &memoryFile{fd: uintptr(fd), length: len(p)}
	runtime.AddCleanup(f, func(fd int) {
		_ = unix.Close(fd) // closing a file in memory loses nothing that is needed
		closed()
	}, fd)
	return f, nil
}

// fill writes p to an empty file and seals the file.
func fill(fd int, p []byte) error {
	for len(p) > 0 {
		n, err := unix.Write(fd, p)
		if err != nil {
			return os.NewSyscallError("write", err)
		}
		p = p[n:]
	}
	_, err := unix.FcntlInt(uintptr(fd), unix.F_ADD_SEALS, seals)
	return os.NewSyscallError("fcntl", err)
}

// sendEnd sends the last n bytes of the file, or some of them, to a socket. It returns the number of bytes sent.
func (f *memoryFile) sendEnd(socket uintptr, n int) (int, syscall.Errno) {
	offset := int64(f.length - n)
	sent, _, errno := syscall.RawSyscall6(syscall.SYS_SENDFILE, socket, f.fd, uintptr(unsafe.Pointer(&offset)),
		uintptr(n), 0, 0)
	return int(sent), errno
}
