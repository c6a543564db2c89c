package pki

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"
)

// Why a certificate is refused.
var (
	ErrExpired = errors.New("certificate expired")
	ErrForeign = errors.New("certificate of another CA")
	ErrRole    = errors.New("certificate of another role")
)

// verifier checks certificates against one CA.
type verifier struct {
	roots   *x509.CertPool
	ca      *x509.Certificate
	cluster string // empty: the CA of an attempt
}

func newVerifier(caPEM []byte) (*verifier, error) {
	v, err := parseRoot(caPEM)
	if err != nil {
		return nil, err
	}
	v.cluster, err = clusterOf(v.ca)
	return v, err
}

func parseRoot(caPEM []byte) (*verifier, error) {
	ca, err := parseCert(caPEM)
	if err != nil {
		return nil, fmt.Errorf("CA certificate: %w", err)
	}
	v := &verifier{roots: x509.NewCertPool(), ca: ca}
	v.roots.AddCert(ca)
	return v, nil
}

// server checks a server's certificate by name.
func (v *verifier) server(cs tls.ConnectionState, now time.Time, name string) error {
	if err := v.chain(cs.PeerCertificates, now); err != nil {
		return err
	}
	leaf := cs.PeerCertificates[0]
	if err := leaf.VerifyHostname(name); err != nil {
		return fmt.Errorf("%w: the server is %s, not %s", ErrRole, describe(leaf), name)
	}
	return nil
}

// daemon checks a client's certificate by role.
func (v *verifier) daemon(cs tls.ConnectionState, now time.Time, role string) error {
	if err := v.chain(cs.PeerCertificates, now); err != nil {
		return err
	}
	leaf := cs.PeerCertificates[0]
	if p := path(leaf, scheme, v.cluster); len(p) != 2 || p[0] != role {
		return fmt.Errorf("%w: the client is %s, and only a %s of cluster %s may connect here", ErrRole, describe(leaf), role, v.cluster)
	}
	return nil
}

// chain checks who signed a certificate, and when it holds.
func (v *verifier) chain(certs []*x509.Certificate, now time.Time) error {
	if len(certs) == 0 {
		return errors.New("the other side has no certificate")
	}
	leaf := certs[0]
	// Its signer first: the dates of a foreign certificate say nothing.
	if !bytes.Equal(leaf.RawIssuer, v.ca.RawSubject) || leaf.CheckSignatureFrom(v.ca) != nil {
		return fmt.Errorf("%w: %s was signed by %q and not by this cluster's %q, or by one of the same name with another key: use the CA file and certificates of one bsp init",
			ErrForeign, describe(leaf), leaf.Issuer.CommonName, v.ca.Subject.CommonName)
	}
	if err := checkTime(v.ca, now); err != nil {
		return err
	}
	if err := checkTime(leaf, now); err != nil {
		return err
	}
	_, err := leaf.Verify(x509.VerifyOptions{
		Roots:       v.roots,
		CurrentTime: now,
		KeyUsages:   []x509.ExtKeyUsage{x509.ExtKeyUsageAny},
	})
	if err != nil {
		return fmt.Errorf("certificate of %s: %w", describe(leaf), err)
	}
	return nil
}

// checkTime says when a certificate ended and what to do.
func checkTime(c *x509.Certificate, now time.Time) error {
	const layout = "2006-01-02 15:04 MST"
	switch {
	case now.After(c.NotAfter):
		return fmt.Errorf("%w: certificate of %s expired on %s: run bsp tls renew", ErrExpired, describe(c), c.NotAfter.UTC().Format(layout))
	case now.Before(c.NotBefore):
		return fmt.Errorf("certificate of %s holds from %s on and the clock here says %s: set the clocks right",
			describe(c), c.NotBefore.UTC().Format(layout), now.UTC().Format(layout))
	}
	return nil
}

// describe names a certificate for people.
func describe(c *x509.Certificate) string {
	for _, u := range c.URIs {
		switch p := strings.Split(strings.Trim(u.Path, "/"), "/"); {
		case u.Scheme == scheme && len(p) == 2:
			return fmt.Sprintf("%s %s of cluster %s", p[0], p[1], u.Host)
		case u.Scheme == taskScheme && len(p) == 2:
			return fmt.Sprintf("task %s of job %s, epoch %s", p[1], u.Host, p[0])
		}
	}
	return fmt.Sprintf("%q", c.Subject.CommonName)
}

// path returns the path elements of the URI name with a scheme and host, nil if
// the certificate has none.
func path(c *x509.Certificate, scheme, host string) []string {
	i := -1
	for k, u := range c.URIs {
		if u.Scheme == scheme && u.Host == host {
			i = k
		}
	}
	if i < 0 {
		return nil
	}
	return elements(c.URIs[i])
}

func elements(u *url.URL) []string { return strings.Split(strings.TrimPrefix(u.Path, "/"), "/") }

// PeerName returns the role and name of the daemon on the other side of a link
// that ServerTLS or ClientTLS checked.
func PeerName(cs tls.ConnectionState) (role, name string, err error) {
	if len(cs.PeerCertificates) == 0 {
		return "", "", errors.New("the other side has no certificate")
	}
	for _, u := range cs.PeerCertificates[0].URIs {
		if p := elements(u); u.Scheme == scheme && len(p) == 2 {
			return p[0], p[1], nil
		}
	}
	return "", "", fmt.Errorf("%w: %s", ErrRole, describe(cs.PeerCertificates[0]))
}
