package pki

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"sync/atomic"
	"time"
)

// Own is a daemon's own certificate and key, which can be renewed while it is in use:
// connections made from then on have the new one. Safe for concurrent use.
type Own struct {
	verifier *verifier
	caPEM    []byte
	current  atomic.Pointer[tls.Certificate]
}

// NewOwn tells at start what would fail at every handshake: a pair that is none, of
// another CA, or expired at now.
func NewOwn(caPEM []byte, p Pair, now time.Time) (*Own, error) {
	v, err := newVerifier(caPEM)
	if err != nil {
		return nil, err
	}
	o := &Own{verifier: v, caPEM: caPEM}
	cert, err := o.check(p, now)
	if err != nil {
		return nil, err
	}
	o.current.Store(cert)
	return o, nil
}

func (o *Own) check(p Pair, now time.Time) (*tls.Certificate, error) {
	cert, err := tls.X509KeyPair(p.Cert, p.Key)
	if err != nil {
		return nil, err
	}
	return &cert, o.verifier.chain([]*x509.Certificate{cert.Leaf}, now)
}

// Renew replaces the pair by one of the same daemon. It reports whether it is another
// one than before. A pair that is refused changes nothing.
func (o *Own) Renew(p Pair, now time.Time) (renewed bool, err error) {
	cert, err := o.check(p, now)
	if err != nil {
		return false, err
	}
	old := o.current.Load()
	if bytes.Equal(cert.Certificate[0], old.Certificate[0]) {
		return false, nil
	}
	is, was := path(cert.Leaf, scheme, o.verifier.cluster), path(old.Leaf, scheme, o.verifier.cluster)
	if len(is) != 2 || len(was) != 2 || is[0] != was[0] || is[1] != was[1] {
		return false, fmt.Errorf("%w: %s in place of %s", ErrRole, describe(cert.Leaf), describe(old.Leaf))
	}
	o.current.Store(cert)
	return true, nil
}

// Ends returns when the certificate expires.
func (o *Own) Ends() time.Time { return o.current.Load().Leaf.NotAfter }

// ServerTLS returns the TLS of a server with this certificate. Where a client
// certificate is asked for, it must be of the CA's cluster and of the role, and the
// client must name one of the protocols.
func (o *Own) ServerTLS(s ServerOptions) *tls.Config {
	cfg := serverTLS(o.verifier, s)
	cfg.GetCertificate = func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return o.current.Load(), nil }
	return cfg
}

// ClientTLS is the function ClientTLS with this certificate, as long as it holds: then
// handshakes fail with ErrExpired, since a server's refusal would be a bare alert.
func (o *Own) ClientTLS(serverName string, alpn ...string) (*tls.Config, error) {
	cfg, err := ClientTLS(o.caPEM, serverName, alpn...)
	if err != nil {
		return nil, err
	}
	cfg.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
		cert := o.current.Load()
		return cert, checkTime(cert.Leaf, now(cfg))
	}
	return cfg, nil
}
