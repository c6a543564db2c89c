package ring

// Put writes what there is room for, and rings no bell.
func (c *Conn) Put(b []byte) (int, error) {
	c.writing.Lock()
	defer c.writing.Unlock()
	return c.tx.put(b)
}

// Get reads what is there, and rings no bell.
func (c *Conn) Get(b []byte) (int, error) {
	c.reading.Lock()
	defer c.reading.Unlock()
	n, _, err := c.rx.get(b)
	return n, err
}

// Sleeps reports whether a Read and a Write of this end do.
func (c *Conn) Sleeps() (read, write bool) { return c.readSleeps.Load(), c.writeSleeps.Load() }
