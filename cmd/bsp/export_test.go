package main

// Main is main, for tests that run bsp as a process.
func Main() { main() }
