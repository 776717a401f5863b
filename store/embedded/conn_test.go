package embedded

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
)

// TestQueuedConnNeverWaitsForItsReader writes to a pipe, which has no buffer: without the queue, each write would wait.
func TestQueuedConnNeverWaitsForItsReader(t *testing.T) {
	client, served := net.Pipe()
	q := newQueuedConn(served)
	want := bytes.Repeat([]byte("+QUEUED\r\n"), 10_000)
	for answer := range bytes.Lines(want) {
		if n, err := q.Write(answer); n != len(answer) || err != nil {
			t.Fatalf("Write = %d, %v", n, err)
		}
	}
	got := make([]byte, len(want))
	if _, err := io.ReadFull(client, got); err != nil || !bytes.Equal(got, want) {
		t.Errorf("the reader did not receive the bytes that were written; error %v", err)
	}
	if err := q.Close(); err != nil {
		t.Error(err)
	}
	if _, err := q.Write([]byte("x")); err == nil {
		t.Error("a write to a closed connection succeeded")
	}
	if _, err := client.Read(got); err == nil {
		t.Error("the reader of a closed connection can still read")
	}
}

func TestQueuedConnReturnsTheErrorOfItsConnection(t *testing.T) {
	client, served := net.Pipe()
	q := newQueuedConn(served)
	if err := client.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := q.Write([]byte("x")); err != nil {
		t.Fatalf("the first write returned %v; want nil, since it only queues", err)
	}
	q.written.Wait()
	if _, err := q.Write([]byte("x")); err == nil {
		t.Error("a write after the reader closed the connection succeeded")
	}
	if err := q.Close(); err != nil {
		t.Error(err)
	}
}

// TestManyPostsAreLoadedAtOnce loads posts in one pipeline, at the first start and at the next.
func TestManyPostsAreLoadedAtOnce(t *testing.T) {
	dir, data := t.TempDir(), t.TempDir()
	var lines strings.Builder
	for i := range 3000 {
		lines.WriteString(post(fmt.Sprintf("p%d", i), strings.Repeat("word ", 500)) + "\n")
	}
	put(t, dir, "many.jsonl", lines.String())
	for range 2 {
		s := open(t, Options{Dir: dir, Data: data})
		if got := strings.Count(ids(t, s), "p"); got != 3000 {
			t.Errorf("%d posts are loaded; want 3000", got)
		}
		closeStore(t, s)
	}
}
