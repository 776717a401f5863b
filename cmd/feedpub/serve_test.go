package main

import (
	"bytes"
	"net"
	"path/filepath"
	"testing"
)

func TestNotifySystemd(t *testing.T) {
	socket := filepath.Join(t.TempDir(), "notify")
	l, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: socket, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	environment := map[string]string{"NOTIFY_SOCKET": socket}
	if err := notifySystemd(func(name string) string { return environment[name] }, "READY=1"); err != nil {
		t.Fatal(err)
	}
	got := make([]byte, 64)
	n, err := l.Read(got)
	if err != nil || !bytes.Equal(got[:n], []byte("READY=1")) {
		t.Errorf("systemd reads %q (error %v), want READY=1", got[:n], err)
	}
	if err := notifySystemd(func(string) string { return "" }, "READY=1"); err != nil {
		t.Errorf("without systemd: %v", err)
	}
	environment["NOTIFY_SOCKET"] = socket + "-gone"
	if err := notifySystemd(func(name string) string { return environment[name] }, "READY=1"); err == nil {
		t.Error("no error for a missing systemd socket")
	}
}

func TestDialable(t *testing.T) {
	for listen, want := range map[string]string{
		"127.0.0.1:80":   "127.0.0.1:80",
		"localhost:80":   "localhost:80",
		"0.0.0.0:80":     "127.0.0.1:80",
		":80":            "127.0.0.1:80",
		"[::]:80":        "[::1]:80",
		"[::1]:80":       "[::1]:80",
		"192.0.2.1:80":   "192.0.2.1:80",
		"not an address": "not an address",
	} {
		if got := dialable(listen); got != want {
			t.Errorf("the address of a server that listens on %s is %s, want %s", listen, got, want)
		}
	}
}
