package main

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"
)

// asked is how many digits the served model is asked about, each by a request of its own.
const asked = 100

// serve serves the model and asks it over HTTP about digits that it has not seen.
func (c *cluster) serve(ctx context.Context, digits, model string) (err error) {
	cmd := c.command(ctx, "serve", "--model", "digits="+model, "--listen", "127.0.0.1:0", "--insecure")
	said := readiness{yes: make(chan struct{})}
	var errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &said, &errs
	start := time.Now()
	if err := cmd.Start(); err != nil {
		return err
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }() // received below
	defer func() {
		err = errors.Join(err, cmd.Process.Signal(syscall.SIGTERM), <-ended)
	}()
	select {
	case <-said.yes:
	case <-time.After(readyLimit):
		return fmt.Errorf("bsp serve is not ready after %v: %s", readyLimit, &errs)
	}
	ready := time.Since(start)
	url := strings.Fields(string(said.text))[1] + "/v2/models/digits/infer"
	rows, labels, err := readDigits(filepath.Join(digits, "test.csv.gz"))
	if err != nil {
		return err
	}
	var took []time.Duration
	wrong := 0
	for i := range min(asked, len(rows)) {
		begun := time.Now()
		label, err := infer(ctx, url, rows[i])
		if err != nil {
			return err
		}
		took = append(took, time.Since(begun))
		if label != labels[i] {
			wrong++
		}
	}
	slices.Sort(took)
	fmt.Printf("served     ready in %.0f ms; %d digits asked over HTTP: %d %% right, p50 %d µs, p99 %d µs\n", float64(ready.Microseconds())/1e3, len(took),
		100*(len(took)-wrong)/len(took), took[len(took)/2].Microseconds(), took[len(took)*99/100].Microseconds())
	if wrong*20 > len(took) {
		return fmt.Errorf("%d of %d wrong are too many", wrong, len(took))
	}
	return nil
}

// infer asks for the label of a row in the Open Inference Protocol.
func infer(ctx context.Context, url string, row []string) (label string, err error) {
	body := fmt.Sprintf(`{"inputs":[{"name":"input","shape":[1,%d],"datatype":"FP32","data":[%s]}],"outputs":[{"name":"label"}]}`, len(row), strings.Join(row, ","))
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url, strings.NewReader(body))
	if err != nil {
		return "", err
	}
	req.Header.Set("Content-Type", "application/json")
	r, err := http.DefaultClient.Do(req)
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, r.Body.Close()) }()
	text, err := io.ReadAll(r.Body)
	if err != nil {
		return "", err
	}
	var answer struct {
		Outputs []struct{ Data []string }
		Error   string
	}
	if err := json.Unmarshal(text, &answer); err != nil || len(answer.Outputs) != 1 || len(answer.Outputs[0].Data) != 1 {
		return "", fmt.Errorf("%s: %s: %s", url, r.Status, text)
	}
	return answer.Outputs[0].Data[0], nil
}

// readDigits reads rows and their labels, the last column.
func readDigits(name string) (rows [][]string, labels []string, err error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, nil, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	z, err := gzip.NewReader(f)
	if err != nil {
		return nil, nil, err
	}
	all, err := csv.NewReader(z).ReadAll()
	if err != nil {
		return nil, nil, err
	}
	for _, row := range all[1:] { // behind the header
		rows, labels = append(rows, row[:len(row)-1]), append(labels, row[len(row)-1])
	}
	return rows, labels, nil
}
