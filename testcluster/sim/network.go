package sim

import "time"

// network carries messages between nodes. Each is delayed by an amount of its own, so
// that they overtake each other; in bad times some are lost, come twice or come late.
type network struct {
	w    *World
	cut  [][]int // by sender and receiver: how many partitions are in between
	loss float64 // probability that a message is lost
	dup  float64 // that it comes twice
	late float64 // that it comes up to maxLate late
}

// maxLate is longer than it takes to elect another leader and to find it: orders of
// one that is deposed come after its successor's.
const maxLate = 10 * time.Second

func newNetwork(w *World, nodes int) *network {
	n := &network{w: w, cut: make([][]int, nodes)}
	for i := range n.cut {
		n.cut[i] = make([]int, nodes)
	}
	return n
}

// send has deliver called at the receiver, mostly once.
func (n *network) send(from, to int, deliver func()) {
	if from != to && n.cut[from][to] > 0 {
		n.w.count("messages cut off")
		return
	}
	if n.loss > 0 && n.w.chance(n.loss) {
		n.w.count("messages lost")
		return
	}
	n.w.after(n.delay(), deliver)
	if n.dup > 0 && n.w.chance(n.dup) {
		n.w.count("messages doubled")
		n.w.after(n.delay(), deliver)
	}
}

func (n *network) delay() time.Duration {
	if n.late > 0 && n.w.chance(n.late) {
		n.w.count("messages late")
		u := n.w.rng.Float64()
		return time.Duration(u * u * u * float64(maxLate)) // most of them by less than a second
	}
	return n.w.between(50*time.Microsecond, 1500*time.Microsecond)
}

// reaches reports whether a message from one node can come to another now.
func (n *network) reaches(from, to int) bool { return from == to || n.cut[from][to] == 0 }

// part cuts, or with by = -1 heals, the way from every node of a to every node of b.
func (n *network) part(a, b []int, by int) {
	for _, i := range a {
		for _, j := range b {
			if i != j {
				n.cut[i][j] += by
			}
		}
	}
}
