package sched

// SchedulePlain is Schedule with all grooms sorted for every job.
func SchedulePlain(s State) Plan {
	r := newRoom(s)
	r.plain = true
	return r.plan(s)
}
