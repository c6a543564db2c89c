package gossip

import (
	"context"
	"log/slog"
	"strings"

	"github.com/hashicorp/memberlist"

	"scalar/internal/pack"
)

// delegate gives memberlist the bytes that say who this member is.
type delegate struct{ meta []byte }

func (d delegate) NodeMeta(int) []byte { return d.meta }

func (delegate) NotifyMsg([]byte) {}

func (delegate) GetBroadcasts(int, int) [][]byte { return nil }

func (delegate) LocalState(bool) []byte { return nil }

func (delegate) MergeRemoteState([]byte, bool) {}

// events copies what memberlist learns; its own node list may not be read
// without its lock.
type events struct{ g *Gossip }

func (e events) NotifyJoin(n *memberlist.Node) { e.NotifyUpdate(n) }

func (e events) NotifyLeave(n *memberlist.Node) { e.g.set(n.Name, nil) }

func (e events) NotifyUpdate(n *memberlist.Node) {
	var m entry
	if len(n.Meta) > memberlist.MetaMaxSize {
		return
	}
	if err := pack.Unmarshal(n.Meta, &m); err != nil {
		e.g.cfg.Logger.Warn("gossip: member with unreadable description", "node", n.Name, "err", err)
		return
	}
	m.at = n.Address()
	e.g.set(n.Name, &m)
}

// levels reads the level from the front of memberlist's lines,
// "[WARN] memberlist: …", and drops its debug lines.
type levels struct{ slog.Handler }

func (h levels) Handle(ctx context.Context, r slog.Record) error {
	text := r.Message
	level := slog.LevelInfo
	if tag, rest, ok := strings.Cut(text, "] "); ok && strings.HasPrefix(tag, "[") {
		text = rest
		switch tag {
		case "[DEBUG":
			return nil
		case "[WARN":
			level = slog.LevelWarn
		case "[ERR", "[ERROR":
			level = slog.LevelError
		}
	}
	if !h.Handler.Enabled(ctx, level) {
		return nil
	}
	r.Level = level
	r.Message = strings.Replace(text, "memberlist: ", "gossip: ", 1)
	return h.Handler.Handle(ctx, r)
}

// Enabled lets every line through to Handle, which knows its level.
func (levels) Enabled(context.Context, slog.Level) bool { return true }
