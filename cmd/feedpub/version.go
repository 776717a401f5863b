package main

import (
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"
)

// versionInfo is what is known of how the program was built.
type versionInfo struct {
	Version  string `json:"version"`            // of the module, or "(devel)"
	Revision string `json:"revision,omitempty"` // commit
	Modified bool   `json:"modified,omitempty"` // built from a tree with changes that were not committed
	Go       string `json:"go"`
}

// readVersion asks the binary itself: nothing has to be passed to the linker, and two builds of one commit agree.
func readVersion() versionInfo {
	v := versionInfo{Version: "(devel)", Go: runtime.Version()}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return v
	}
	if info.Main.Version != "" {
		v.Version = info.Main.Version
	}
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
			v := readVersion()
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
