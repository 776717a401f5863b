// Package chaos tests the promises of the project on the built program: it runs servers on real Redis servers or a
// folder, writes and reads over HTTP, and meanwhile kills and suspends processes, disturbs connections, fills and
// removes folders, and changes clocks. The package contains only tests; see TestChaos and TestCrashPoints.
package chaos
