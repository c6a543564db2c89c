package ui

import (
	"crypto/sha256"
	"time"

	"scalar/serving/host"
	"scalar/serving/protocol"
)

// Sessions are sessions.
type Sessions struct{ sessions }

// Add begins a session.
func (s *Sessions) Add(token [sha256.Size]byte, now time.Time) string { return s.add(token, now) }

// Token returns a session's token.
func (s *Sessions) Token(id string, now time.Time) ([sha256.Size]byte, bool) { return s.token(id, now) }

// Len returns how many are kept.
func (s *Sessions) Len() int { return len(s.all) }

// The limits of sessions.
const (
	SessionLife = sessionLife
	MostOfToken = mostOfToken
)

// Shares returns the percentages of versions.
func Shares(s host.ModelStatus) (traffic, shadow map[string]float64) { return sharesOf(s) }

// Drawn returns how a signature's image is drawn.
func Drawn(s *protocol.Signature) (side, margin, ink int) {
	i := imageOf(s)
	if i == nil {
		return 0, 0, 0
	}
	return i.Side, i.Margin, i.Ink
}

// Bars returns the labels of the bars of a row, and which is the best.
func Bars(labels []string, p []float32) (shown []string, best string) {
	for _, b := range bars(labels, p) {
		shown = append(shown, b.Label)
		switch {
		case b.Best && best != "":
			panic("two bars are the best")
		case b.Best:
			best = b.Label
		}
	}
	return shown, best
}

// Field returns a field of a form.
func Field(form []byte, name string) string { return field(form, name) }
