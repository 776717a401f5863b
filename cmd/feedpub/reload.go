package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"feedpub/cmd/internal/hosting"
	"feedpub/feed/admin"
)

// reloadTimeout limits the time that a server may take to reload its configuration.
const reloadTimeout = time.Minute

func newReload(env *environment) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "reload",
		Short: "Make a running server reload its configuration",
		Long: `Make the server on this machine reload its configuration, site files and tokens, and
print what it could not reload. The request uses a token of admin.tokens_file that has the
permission "reload". On a machine without such a token, and after the token has changed, send
SIGHUP instead ('systemctl reload feedpub'); the log then contains the report.

Settings that have errors stay as they were. The exit status is 0 if there are no errors,
even if keys need a restart, and 1 otherwise.`,
		Example: "  feedpub reload --config feedpub.yml",
		Args:    noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := env.settings(cmd)
			if err != nil {
				return err
			}
			token, err := hosting.ReloadToken(c)
			if err != nil {
				return err
			}
			status, body, err := askAdmin(cmd.Context(), adminRequest{
				method: http.MethodPost, address: dialable(string(c.Admin.Listen)), path: "/reload", token: token,
				timeout: reloadTimeout, limit: maxResponse,
			})
			if err != nil {
				return err
			}
			return env.printReload(status, body, asJSON)
		},
	}
	addSettings(cmd, "admin-listen")
	addJSON(cmd, &asJSON)
	return cmd
}

// printReload prints a server's response to a request to reload.
func (env *environment) printReload(status int, body []byte, asJSON bool) error {
	var report struct {
		admin.ReloadReport
		Detail string `json:"detail"` // describes an error
	}
	if err := json.Unmarshal(body, &report); err != nil {
		return fmt.Errorf("reload: decode the server's response: %w", err)
	}
	switch {
	case status == http.StatusUnauthorized:
		return errors.New("reload: the server does not accept the token; if it is new, send SIGHUP instead")
	case status != http.StatusOK:
		return fmt.Errorf("reload: the server responded with %d: %s", status, report.Detail)
	}
	if asJSON {
		if err := env.printJSON(report.ReloadReport); err != nil {
			return err
		}
	} else {
		fmt.Fprintln(env.stdout, strings.ReplaceAll(string(report.Outcome), "_", " "))
		for _, id := range report.Sites {
			fmt.Fprintf(env.stdout, "site with new settings: %s\n", id)
		}
		for _, key := range report.Restart {
			fmt.Fprintf(env.stdout, "needs a restart: %s\n", key)
		}
	}
	if len(report.Errors) > 0 {
		return fmt.Errorf("reload: %s", strings.Join(report.Errors, "\nfeedpub: reload: "))
	}
	return nil
}
