// Package wire defines the control messages between master and groom (over
// internal/rpc, TLS) and between groom and task (length-prefixed msgpack over the
// socket inherited as descriptor 3). docs/formats.md describes them byte by byte.
//
// Both directions are level-triggered: a groom reports everything that it runs,
// a master orders everything that the groom should run, and each side compares.
// A lost, repeated or reordered message therefore changes nothing for good.
package wire
