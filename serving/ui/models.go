package ui

import (
	"fmt"
	"hash/fnv"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/dustin/go-humanize"

	"scalar/serving/host"
)

// mostModels is how many models the page shows.
const mostModels = 200

// models is what the page shows of all models at a time.
type models struct {
	At     int64 // ms since 1970
	All    []modelView
	Hidden int // more than are shown
}

// modelView is what the page shows of a model.
type modelView struct {
	Name, Kind string
	Versions   []versionView // the highest first
	labels     map[string]string
}

// versionView is what the page shows of a version.
type versionView struct {
	Version, Reason string
	State           host.State
	Labels          []string
	Traffic, Shadow string // "90 %", empty: none
	Key             string // model and version, as targets have them
	Figures         Figures
	// Whole: the host's figures are the user's own. They count what all namespaces have asked.
	Whole   bool
	Stats   host.Stats
	Waiting int
	Memory  string
}

// models returns what a user sees.
func (p *Page) models(u User) models {
	all := p.config.Host.Models(u.Namespace)
	m := models{At: time.Now().UnixMilli(), Hidden: max(0, len(all)-mostModels)}
	for _, s := range all[:len(all)-m.Hidden] {
		m.All = append(m.All, p.model(u, s))
	}
	return m
}

func (p *Page) model(u User, s host.ModelStatus) modelView {
	m := modelView{Name: s.Name, labels: s.Config.Labels}
	traffic, shadow := sharesOf(s)
	whole := u.Admin || len(s.Config.Namespaces) == 1
	for _, v := range slices.Backward(s.Versions) {
		one := versionView{
			Version: v.Version, Reason: v.Reason, State: v.State, Traffic: percent(traffic[v.Version]), Shadow: percent(shadow[v.Version]),
			Key: target(s.Name, versionsOf, v.Version), Figures: p.config.Figures(u, s.Name, v.Version), Whole: whole,
		}
		for _, label := range slices.Sorted(maps.Keys(s.Config.Labels)) {
			if s.Config.Labels[label] == v.Version {
				one.Labels = append(one.Labels, label)
			}
		}
		if !u.Admin {
			one.Reason = v.Told
		}
		if v.State == host.Ready {
			one.Stats, one.Waiting, one.Memory = v.Stats, v.Waiting, humanize.IBytes(uint64(max(v.Bytes, 0)))
			if m.Kind == "" {
				m.Kind = v.Kind
			}
		}
		m.Versions = append(m.Versions, one)
	}
	return m
}

// sharesOf returns the percentages of a model's versions in traffic, as those that are ready share it, and in shadows.
func sharesOf(s host.ModelStatus) (traffic, shadow map[string]float64) {
	traffic, shadow = map[string]float64{}, map[string]float64{}
	ready, best := map[string]bool{}, ""
	for _, v := range s.Versions { // the lowest first
		if v.State == host.Ready {
			ready[v.Version], best = true, v.Version
		}
	}
	version := func(key string) string {
		if v, ok := s.Config.Labels[key]; ok {
			return v
		}
		return key
	}
	sum := 0.
	for key, percent := range s.Config.Traffic {
		if v := version(key); ready[v] {
			traffic[v] = percent
			sum += percent
		}
	}
	for v := range traffic {
		traffic[v] *= 100 / sum
	}
	if sum == 0 {
		clear(traffic)
		if best != "" {
			traffic[best] = 100
		}
	}
	for key, percent := range s.Config.Shadow {
		if v := version(key); ready[v] {
			shadow[v] = percent
		}
	}
	return traffic, shadow
}

// percent writes a percentage, nothing for none.
func percent(p float64) string {
	if p == 0 {
		return ""
	}
	return strconv.FormatFloat(p, 'f', -1, 32) + " %"
}

// What stands between a model and a version or a label in a target.
const (
	versionsOf = "/versions/"
	labelsOf   = "/labels/"
)

func target(model, of, name string) string { return model + of + name }

// A choice is a target of the form: a model, one of its versions or of its labels, as in paths.
type choice struct{ Value, Text string }

// choices lists the targets that answer.
func (m models) choices() (all []choice) {
	for _, one := range m.All {
		var versions, labels []choice
		for _, v := range one.Versions {
			if v.State != host.Ready {
				continue
			}
			versions = append(versions, choice{v.Key, one.Name + ", version " + v.Version})
			for _, label := range v.Labels {
				labels = append(labels, choice{target(one.Name, labelsOf, label), one.Name + ", " + label + " (version " + v.Version + ")"})
			}
		}
		if len(versions) > 0 {
			all = append(all, choice{one.Name, one.Name})
			all = append(append(all, labels...), versions...)
		}
	}
	return all
}

// first returns the first target, "" if there is none.
func (m models) first() string {
	if all := m.choices(); len(all) > 0 {
		return all[0].Value
	}
	return ""
}

// digest changes when the choices do.
func (m models) digest() string {
	h := fnv.New64a()
	for _, c := range m.choices() {
		fmt.Fprintln(h, c.Value) //nolint:errcheck // a hash takes everything
	}
	return strconv.FormatUint(h.Sum64(), 36)
}

// figures answers with the models and their figures.
func (p *Page) figures(r request) error { return p.html(r.ctx, modelList(p.models(r.user))) }

// targets answers with what can be asked.
func (p *Page) targets(r request) error {
	return p.html(r.ctx, options(p.models(r.user).choices(), field(r.ctx.URI().QueryString(), "target")))
}

// number writes a count.
func number(n uint64) string { return humanize.Comma(int64(n)) }

// short writes a time with two or three digits.
func short(d time.Duration) string {
	switch {
	case d == 0:
		return "–"
	case d < time.Millisecond:
		return strconv.FormatInt(d.Microseconds(), 10) + " µs"
	case d < 10*time.Millisecond:
		return strconv.FormatFloat(float64(d)/float64(time.Millisecond), 'f', 1, 64) + " ms"
	case d < time.Second:
		return strconv.FormatInt(d.Milliseconds(), 10) + " ms"
	}
	return strconv.FormatFloat(d.Seconds(), 'f', 1, 64) + " s"
}

// cached returns how many answers a model with a cache gave.
func (f *Figures) cached() uint64 { return f.Computed + f.Hits + f.Shared }

// hits says which part of them it did not compute.
func (f *Figures) hits() string {
	return strconv.FormatUint(100*(f.Hits+f.Shared)/f.cached(), 10) + " %"
}

// errors says whose the errors are.
func (f *Figures) errors() string {
	var all []string
	for _, e := range []struct {
		n    uint64
		what string
	}{{f.Client, " by clients"}, {f.Refused, " refused"}, {f.Failed, " failed"}} {
		if e.n > 0 {
			all = append(all, number(e.n)+e.what)
		}
	}
	return strings.Join(all, ", ")
}

// counts writes the counts of latencies, for the script.
func (f *Figures) counts() string {
	var b []byte
	for i, n := range f.Latency {
		if i > 0 {
			b = append(b, ' ')
		}
		b = strconv.AppendUint(b, n, 10)
	}
	return string(b)
}

// A column is one of the histogram in a table.
type column struct{ X, Y, Height string }

const columnHeight = 20

// columns draws the counts of latencies, the tallest 20 high.
func (f *Figures) columns() (all []column) {
	most := slices.Max(f.Latency[:])
	for i, n := range f.Latency {
		if n == 0 {
			continue
		}
		height := max(1, columnHeight*float64(n)/float64(most))
		all = append(all, column{strconv.Itoa(4 * i), fmt.Sprintf("%.1f", columnHeight-height), fmt.Sprintf("%.1f", height)})
	}
	return all
}
