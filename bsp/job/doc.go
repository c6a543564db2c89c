// Package job is the vocabulary that clients, masters, grooms and tasks share:
// what a job is, which states it passes through, how it can fail, and what is
// told to people about it. It imports nothing of the project and holds no
// behaviour beyond validation and names.
package job
