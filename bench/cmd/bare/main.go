// Command bare is the least that a prediction server can be: a fasthttp handler with the
// project's parser and kernels and nothing else. It has one model, no versions, no tenants, no deadlines,
// no metrics. `bare FOLDER HOST:PORT` answers POST /v2/models/m/infer, and /hello with a word, whatever comes with it.
package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"runtime"
	"strconv"

	"github.com/valyala/fasthttp"

	"scalar/ml/model"
	"scalar/serving/protocol"
	"scalar/tensor"
)

// worker is what a request needs: one for each core.
type worker struct {
	exec    *model.Executor
	request protocol.Request
	answer  protocol.Answer
	out     []byte
}

// server has one model.
type server struct {
	signature protocol.Signature
	encoder   func(x []float32) error
	free      chan *worker
	width     int
}

func main() {
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "usage: bare FOLDER HOST:PORT")
		os.Exit(2)
	}
	if err := run(os.Args[1], os.Args[2]); err != nil {
		fmt.Fprintln(os.Stderr, "bare:", err)
		os.Exit(1)
	}
}

func run(folder, addr string) error {
	s, err := open(folder)
	if err != nil {
		return err
	}
	fmt.Println("ready")
	return (&fasthttp.Server{Handler: s.handle, NoDefaultServerHeader: true, NoDefaultDate: true}).ListenAndServe(addr)
}

func open(folder string) (*server, error) {
	m, tensors, err := model.Open(context.Background(), folder)
	if err != nil {
		return nil, err
	}
	if !m.Classifier() {
		return nil, errors.New("want a classifier")
	}
	s := &server{free: make(chan *worker, runtime.GOMAXPROCS(0)), signature: protocol.Signature{Model: "m", Version: "1"}}
	for _, in := range m.Inputs {
		s.signature.Inputs = append(s.signature.Inputs, protocol.Tensor{Name: in.Name, Datatype: in.Datatype, Shape: in.Shape, Also: in.Also})
	}
	for _, out := range m.Outputs {
		s.signature.Outputs = append(s.signature.Outputs, protocol.Tensor{Name: out.Name, Datatype: out.Datatype, Shape: out.Shape, Labels: m.Transform.Label.Classes})
	}
	if err := s.signature.Init(); err != nil {
		return nil, err
	}
	for range cap(s.free) {
		cpu, err := tensor.NewCPU(tensor.Config{Cores: 1})
		if err != nil {
			return nil, err
		}
		p, err := model.NewPredictor(cpu, m, tensors)
		if err != nil {
			return nil, err
		}
		s.encoder, s.width = p.Encoder().Batch, p.Encoder().Features()
		s.free <- &worker{exec: p.NewExecutor(cpu), answer: protocol.Answer{Outputs: make([]protocol.Values, 2)}}
	}
	return s, nil
}

func (s *server) handle(ctx *fasthttp.RequestCtx) {
	if !ctx.IsPost() || string(ctx.Path()) == "/hello" {
		ctx.SetContentType("text/plain")
		ctx.SetBodyString("hello")
		return
	}
	w := <-s.free
	defer func() { s.free <- w }()
	length := -1
	if h := ctx.Request.Header.Peek("Inference-Header-Content-Length"); h != nil {
		length = ctx.Request.Header.ContentLength()
		if n, err := fasthttp.ParseUint(h); err == nil {
			length = n
		}
	}
	if err := s.answer(w, ctx.PostBody(), length); err != nil {
		ctx.SetStatusCode(http.StatusBadRequest)
		ctx.SetBodyString(err.Error())
		return
	}
	ctx.SetContentType("application/json")
	out, header := protocol.AppendV2(w.out[:0], &s.signature, &w.request, &w.answer)
	w.out = out
	if header >= 0 {
		ctx.SetContentType("application/octet-stream")
		ctx.Response.Header.Set("Inference-Header-Content-Length", strconv.Itoa(header))
	}
	ctx.SetBody(out)
}

func (s *server) answer(w *worker, body []byte, length int) error {
	if err := w.request.ParseV2(&s.signature, body, length); err != nil {
		return err
	}
	if err := s.encoder(w.request.X); err != nil {
		return err
	}
	x, err := tensor.From(w.request.X, w.request.Rows, s.width)
	if err != nil {
		return err
	}
	a, err := w.exec.Predict(x)
	if err != nil {
		return err
	}
	w.answer.Rows = w.request.Rows
	w.answer.Outputs[0].F32 = append(w.answer.Outputs[0].F32[:0], a.Probabilities.Values()...)
	w.answer.Outputs[1].Classes = append(w.answer.Outputs[1].Classes[:0], a.Classes...)
	return nil
}
