package feed

import "strings"

// BoundOwner returns the name of an owner of leases that is bound to a process: its leases end when the process is no
// longer known to be alive, even if they have not expired. The process must not contain "@".
func BoundOwner(owner, process string) string { return owner + "@" + process }

// ProcessOf returns the process that an owner of leases is bound to, or "" if the owner is not bound.
func ProcessOf(owner string) string {
	if i := strings.LastIndexByte(owner, '@'); i >= 0 {
		return owner[i+1:]
	}
	return ""
}

// UnboundOwner returns the name that was passed to [BoundOwner], or owner if it is not bound.
func UnboundOwner(owner string) string {
	if i := strings.LastIndexByte(owner, '@'); i >= 0 {
		return owner[:i]
	}
	return owner
}
