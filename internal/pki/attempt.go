package pki

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strconv"
	"time"

	"scalar/internal/name"
)

// attemptLife is how long a job's attempt may take to connect its tasks. Links
// that are up are not cut when it ends.
const attemptLife = 30 * 24 * time.Hour

// Attempt signs the tasks of one attempt of a job. Its key is in memory only and
// is forgotten with the value.
type Attempt struct {
	ca    *CA
	job   string
	epoch uint32
	now   time.Time
}

// NewAttempt makes a CA of its own for an attempt.
func NewAttempt(job string, epoch uint32, now time.Time) (*Attempt, error) {
	if !name.Valid(job, maxName) {
		return nil, fmt.Errorf("job id %q cannot be in a certificate", job)
	}
	id := &url.URL{Scheme: taskScheme, Host: job, Path: "/" + epochName(epoch)}
	ca, err := newCA(fmt.Sprintf("%s, epoch %d", job, epoch), id, attemptLife, now)
	if err != nil {
		return nil, err
	}
	return &Attempt{ca, job, epoch, now}, nil
}

// CertPEM returns the attempt's CA certificate, PEM.
func (a *Attempt) CertPEM() []byte { return a.ca.CertPEM() }

// Task makes the key and certificate of task i, which listens on host.
func (a *Attempt) Task(i int, host string) (Pair, error) {
	t := template(fmt.Sprintf("task %d", i), a.now, a.now.Add(attemptLife))
	t.URIs = []*url.URL{{Scheme: taskScheme, Host: a.job, Path: "/" + epochName(a.epoch) + "/" + strconv.Itoa(i)}}
	if ip := net.ParseIP(host); ip != nil {
		t.IPAddresses = []net.IP{ip}
	} else if host != "" {
		t.DNSNames = []string{host}
	}
	return a.ca.leaf(t)
}

// TaskTLS returns the TLS of a task towards the other tasks of its attempt, as
// server and as client. Each side must have a certificate of the attempt's CA
// for this job and epoch; PeerTask says which task it is.
func TaskTLS(caPEM, certPEM, keyPEM []byte, job string, epoch uint32) (server, client *tls.Config, err error) {
	v, err := parseRoot(caPEM)
	if err != nil {
		return nil, nil, err
	}
	cert, err := tls.X509KeyPair(certPEM, keyPEM)
	if err != nil {
		return nil, nil, fmt.Errorf("task certificate: %w", err)
	}
	config := func() *tls.Config {
		cfg := base(nil)
		cfg.Certificates = []tls.Certificate{cert}
		cfg.VerifyConnection = func(cs tls.ConnectionState) error {
			if err := v.chain(cs.PeerCertificates, now(cfg)); err != nil {
				return err
			}
			leaf := cs.PeerCertificates[0]
			if p := path(leaf, taskScheme, job); len(p) != 2 || p[0] != epochName(epoch) {
				return fmt.Errorf("%w: the other side is %s, not a task of job %s, epoch %d", ErrRole, describe(leaf), job, epoch)
			}
			return nil
		}
		return cfg
	}
	server, client = config(), config()
	server.ClientAuth = tls.RequireAnyClientCert // VerifyConnection checks it
	client.InsecureSkipVerify = true             // VerifyConnection does it: by attempt, not by address
	return server, client, nil
}

// PeerTask returns the index of the task on the other side of a link that a
// TaskTLS configuration checked.
func PeerTask(cs tls.ConnectionState) (int, error) {
	if len(cs.PeerCertificates) == 0 {
		return 0, errors.New("the other side has no certificate")
	}
	leaf := cs.PeerCertificates[0]
	for _, u := range leaf.URIs {
		if p := elements(u); u.Scheme == taskScheme && len(p) == 2 {
			return strconv.Atoi(p[1])
		}
	}
	return 0, fmt.Errorf("%w: %s is no task", ErrRole, describe(leaf))
}

func epochName(epoch uint32) string { return strconv.FormatUint(uint64(epoch), 10) }
