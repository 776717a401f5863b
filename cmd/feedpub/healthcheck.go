package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"time"

	"github.com/spf13/cobra"
)

// healthTimeout is the time within which a healthy server responds.
const healthTimeout = 3 * time.Second

func newHealthcheck(env *environment) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "healthcheck",
		Short: "Ask a running server whether it is ready",
		Long: `Request /readyz from the admin address of a server on this machine. The exit status is
0 if the server is ready, and 1 otherwise.`,
		Example: "  feedpub healthcheck --admin-listen 127.0.0.1:8081",
		Args:    noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := env.settings(cmd)
			if err != nil {
				return err
			}
			if err := askReady(cmd.Context(), dialable(string(c.Admin.Listen))); err != nil {
				return err
			}
			fmt.Fprintln(env.stdout, "ready")
			return nil
		},
	}
	addSettings(cmd, "admin-listen")
	return cmd
}

// askReady returns nil if the server with this admin address is ready.
func askReady(ctx context.Context, address string) error {
	status, reason, err := askAdmin(ctx, adminRequest{
		method: http.MethodGet, address: address, path: "/readyz", timeout: healthTimeout, limit: 1 << 10,
	})
	switch {
	case err != nil:
		return err
	case status != http.StatusOK:
		return fmt.Errorf("not ready: %s", strings.TrimSpace(string(reason)))
	}
	return nil
}

// adminRequest is a request to the admin address of a server.
type adminRequest struct {
	method, address, path string
	token                 string // bearer token; "" if none is needed
	timeout               time.Duration
	limit                 int64 // maximum number of bytes of the response that are read
}

// askAdmin sends a request. It returns the status and the body of the response.
func askAdmin(ctx context.Context, r adminRequest) (status int, body []byte, err error) {
	ctx, cancel := context.WithTimeout(ctx, r.timeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, r.method, "http://"+r.address+r.path, nil)
	if err != nil {
		return 0, nil, fmt.Errorf("request %s: %w", r.path, err)
	}
	if r.token != "" {
		req.Header.Set("Authorization", "Bearer "+r.token)
	}
	// The default transport would use the proxy set in the environment and keep connections open.
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	res, err := client.Do(req)
	if err != nil {
		if u := new(url.Error); errors.As(err, &u) {
			err = u.Err // omit the URL, because the message already contains the address
		}
		return 0, nil, fmt.Errorf("no response from the admin address %s: %w", r.address, err)
	}
	defer func() { _ = res.Body.Close() }()
	if body, err = io.ReadAll(io.LimitReader(res.Body, r.limit)); err != nil {
		return 0, nil, fmt.Errorf("request %s: %w", r.path, err)
	}
	return res.StatusCode, body, nil
}

// dialable returns the address at which programs on this machine can reach a server with the given listen address. If
// the server listens on all addresses, that is a loopback address.
func dialable(listen string) string {
	host, port, err := net.SplitHostPort(listen)
	if err != nil {
		return listen
	}
	switch ip, err := netip.ParseAddr(host); {
	case host == "":
		host = "127.0.0.1"
	case err == nil && ip.IsUnspecified() && ip.Is4():
		host = "127.0.0.1"
	case err == nil && ip.IsUnspecified():
		host = "::1"
	}
	return net.JoinHostPort(host, port)
}
