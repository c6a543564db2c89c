// Package builtin holds the programs that the bsp binary runs itself: their names,
// options and code.
//
//	client: Lookup ─▶ Absolute(args) ─▶ job.Spec{Program.Builtin, Args}
//	task:   bsp.TaskMain(NewRunner) ─▶ NewRunner(name, args) ─▶ bsp.Runner
//
// Options are written --name value or --name=value, bools --name alone too. Wrong
// ones are a *job.Failure with the exit code of a usage error, both at the client,
// before anything is submitted, and in the task. All programs call State, so that
// they go on from a checkpoint after a fault.
package builtin
