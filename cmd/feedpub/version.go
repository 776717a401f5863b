package main

import (
	"cmp"
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"
)

// versionInfo describes how the program was built.
type versionInfo struct {
	Version  string `json:"version"`            // version of the release or module, or "(devel)"
	Revision string `json:"revision,omitempty"` // commit
	Modified bool   `json:"modified,omitempty"` // built from a tree with uncommitted changes
	Go       string `json:"go"`
}

// readVersion returns the build information of the binary. The version is the release, or the
// version of the module if the release is empty.
func readVersion(release string) versionInfo {
	v := versionInfo{Version: cmp.Or(release, "(devel)"), Go: runtime.Version()}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return v
	}
	v.Version = cmp.Or(release, info.Main.Version, "(devel)")
	for _, s := range info.Settings {
		switch s.Key {
		case "vcs.revision":
			v.Revision = s.Value
		case "vcs.modified":
			v.Modified = s.Value == "true"
		}
	}
	return v
}

func newVersion(env *environment) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:     "version",
		Short:   "Print the version",
		Example: "  feedpub version --json",
		Args:    noArgs,
		RunE: func(*cobra.Command, []string) error {
			v := env.release
			if asJSON {
				return env.printJSON(v)
			}
			fmt.Fprintf(env.stdout, "feedpub %s", v.Version)
			if v.Revision != "" {
				fmt.Fprintf(env.stdout, " (%.12s)", v.Revision)
			}
			fmt.Fprintf(env.stdout, " %s\n", v.Go)
			return nil
		},
	}
	addJSON(cmd, &asJSON)
	return cmd
}
