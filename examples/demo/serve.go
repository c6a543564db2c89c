package main

import (
	"compress/gzip"
	"context"
	"crypto/tls"
	"crypto/x509"
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
	"time"
)

// asked is how many digits the served model is asked about, each by a request of its own.
const asked = 100

// A server is the cluster's prediction server, as whoever has the cluster's folder knows it.
type server struct {
	url, token string
	client     *http.Client
}

// server reads from the cluster's folder how its prediction server is spoken to.
func (c *cluster) server() (*server, error) {
	var text [3][]byte
	for i, name := range []string{"serve.url", "serve.token", "ca.pem"} { // left by bsp dev
		var err error
		if text[i], err = os.ReadFile(filepath.Join(c.data, name)); err != nil {
			return nil, err
		}
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(text[2])
	transport := &http.Transport{TLSClientConfig: &tls.Config{MinVersion: tls.VersionTLS13, RootCAs: roots}}
	return &server{strings.TrimSpace(string(text[0])), strings.TrimSpace(string(text[1])), &http.Client{Transport: transport}}, nil
}

// serve asks the cluster about digits that the model has not seen. The job that trained it has written it
// into the folder that the cluster serves, and that was all.
func (c *cluster) serve(ctx context.Context, digits, model string) error {
	s, err := c.server()
	if err != nil {
		return err
	}
	defer s.client.CloseIdleConnections()
	if err := s.await(ctx, model); err != nil {
		return err
	}
	rows, labels, err := readDigits(filepath.Join(digits, "test.csv.gz"))
	if err != nil {
		return err
	}
	var took []time.Duration
	wrong := 0
	for i := range min(asked, len(rows)) {
		begun := time.Now()
		label, err := s.infer(ctx, model, rows[i])
		if err != nil {
			return err
		}
		took = append(took, time.Since(begun))
		if label != labels[i] {
			wrong++
		}
	}
	slices.Sort(took)
	fmt.Printf("served     %d digits asked over HTTPS with a token: %d %% right, p50 %d µs, p99 %d µs\n", len(took),
		100*(len(took)-wrong)/len(took), took[len(took)/2].Microseconds(), took[len(took)*99/100].Microseconds())
	if wrong*20 > len(took) {
		return fmt.Errorf("%d of %d wrong are too many", wrong, len(took))
	}
	return nil
}

// await waits until a model is served.
func (s *server) await(ctx context.Context, model string) error {
	for {
		status, text, err := s.call(ctx, http.MethodGet, "/v2/models/"+model+"/ready", "")
		if err != nil {
			return err
		}
		switch status {
		case http.StatusOK:
			return nil
		case http.StatusNotFound, http.StatusServiceUnavailable: // it has not been seen yet, or is being loaded
		default:
			return fmt.Errorf("%s: %s", s.url, text)
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%s is not served: %s", model, text)
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// infer asks for the label of a row in the Open Inference Protocol.
func (s *server) infer(ctx context.Context, model string, row []string) (label string, err error) {
	body := fmt.Sprintf(`{"inputs":[{"name":"input","shape":[1,%d],"datatype":"FP32","data":[%s]}],"outputs":[{"name":"label"}]}`, len(row), strings.Join(row, ","))
	status, text, err := s.call(ctx, http.MethodPost, "/v2/models/"+model+"/infer", body)
	if err != nil {
		return "", err
	}
	var answer struct {
		Outputs []struct{ Data []string }
	}
	if err := json.Unmarshal(text, &answer); err != nil || len(answer.Outputs) != 1 || len(answer.Outputs[0].Data) != 1 {
		return "", fmt.Errorf("%s: status %d: %s", s.url, status, text)
	}
	return answer.Outputs[0].Data[0], nil
}

// call makes a request and reads the answer.
func (s *server) call(ctx context.Context, method, path, body string) (status int, text []byte, err error) {
	req, err := http.NewRequestWithContext(ctx, method, s.url+path, strings.NewReader(body))
	if err != nil {
		return 0, nil, err
	}
	req.Header.Set("Authorization", "Bearer "+s.token)
	req.Header.Set("Content-Type", "application/json")
	r, err := s.client.Do(req)
	if err != nil {
		return 0, nil, err
	}
	text, err = io.ReadAll(r.Body)
	return r.StatusCode, text, errors.Join(err, r.Body.Close())
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
