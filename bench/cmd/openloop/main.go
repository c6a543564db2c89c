// Command openloop asks a server at set times, whatever its answers do, and prints one line of JSON:
//
//	openloop -url http://127.0.0.1:7400/v2/models/m/infer -body FILE -rate 3000 -poisson -connections 512 -for 10s
//
// Times are in ms, from the time that was set for a request.
package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"net"
	"net/url"
	"os"
	"os/signal"
	"runtime"
	"strings"
	"syscall"
	"time"

	"scalar/bench/openloop"
)

// headers are those of a request, as they are sent.
type headers []string

func (h *headers) String() string { return strings.Join(*h, ", ") }

// Set takes one more.
func (h *headers) Set(s string) error {
	*h = append(*h, s)
	return nil
}

type options struct {
	url, body, ca string
	headers       headers
	config        openloop.Config
}

func main() {
	var o options
	flag.StringVar(&o.url, "url", "", "that is asked, http or https")
	flag.StringVar(&o.body, "body", "", "file that is posted; without one it is GET")
	flag.StringVar(&o.ca, "ca", "", "file of certificates that are trusted, for https")
	flag.Var(&o.headers, "header", "'NAME: VALUE', may be given again")
	flag.Float64Var(&o.config.Rate, "rate", 1000, "requests a second")
	flag.BoolVar(&o.config.Poisson, "poisson", false, "independent arrivals, else equal steps")
	flag.Uint64Var(&o.config.Seed, "seed", 1, "of the arrivals")
	flag.IntVar(&o.config.Connections, "connections", 64, "connections")
	flag.DurationVar(&o.config.For, "for", 10*time.Second, "that requests are sent")
	flag.DurationVar(&o.config.Warm, "warm", time.Second, "of it that is not counted")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, o); err != nil {
		fmt.Fprintln(os.Stderr, "openloop:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, o options) error {
	// On one core, too, the pacer must not wait until a goroutine has its 10 ms.
	runtime.GOMAXPROCS(max(4, runtime.NumCPU()))
	to, err := url.Parse(o.url)
	if err != nil {
		return err
	}
	if o.config.Warm >= o.config.For {
		return fmt.Errorf("-warm %v: want less than -for, %v", o.config.Warm, o.config.For)
	}
	if o.config.Request, err = o.request(to); err != nil {
		return err
	}
	if o.config.Dial, err = o.dialer(to); err != nil {
		return err
	}
	records, err := openloop.Run(ctx, o.config)
	if err != nil {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(openloop.Sum(records, o.config.For-o.config.Warm))
}

// request returns what is sent.
func (o options) request(to *url.URL) ([]byte, error) {
	method, body := "GET", []byte(nil)
	if o.body != "" {
		var err error
		if body, err = os.ReadFile(o.body); err != nil {
			return nil, err
		}
		method = "POST"
	}
	r := fmt.Appendf(nil, "%s %s HTTP/1.1\r\nHost: %s\r\nContent-Length: %d\r\n", method, to.RequestURI(), to.Host, len(body))
	for _, h := range o.headers {
		r = append(append(r, h...), "\r\n"...)
	}
	return append(append(r, "\r\n"...), body...), nil
}

// dialer returns what opens connections.
func (o options) dialer(to *url.URL) (func(context.Context) (net.Conn, error), error) {
	plain := &net.Dialer{Timeout: 10 * time.Second}
	switch to.Scheme {
	case "http":
		return func(ctx context.Context) (net.Conn, error) { return plain.DialContext(ctx, "tcp", to.Host) }, nil
	case "https":
		pem, err := os.ReadFile(o.ca)
		if err != nil {
			return nil, err
		}
		roots := x509.NewCertPool()
		if !roots.AppendCertsFromPEM(pem) {
			return nil, errors.New(o.ca + " has no certificate")
		}
		secure := &tls.Dialer{NetDialer: plain, Config: &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS13, NextProtos: []string{"http/1.1"}}}
		return func(ctx context.Context) (net.Conn, error) { return secure.DialContext(ctx, "tcp", to.Host) }, nil
	}
	return nil, fmt.Errorf("-url %q: want http or https", o.url)
}
