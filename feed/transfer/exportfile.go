package transfer

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"

	"feedpub/feed"
	"feedpub/feed/coding"
)

// exportVersion is the version of the format of export files. Files of later versions are rejected.
const exportVersion = 1

// Export describes an export file.
type Export struct {
	Site    feed.SiteID
	Posts   int // number of posts
	Records int // number of records
}

// exportStart and exportEnd are the first and the last line of an export file. The checksum is that of the decompressed
// bytes before the last line.
type (
	exportStart struct {
		Version int         `json:"version"`
		Site    feed.SiteID `json:"site"`
	}
	exportEnd struct {
		Posts   int    `json:"posts"`
		Records int    `json:"records"`
		SHA256  string `json:"sha256"`
	}
)

// The beginnings of the first and the last line of an export file.
const (
	startMember = `{"_export":`
	endMember   = `{"_end":`
)

// ExportWriter writes an export file: the lines of a [Writer], compressed with gzip, between a first line that names
// the site and a last line with the number of posts, the number of records, and a SHA-256 checksum. With these two
// lines, [Read] and [VerifyExport] detect whether a file is truncated, lacks lines or was changed. Every system can
// decompress gzip, so that a backup can be read without feedpub.
type ExportWriter struct {
	*Writer
	gzip io.WriteCloser
	sum  hash.Hash
}

// NewExportWriter returns an ExportWriter that writes to w. Call [ExportWriter.Close] after the last entry: a file
// without its end is incomplete.
func NewExportWriter(w io.Writer, site feed.SiteID) (*ExportWriter, error) {
	e := &ExportWriter{gzip: coding.NewGzipWriter(w), sum: sha256.New()}
	e.Writer = NewWriter(io.MultiWriter(e.gzip, e.sum))
	start, err := json.Marshal(map[string]exportStart{"_export": {exportVersion, site}})
	if err == nil {
		err = e.line(start)
	}
	if err != nil {
		return nil, fmt.Errorf("write the start of the export: %w", err)
	}
	return e, nil
}

// Close writes the last line. It does not close the underlying writer.
func (e *ExportWriter) Close() error {
	if err := e.Flush(); err != nil {
		return err
	}
	end, err := json.Marshal(map[string]exportEnd{"_end": {e.posts, e.records, hex.EncodeToString(e.sum.Sum(nil))}})
	if err == nil {
		_, err = e.gzip.Write(append(end, '\n'))
	}
	if err = errors.Join(err, e.gzip.Close()); err != nil {
		return fmt.Errorf("write the end of the export: %w", err)
	}
	return nil
}

// Counts returns the number of posts and the number of records that were written.
func (w *Writer) Counts() (posts, records int) { return w.posts, w.records }

// sealChecker checks the lines of an export file against its last line.
type sealChecker struct {
	sum   hash.Hash
	found Export
	ended bool
}

// checkSeal checks a line of a JSON Lines file. It reports whether the line is the first or the last line of an export
// file. Neither of these contains a post or a record. The error is of kind [ErrDamaged].
func (j *jsonReader) checkSeal(line []byte, pos string) (sealed bool, err error) {
	damaged := func(format string, args ...any) error {
		return fmt.Errorf("%s: %s: %w", pos, fmt.Sprintf(format, args...), ErrDamaged)
	}
	begins, ends := bytes.HasPrefix(line, []byte(startMember)), bytes.HasPrefix(line, []byte(endMember))
	switch {
	case begins && j.seal == nil && pos == j.pos(1):
		var start struct {
			Export exportStart `json:"_export"`
		}
		if err := json.Unmarshal(line, &start); err != nil {
			return false, damaged("cannot decode the first line of the export: %v", err)
		}
		if start.Export.Version != exportVersion {
			return false, fmt.Errorf("%s: the export has version %d of the format, and this release reads version %d; "+
				"import it with the release that wrote it", pos, start.Export.Version, exportVersion)
		}
		j.seal = &sealChecker{sum: sha256.New(), found: Export{Site: start.Export.Site}}
	case begins:
		return false, damaged("the first line of an export appears again; import each export separately")
	case ends && j.seal == nil:
		return false, damaged("the export lacks its first line")
	case j.seal == nil:
		return false, nil
	case j.seal.ended:
		return false, damaged("there are lines after the end of the export")
	case ends:
		j.seal.ended = true
		if err := j.seal.compare(line); err != nil {
			return false, damaged("%v", err)
		}
		return true, nil
	case bytes.HasPrefix(line, []byte(`{"_record"`)):
		j.seal.found.Records++
	default:
		j.seal.found.Posts++
	}
	_, _ = j.seal.sum.Write(line) // never fails
	_, _ = j.seal.sum.Write([]byte("\n"))
	return begins, nil
}

// compare compares what was read with the last line of the export.
func (s *sealChecker) compare(line []byte) error {
	var end struct {
		End exportEnd `json:"_end"`
	}
	if err := json.Unmarshal(line, &end); err != nil {
		return fmt.Errorf("cannot decode the last line of the export: %w", err)
	}
	want := end.End
	if s.found.Posts != want.Posts || s.found.Records != want.Records {
		return fmt.Errorf("the export was written with %d posts and %d records, but contains %d and %d", want.Posts,
			want.Records, s.found.Posts, s.found.Records)
	}
	if got := hex.EncodeToString(s.sum.Sum(nil)); got != want.SHA256 {
		return fmt.Errorf("the export was changed after it was written: its SHA-256 checksum is %.12s…, want %.12s…; to "+
			"import it as it is, remove its first and last line", got, want.SHA256)
	}
	return nil
}

// checkEnd returns an error of kind [ErrDamaged] if an export file has ended without its last line.
func (j *jsonReader) checkEnd() error {
	if j.seal == nil || j.seal.ended {
		return nil
	}
	return fmt.Errorf("%s: the export is truncated: it ends after %d posts and %d records, without its last line: %w",
		j.name, j.seal.found.Posts, j.seal.found.Records, ErrDamaged)
}

// IsExport reports whether a file, compressed or decompressed, was written by an [ExportWriter].
func IsExport(r io.Reader) bool {
	unpacked, err := gunzip(bufio.NewReader(r))
	if err != nil {
		return false
	}
	start, _ := unpacked.Peek(len(startMember))
	return string(start) == startMember
}

// VerifyExport reads an export file to its end and returns what it contains. The error is of kind [ErrDamaged] if the
// file is truncated or damaged, and of kind [feed.ErrInvalid] if it is not an export file or contains a line that
// cannot be imported. The name appears in errors.
func VerifyExport(r io.Reader, name string) (Export, error) {
	in, err := openInput(r, name)
	if err != nil {
		return Export{}, err
	}
	in.name = name // messages name the compressed file, since that is the damaged one
	start, err := in.r.Peek(len(startMember))
	switch {
	case err != nil && !errors.Is(err, io.EOF):
		return Export{}, fmt.Errorf("read %s: %w", in.name, err)
	case len(start) == 0:
		return Export{}, fmt.Errorf("%s: the file is empty: %w", in.name, ErrDamaged)
	case string(start) != startMember:
		return Export{}, fmt.Errorf("%s: the file has no checksum: it was not written by 'feedpub export --output': %w",
			in.name, feed.ErrInvalid)
	}
	j := &jsonReader{input: in}
	var found error
	j.lines(func(_ Entry, err error) bool {
		if found == nil || errors.Is(err, ErrDamaged) {
			found = err // if the file is damaged, this probably caused any earlier error
		}
		return true
	})
	if found != nil {
		return Export{}, found
	}
	return j.seal.found, nil
}
