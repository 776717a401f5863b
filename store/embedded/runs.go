package embedded

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"time"

	"feedpub/feed"
)

// maxRunsFile is the size in bytes at which the runs file is compacted.
const maxRunsFile = 4 << 20

// runsFile stores the records of runs, one per line. They are not synced to the disk: after a power failure, the last
// ones may be missing, which does no harm. For the same reason, an error does not make the run fail.
type runsFile struct {
	path  string
	files fileOps
	size  int64
}

// restore returns the runs in the file, oldest first, without those that a later run repeats. Lines that cannot be
// decoded are skipped.
func (f *runsFile) restore() ([]feed.Run, error) {
	file, err := os.Open(f.path)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("runs: %w", err)
	}
	defer func() { _ = file.Close() }()
	var log feed.RunLog
	lines := bufio.NewScanner(file)
	lines.Buffer(nil, maxRunsFile)
	for lines.Scan() {
		f.size += int64(len(lines.Bytes())) + 1
		var r feed.Run
		if json.Unmarshal(lines.Bytes(), &r) == nil && r.Trigger != "" {
			log.Add(r)
		}
	}
	runs := log.History(time.Now()).Runs
	slices.Reverse(runs)
	return runs, nil
}

// append adds runs to the file. Current returns the recorded runs, newest first; they replace the contents of the file
// when it has become too large.
func (f *runsFile) append(ctx context.Context, runs []feed.Run, current func(context.Context) (feed.RunHistory, error)) error {
	if len(runs) == 0 {
		return nil
	}
	if f.size > maxRunsFile {
		history, err := current(ctx)
		if err != nil {
			return err
		}
		slices.Reverse(history.Runs)
		b, err := encodeRuns(history.Runs)
		if err != nil {
			return err
		}
		if err := f.files.replace(f.path, b, 0o600); err != nil {
			return fmt.Errorf("runs: %w", err)
		}
		f.size = int64(len(b))
		return nil // current includes the runs
	}
	b, err := encodeRuns(runs)
	if err != nil {
		return err
	}
	file, err := f.files.open(f.path, os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o600)
	if err != nil {
		return fmt.Errorf("runs: %w", err)
	}
	// If an earlier write was incomplete, this ends its line, so that only that line is lost.
	n, err := file.Write(append([]byte("\n"), b...))
	f.size += int64(n)
	if err := errors.Join(err, file.Close()); err != nil {
		return fmt.Errorf("runs: %w", err)
	}
	return nil
}

func encodeRuns(runs []feed.Run) ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	for _, r := range runs {
		if err := enc.Encode(r); err != nil {
			return nil, fmt.Errorf("runs: %w", err)
		}
	}
	return b.Bytes(), nil
}
