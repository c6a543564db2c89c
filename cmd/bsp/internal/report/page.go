package report

import (
	_ "embed"
	"fmt"
	"html/template"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"

	"scalar/bsp/job"
)

//go:embed page.html
var text string

// maxRows bounds the table.
const maxRows = 64

// content is what the page shows.
type content struct {
	ID, Program string
	Head        [][2]string // name and value
	Counters    [][2]string
	Notes       []string
	Plots       []plot
	Curves      []curveRow
	Tracks      tracks
	Charts      []chart
	Table       []tableRow
	Active      bool // the program says how many vertices it computes
}

// tableRow is a stretch of the table. Times are of a peer, on average.
type tableRow struct {
	Steps, Took, Longest, Compute, Exchange, Wait, Messages, Active, Skew string
}

// Write makes the page of a job from what the tasks of its last attempt have told, in
// any order; each task once. It returns an error if none has.
func Write(w io.Writer, info job.Info, traces []*job.Trace) error {
	r, err := join(info, traces)
	if err != nil {
		return err
	}
	c := content{ID: string(info.ID), Program: info.Program, Head: head(info), Counters: counters(info), Notes: r.notes(info), Tracks: r.picture()}
	c.Active = slices.ContainsFunc(r.columns.active, func(n int64) bool { return n > 0 })
	c.Charts = r.charts(c.Active)
	c.Table = r.table()
	if r.steps > 0 {
		c.Plots, c.Curves = r.plots(), r.curveTable()
	}
	page, err := template.New("page").Parse(text)
	if err != nil {
		return err
	}
	return page.Execute(w, c)
}

func head(i job.Info) [][2]string {
	s := i.Seconds
	list := [][2]string{
		{"Program", i.Program},
		{"State", strings.ReplaceAll(i.State.String(), "_", " ")},
		{"Peers", strconv.Itoa(i.Peers)},
		{"Tasks", strconv.Itoa(i.Tasks)},
		{"Attempts", strconv.Itoa(i.Attempts)},
		{"Supersteps", strconv.Itoa(i.Supersteps)},
		{"Between tasks", i.DataPlane},
		{"Seconds", fmt.Sprintf("queued %.3f, start %.3f, load %.3f, compute %.3f, write %.3f, total %.3f", s.Queued, s.Start, s.Load, s.Compute, s.Write, s.Total)},
	}
	if i.Error != nil {
		list = append(list, [2]string{"Error", i.Error.Error()})
	}
	return list
}

func counters(i job.Info) [][2]string {
	list := make([][2]string, 0, len(i.Counters))
	for _, name := range slices.Sorted(maps.Keys(i.Counters)) {
		list = append(list, [2]string{name, strconv.FormatInt(i.Counters[name], 10)})
	}
	return list
}

// notes say what the pictures do not show.
func (r *run) notes(info job.Info) []string {
	var list []string
	if info.Attempts > 1 {
		list = append(list, fmt.Sprintf("There were %d attempts. The last one is shown, which began at superstep %d; counters are of the whole job.", info.Attempts, r.first))
	}
	if r.tasks < info.Tasks {
		list = append(list, fmt.Sprintf("Only %d of %d tasks told of their supersteps: the others are missing in all pictures and sums.", r.tasks, info.Tasks))
	}
	if r.steps == 0 {
		list = append(list, "The peers came to no barrier: there are no supersteps to show.")
	}
	if w := r.columns.width; w > 1 {
		list = append(list, fmt.Sprintf("Each step in the pictures is a stretch of %d supersteps.", w))
	}
	if !r.whole || len(r.tracks) > maxTracks {
		list = append(list, fmt.Sprintf("Of %d peers, %d are drawn: evenly spaced by the time they compute, from the least to the most.", info.Peers, min(len(r.tracks), maxTracks)))
	}
	if n := len(r.curves); n > maxCurves {
		list = append(list, fmt.Sprintf("Of %d curves that the program has plotted, the first %d by name are drawn.", n, maxCurves))
	}
	return list
}

// charts are the pictures over supersteps.
func (r *run) charts(active bool) []chart {
	if r.steps == 0 {
		return nil
	}
	var list []chart
	if slices.ContainsFunc(r.columns.messages, func(n int64) bool { return n > 0 }) {
		list = append(list, r.perStep("Messages", "messages in a superstep, all peers together", r.columns.messages))
	}
	if active {
		list = append(list, r.perStep("Active vertices", "vertices computed in a superstep, all peers together", r.columns.active))
	}
	if len(r.tracks) > 1 {
		width := r.tracks[0].width
		list = append(list, r.chart("Skew", "time that the slowest peer computes, divided by the median of the peers; 1 is even", width, r.skew(width), 0))
	}
	return list
}

// perStep draws a sum over stretches, for each superstep.
func (r *run) perStep(name, label string, sums []int64) chart {
	return r.chart(name, label, r.columns.width, r.each(sums), 0)
}

// table has what the pictures show as text.
func (r *run) table() []tableRow {
	width := r.columns.width
	if len(r.tracks) > 0 {
		width = r.tracks[0].width
	}
	for (r.steps+width-1)/width > maxRows {
		width *= 2
	}
	c, skew := r.columns.coarser(width), r.skew(width)
	rows := make([]tableRow, 0, len(c.end))
	for i := range c.end {
		lo, n := r.first+i*width, r.stepsIn(i, width)
		took := c.end[i]
		if i > 0 {
			took -= c.end[i-1]
		}
		row := tableRow{Steps: strconv.Itoa(lo), Took: seconds(float64(took)), Longest: seconds(float64(c.longest[i])), Messages: strconv.FormatInt(c.messages[i], 10), Active: strconv.FormatInt(c.active[i], 10)}
		if n > 1 {
			row.Steps = fmt.Sprintf("%d to %d", lo, lo+n-1)
		}
		if len(r.tracks) > 1 && skew[i] > 0 {
			row.Skew = fmt.Sprintf("%.2f", skew[i])
		}
		all := float64(max(c.compute[i]+c.exchange[i]+c.wait[i], 1))
		row.Compute, row.Exchange, row.Wait = percent(c.compute[i], all), percent(c.exchange[i], all), percent(c.wait[i], all)
		rows = append(rows, row)
	}
	return rows
}

func percent(part int64, all float64) string { return fmt.Sprintf("%.0f %%", 100*float64(part)/all) }
