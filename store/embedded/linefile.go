package embedded

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
)

// maxLineFile is the size in bytes at which a line file is compacted.
const maxLineFile = 4 << 20

// lineFile stores history that nothing depends on, as JSON values, one per line. The lines are not synced to the disk:
// after a power failure, the last ones may be missing, which does no harm. For the same reason, errors are only logged.
type lineFile struct {
	path  string
	files fileOps
	size  int64
}

// read calls decode for each line of the file.
func (f *lineFile) read(decode func(line []byte)) error {
	file, err := os.Open(f.path)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer func() { _ = file.Close() }()
	lines := bufio.NewScanner(file)
	lines.Buffer(nil, maxLineFile)
	for lines.Scan() {
		f.size += int64(len(lines.Bytes())) + 1
		decode(lines.Bytes())
	}
	return nil
}

// appendLines appends values to the file. If the file has become too large, it instead replaces the contents with the
// result of current, which returns all values that are still needed, including the new ones.
func appendLines[T any](f *lineFile, values []T, current func() ([]T, error)) error {
	if len(values) == 0 {
		return nil
	}
	if f.size > maxLineFile {
		all, err := current()
		if err != nil {
			return err
		}
		b, err := encodeValues(all)
		if err != nil {
			return err
		}
		if err := f.files.replace(f.path, b, 0o600); err != nil {
			return err
		}
		f.size = int64(len(b))
		return nil
	}
	b, err := encodeValues(values)
	if err != nil {
		return err
	}
	file, err := f.files.open(f.path, os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	// If an earlier write was incomplete, this ends its line, so that only that line is lost.
	n, err := file.Write(append([]byte("\n"), b...))
	f.size += int64(n)
	return errors.Join(err, file.Close())
}

func encodeValues[T any](values []T) ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	for _, v := range values {
		if err := enc.Encode(v); err != nil {
			return nil, fmt.Errorf("encode: %w", err)
		}
	}
	return b.Bytes(), nil
}
