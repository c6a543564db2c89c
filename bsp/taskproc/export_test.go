package taskproc

// KillFamily kills a process and what it has started, by a system call that the test
// gives.
var KillFamily = killFamily
