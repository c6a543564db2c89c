package host

import (
	"errors"
	"fmt"
	"net/http"
	"runtime"
	"time"

	"scalar/ml/model"
	"scalar/serving/protocol"
	"scalar/tensor"
)

// An executor computes for one goroutine at a time, on one core.
type executor struct {
	v      *Version
	cpu    *tensor.CPU
	ex     *model.Executor
	x      []float32 // rows of features
	dims   [2]int
	broken bool      // it panicked in the middle of something
	runs   uint      // for sampling
	with   []*call   // of a batch
	errs   []error   // of each
	door   *door     // nil: nobody has waited there yet
	handed time.Time // when it was given to a request that waited; zero: to one that did not
}

func newExecutor(v *Version) (*executor, error) {
	e := &executor{v: v}
	return e, e.renew()
}

// renew gives it a CPU and an executor that nothing has happened to.
func (e *executor) renew() error {
	cpu, err := tensor.NewCPU(tensor.Config{Cores: 1})
	if err != nil {
		return err
	}
	if e.cpu != nil {
		e.cpu.Close()
	}
	e.cpu, e.ex, e.broken = cpu, e.v.predictor.NewExecutor(cpu), false
	return nil
}

// yield lets others go first, before something long: where requests wait, and so always one of them computes, all those
// for whom something has come. It costs 0.2 µs where nobody is there, and 3 µs where some wait.
func (e *executor) yield() {
	if e.handed.IsZero() {
		runtime.Gosched()
		return
	}
	if e.door == nil {
		var err error
		if e.door, err = newDoor(); err != nil {
			e.v.log.Error("requests that are refused may wait for those that are computed", "error", err)
			runtime.Gosched()
			return
		}
	}
	e.door.pass()
}

// close ends it.
func (e *executor) close() {
	e.cpu.Close()
	if e.door != nil {
		_ = e.door.close() // nobody waits there
	}
	*e = executor{}
}

// room returns memory for n rows of features, with what was in it.
func (e *executor) room(n int) []float32 {
	n *= e.v.features
	if cap(e.x) < n {
		e.x = make([]float32, n)
	}
	return e.x[:n]
}

// errPanicked is wrapped by errors about a model that panicked.
var errPanicked = errors.New("the model panicked")

// compute answers for n rows of features. The answer is valid until the next call. It counts for
// the version's time a row; of rows alone that are fast, one in 16 does.
func (e *executor) compute(x []float32, n int) (a *model.Answer, err error) {
	defer func() {
		if r := recover(); r != nil {
			e.broken = true
			a, err = nil, fmt.Errorf("%w: %v", errPanicked, r)
		}
	}()
	if e.broken {
		if err := e.renew(); err != nil {
			return nil, err
		}
	}
	e.dims = [2]int{n, e.v.features}
	rows, err := tensor.From(x, e.dims[:]...)
	if err != nil {
		return nil, err
	}
	e.runs++
	if n == 1 && e.runs%16 != 0 && e.v.perRow.Load() < 10_000 {
		return e.ex.Predict(rows)
	}
	start := time.Now()
	a, err = e.ex.Predict(rows)
	e.v.took(time.Since(start), n)
	return a, err
}

// status turns an error of computing into what the client is told. first is the row of the
// request that was row 0.
func (v *Version) status(err error, first int) error {
	if err == nil {
		return nil
	}
	if row, ok := errors.AsType[*model.RowError](err); ok {
		return &protocol.Error{Status: http.StatusBadRequest, Message: fmt.Sprintf("row %d: %s", row.Row+first, row.What)}
	}
	v.log.Error("a prediction was not computed", "model", v.name, "version", v.version, "error", err)
	return &protocol.Error{Status: http.StatusInternalServerError, Message: fmt.Sprintf("model %s, version %s did not compute: %v", v.name, v.version, err)}
}
