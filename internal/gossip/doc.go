// Package gossip tells daemons which other daemons exist: who, in which role, at
// which address. It is memberlist, encrypted with the cluster's gossip key.
//
// It says nothing about who is alive in the sense that scheduling needs: leases
// from groom to master do that. A member that died is still listed for some 5 s,
// under load it may vanish and return.
//
// memberlist alone never finds a member again that it has forgotten, so Run
// joins the seeds, and the masters seen before, again and again.
package gossip
