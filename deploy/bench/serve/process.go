package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// cpuOf returns the CPU time used by the threads of a process.
func cpuOf(pid int) (time.Duration, error) {
	stats, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/schedstat", pid))
	if err != nil || len(stats) == 0 {
		return 0, fmt.Errorf("process %d: %w", pid, os.ErrNotExist)
	}
	var sum time.Duration
	for _, path := range stats {
		data, err := os.ReadFile(path)
		if err != nil {
			continue // the thread has ended
		}
		first, _, _ := strings.Cut(string(data), " ")
		ns, err := strconv.ParseInt(first, 10, 64)
		if err != nil {
			return 0, fmt.Errorf("%s: %w", path, err)
		}
		sum += time.Duration(ns)
	}
	return sum, nil
}

// stolenTime returns the CPU time for which processors of this virtual machine were ready to run but did not, because
// the hypervisor used them for something else, in units of 10 ms. See "steal" in proc_stat(5).
func stolenTime() (int, error) {
	const path, column = "/proc/stat", 8
	data, err := os.ReadFile(path)
	if err != nil {
		return 0, err
	}
	line, _, _ := strings.Cut(string(data), "\n")
	fields := strings.Fields(line)
	if len(fields) <= column {
		return 0, fmt.Errorf("%s: the first line has %d fields, want more than %d", path, len(fields), column)
	}
	return strconv.Atoi(fields[column])
}

// memoryOf returns the resident memory of a process in bytes.
func memoryOf(pid int) (int, error) {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(data)) {
		if rest, ok := strings.CutPrefix(line, "VmRSS:"); ok {
			kb, err := strconv.Atoi(strings.TrimSuffix(strings.TrimSpace(rest), " kB"))
			return kb << 10, err
		}
	}
	return 0, fmt.Errorf("the status of process %d has no VmRSS line", pid)
}

// childOf returns the first child of a process, such as nginx's worker.
func childOf(pid int) (int, error) {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/children", pid, pid))
	if err != nil {
		return 0, err
	}
	fields := strings.Fields(string(data))
	if len(fields) == 0 {
		return 0, fmt.Errorf("process %d has no child process", pid)
	}
	return strconv.Atoi(fields[0])
}
