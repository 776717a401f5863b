package config

import (
	"regexp"
	"slices"
	"strings"
)

// otherVariables are environment variables that begin with FEEDPUB_ but do not set a key: the one that names the
// configuration file, and those used by the example writers, by tests and during a restart.
var otherVariables = []string{
	"FEEDPUB_CONFIG", "FEEDPUB_TOKEN", "FEEDPUB_ADMIN", "FEEDPUB_CLOCK", "FEEDPUB_CRASH",
	"FEEDPUB_SOCKETS",
}

// kubernetesVariable matches the variables that Kubernetes and Docker set for services whose names begin with
// "feedpub", except NAME_PORT.
var kubernetesVariable = regexp.MustCompile(`_SERVICE_(HOST|PORT(_\w+)?)$|_PORT_[0-9]+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?$`)

// checkEnviron reports variables that look as if they set a key but do not.
func (d *decoder) checkEnviron(environ []string) {
	var known []string
	for _, k := range Keys() {
		known = append(known, k.Variable)
	}
	for _, v := range environ {
		name, value, _ := strings.Cut(v, "=")
		if !strings.HasPrefix(name, "FEEDPUB_") || value == "" || slices.Contains(known, name) || isForeign(name, value) {
			continue
		}
		d.report(origin{at: name, layer: layerEnvironment}, "", "does not set any key"+suggestion(name, known))
	}
}

// isForeign reports whether a variable is meant for a different program.
func isForeign(name, value string) bool {
	return slices.Contains(otherVariables, name) || strings.HasPrefix(name, "FEEDPUB_TEST_") ||
		kubernetesVariable.MatchString(name) || strings.HasSuffix(name, "_PORT") && strings.Contains(value, "://")
}
