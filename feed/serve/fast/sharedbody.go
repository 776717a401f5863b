package fast

import (
	"sync/atomic"

	"feedpub/feed/serve"
)

const (
	// minFile is the minimum length of a body that is sent from a memory file. Copying a shorter body takes less time than
	// the additional system call.
	minFile = 24 << 10
	// fileAfter is the number of times that a body is copied before a memory file is created for it.
	fileAfter = 8
	// maxFiles and maxFileBytes limit the memory files of a server. Other bodies are copied.
	maxFiles     = 256
	maxFileBytes = 32 << 20
)

// sharedBody is attached to a body that is sent with many responses.
type sharedBody struct {
	sent atomic.Uint32
	file atomic.Pointer[memoryFile]
}

// memoryFiles creates the memory files of a server within limits.
type memoryFiles struct{ files, bytes atomic.Int64 }

// of returns the memory file of a response's body, or nil if the body must be copied.
func (m *memoryFiles) of(res *serve.Response) *memoryFile {
	attached := res.Attachment()
	if attached == nil || len(res.Body) < minFile {
		return nil
	}
	shared, _ := attached.Load().(*sharedBody)
	if shared == nil {
		attached.CompareAndSwap(nil, new(sharedBody))
		shared, _ = attached.Load().(*sharedBody)
	}
	if f := shared.file.Load(); f != nil {
		return f
	}
	if shared.sent.Add(1)%fileAfter != 0 {
		return nil
	}
	f := m.create(res.Body)
	if f != nil {
		shared.file.Store(f)
	}
	return f
}

// create returns nil if a limit is reached, or if the system cannot create the file.
func (m *memoryFiles) create(body []byte) *memoryFile {
	length := int64(len(body))
	free := func() {
		m.files.Add(-1)
		m.bytes.Add(-length)
	}
	if files, bytes := m.files.Add(1), m.bytes.Add(length); files > maxFiles || bytes > maxFileBytes {
		free()
		return nil
	}
	f, err := newMemoryFile(body, free)
	if err != nil {
		free()
		return nil
	}
	return f
}
