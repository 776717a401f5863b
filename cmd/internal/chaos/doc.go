// Package chaos tests the promises of the project on the built program: it runs servers on real Redis servers or a
// folder, writes and reads over HTTP, and in the meantime kills and suspends processes, disturbs connections, fills and
// removes folders, and sets clocks. The package has only tests; see TestChaos and TestCrashPoints.
package chaos
