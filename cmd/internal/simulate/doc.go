// Package simulate tests the promises of the project under random faults. It runs the builders, replicas and fleets of
// several processes on a store in memory, in the virtual time of package synctest. The package contains only tests; see
// TestSimulate.
package simulate
