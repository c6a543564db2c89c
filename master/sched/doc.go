// Package sched decides which queued jobs start where. It is a pure function:
// [Schedule] takes a [State], a picture of the grooms and the queue, and returns a
// [Plan]; it reads no clock and keeps nothing between calls.
//
//	fsm.State + who is alive + who sees the input ──▶ State ──Schedule──▶ Plan
//
// What it promises:
//
//   - A job starts with all its peers or not at all, and no groom is asked for
//     more slots, cores, memory or GPUs than it has free.
//   - The queue's order is: jobs that recover from a fault, then priority, then
//     submission. A job that does not fit lets later ones pass until it has
//     waited [ReserveAfter]; from then on no job of equal or lower priority
//     starts on the slots it needs, so that it starts in the end.
//   - The same State gives the same Plan, byte for byte.
//   - A job with Tasks gets exactly so many, spread over grooms, with peers that
//     differ by one at most; a job without gets the fewest processes that fit.
//   - A recovering job keeps its tasks, and each task its groom where it still fits.
//     For [HoldFor] from its fault nobody else starts on the slots that it had, nor
//     on those that it needs instead of lost ones; then it gives them back and
//     waits at the head of the queue.
//   - Jobs that the cluster as it is can never run are in nobody's way.
//
// [Why] explains with the same rules what a queued job waits for. Quotas, fair
// shares and preemption are later issues.
package sched
