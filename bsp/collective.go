package bsp

import (
	"context"
	"fmt"

	"scalar/internal/pack"
	"scalar/superstep"
)

// Collective operations use a lane of their own: they leave the inbox and
// Superstep alone and are no checkpoint point. All peers call them in the same
// order; if one has returned, the others get an error. Values travel as memory
// where they are numbers or arrays and structs of them, else as msgpack.

// AllReduce folds the values of all peers in peer order with op; all get the same
// result.
func AllReduce[M, T any](ctx context.Context, p *Peer[M], x T, op func(a, b T) T) (T, error) {
	all, err := AllGather(ctx, p, x)
	if err != nil {
		return x, err
	}
	sum := all[0]
	for _, y := range all[1:] {
		sum = op(sum, y)
	}
	return sum, nil
}

// AllGather returns the values of all peers, by peer.
func AllGather[M, T any](ctx context.Context, p *Peer[M], x T) ([]T, error) {
	b, err := encodeOne(x)
	if err != nil {
		return nil, err
	}
	parts, err := p.c.allGather(ctx, b)
	if err != nil {
		return nil, err
	}
	return decodeAll[T](parts)
}

// Broadcast gives root's x to all peers; the x of the others is not used.
func Broadcast[M, T any](ctx context.Context, p *Peer[M], root int, x T) (T, error) {
	var b []byte
	if p.c.index == root {
		var err error
		if b, err = encodeOne(x); err != nil {
			return x, err
		}
	}
	if err := p.c.checkRoot(root); err != nil {
		return x, err
	}
	out := make([][]byte, p.N())
	for i := range out {
		out[i] = b
	}
	if b == nil {
		for i := range out {
			out[i] = []byte{} // nil means that a peer has returned
		}
	}
	parts, err := p.c.allToAll(ctx, out)
	if err != nil {
		return x, err
	}
	return decodeOne[T](parts[root])
}

// Gather returns the values of all peers, by peer, to root and nil to the others.
func Gather[M, T any](ctx context.Context, p *Peer[M], root int, x T) ([]T, error) {
	if err := p.c.checkRoot(root); err != nil {
		return nil, err
	}
	b, err := encodeOne(x)
	if err != nil {
		return nil, err
	}
	out := make([][]byte, p.N())
	for i := range out {
		out[i] = []byte{}
	}
	out[root] = b
	parts, err := p.c.allToAll(ctx, out)
	if err != nil || p.c.index != root {
		return nil, err
	}
	return decodeAll[T](parts)
}

// AllToAll gives out[i] to peer i and returns what each peer gave, by sender. out
// must have N slices; it is copied. The result may be shared with other peers: do
// not write to it. nil arrives empty.
func AllToAll[M any](ctx context.Context, p *Peer[M], out [][]byte) ([][]byte, error) {
	some := out
	for i, b := range out {
		if b == nil {
			if &some[0] == &out[0] {
				some = append([][]byte(nil), out...)
			}
			some[i] = []byte{}
		}
	}
	return p.c.allToAll(ctx, some)
}

// HandOver is AllToAll without a copy for peers of the same process: these get the memory of
// out's slices itself, so that neither they nor the giver may write it any more. A program whose
// peers read what they get only until they begin their next collective or Sync may use that memory
// again: what a peer gave is read by nobody once a collective or Sync that it began after this one
// had returned has returned too, without an error.
func HandOver[M any](ctx context.Context, p *Peer[M], out [][]byte) ([][]byte, error) {
	if err := Give(ctx, p, out); err != nil {
		return nil, err
	}
	return Take(ctx, p)
}

// Give is the first half of HandOver: it gives and waits for nobody. [Take] is the other half, which all
// peers call next: between the two they may call Sync, which is then the only wait, and no other collective
// operation. What is given is still read when Take returns, as it is when HandOver does. A checkpoint does
// not have what was given: a program that goes on from one that this Sync took gives once more.
func Give[M any](ctx context.Context, p *Peer[M], out [][]byte) error {
	if p.c.broke != nil {
		return p.c.broke
	}
	for i, b := range out {
		if b == nil {
			out[i] = []byte{} // nil means that a peer has returned
		}
	}
	p.c.broke = p.c.port.Give(ctx, out)
	return p.c.broke
}

// Take returns what each peer gave in the last [Give].
func Take[M any](ctx context.Context, p *Peer[M]) ([][]byte, error) {
	if p.c.broke != nil {
		return nil, p.c.broke
	}
	p.c.clock.pause(p.c.t)
	return p.c.collected(p.c.port.Take(ctx))
}

// Release says that what the last AllToAll, HandOver or Take returned is not read any more, so that
// its memory serves again: what came from other processes has no meaning then. Nobody has to say so.
func Release[M any](p *Peer[M]) { p.c.port.Release() }

func (c *core) checkRoot(root int) error {
	if root < 0 || root >= c.t.n {
		return fmt.Errorf("root %d: there are peers 0 to %d", root, c.t.n-1)
	}
	return nil
}

func (c *core) allToAll(ctx context.Context, out [][]byte) ([][]byte, error) {
	if c.broke != nil {
		return nil, c.broke
	}
	c.clock.pause(c.t)
	return c.collected(c.port.AllToAll(ctx, out))
}

func (c *core) allGather(ctx context.Context, b []byte) ([][]byte, error) {
	if c.broke != nil {
		return nil, c.broke
	}
	c.clock.pause(c.t)
	return c.collected(c.port.AllGather(ctx, b))
}

// collected checks that all peers took part; the wait for them is over.
func (c *core) collected(parts [][]byte, err error) ([][]byte, error) {
	if c.load.Load() > 0 {
		c.clock.resume(c.t.now())
	}
	if err == nil {
		for peer, b := range parts {
			if b == nil {
				err = fmt.Errorf("peer %d has returned: a collective operation needs all peers", peer)
				break
			}
		}
	}
	if err != nil {
		c.broke = err
		return nil, err
	}
	return parts, nil
}

func encodeOne[T any](x T) ([]byte, error) {
	if codec, ok := superstep.FixedCodec[T](); ok {
		return codec.Append([]byte{}, []T{x}), nil
	}
	return pack.Marshal(x)
}

func decodeOne[T any](b []byte) (x T, err error) {
	if codec, ok := superstep.FixedCodec[T](); ok {
		xs, err := codec.Decode(nil, b)
		if err == nil && len(xs) == 1 {
			return xs[0], nil
		}
		return x, fmt.Errorf("collective: %d bytes are no %T (all peers must use the same type)", len(b), x)
	}
	return x, pack.UnmarshalData(b, &x)
}

func decodeAll[T any](parts [][]byte) ([]T, error) {
	xs := make([]T, len(parts))
	for i, b := range parts {
		var err error
		if xs[i], err = decodeOne[T](b); err != nil {
			return nil, fmt.Errorf("from peer %d: %w", i, err)
		}
	}
	return xs, nil
}
