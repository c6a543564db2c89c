package idtable

// Plain is Intern as it is where there is no assembly.
func (n *Numbers) Plain(codes []uint32, ids []uint64) { n.plain(codes, ids) }

// Home returns where an id lies at the earliest among 256 lines.
func Home(id uint64) uint64 { return home(id, 56) }

// LeastIDs are those that the first lines have room for.
const LeastIDs = leastLines * 7 / 2
