// Package report makes the page of bsp job submit --report: one HTML file with pictures
// of a job's supersteps, from what its tasks have told (job.Trace). The page asks
// nobody for anything: text, SVG and styles are in it. It is at most 1 MiB.
package report
