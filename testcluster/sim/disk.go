package sim

import "time"

// disk is a master's. It is slow, fails or hangs as long as chaos wants it to.
type disk struct {
	kept

	w       *World
	m       *master
	failing bool
	hanging bool
	slow    time.Duration // at most, for a write; 0: a good one
	freeAt  time.Duration // when what was asked for so far is written
}

// broken reports whether small writes fail.
func (d *disk) broken() bool { return d.failing || d.hanging }

// write has done called when what is in the log is on disk, or is not. A write that
// hangs ends the process, as the masters' watchdog does.
func (d *disk) write(p *proc, done func(ok bool)) {
	if d.hanging {
		d.w.count("disk writes that hung")
		p.after(hangLimit, func() {
			if d.m.p == p {
				d.w.count("masters ended by their watchdog")
				d.m.crash()
				d.w.after(d.w.between(time.Second, 10*time.Second), d.m.start)
			}
		})
		return
	}
	took := d.w.between(100*time.Microsecond, 3*time.Millisecond)
	if d.slow > 0 {
		took = d.w.between(time.Millisecond, d.slow)
	}
	d.freeAt = max(d.freeAt, d.w.now) + took
	p.after(d.freeAt-d.w.now, func() {
		if d.failing {
			d.w.count("disk writes that failed")
		}
		done(!d.failing)
	})
}
