package pki

import (
	"crypto/tls"
	"fmt"
	"time"
)

// ServerOptions say whom a server accepts.
type ServerOptions struct {
	ClientRole string            // role that a client's certificate must have; empty: see Roles
	Roles      map[string]string // role by ALPN protocol, for a port with several; both empty: no client certificate
	ALPN       []string          // protocols in order of preference; with Roles: its keys, if empty
}

// ServerTLS returns the TLS of a daemon's server with certificate p. Where a
// client certificate is asked for, it must be of the CA's cluster and of the
// role, and the client must name one of the protocols.
func ServerTLS(caPEM []byte, p Pair, o ServerOptions) (*tls.Config, error) {
	v, err := newVerifier(caPEM)
	if err != nil {
		return nil, err
	}
	cert, err := tls.X509KeyPair(p.Cert, p.Key)
	if err != nil {
		return nil, fmt.Errorf("server certificate: %w", err)
	}
	cfg := serverTLS(v, o)
	cfg.Certificates = []tls.Certificate{cert}
	return cfg, nil
}

// serverTLS is ServerTLS without the server's own certificate.
func serverTLS(v *verifier, o ServerOptions) *tls.Config {
	cfg := base(o.ALPN)
	if len(o.ALPN) == 0 {
		for protocol := range o.Roles {
			cfg.NextProtos = append(cfg.NextProtos, protocol)
		}
	}
	if o.ClientRole == "" && len(o.Roles) == 0 {
		return cfg
	}
	cfg.ClientAuth = tls.RequireAnyClientCert // checked below
	cfg.VerifyConnection = func(cs tls.ConnectionState) error {
		if len(cfg.NextProtos) > 0 && cs.NegotiatedProtocol == "" {
			return fmt.Errorf("%w: the client speaks none of the protocols %v", ErrRole, cfg.NextProtos)
		}
		role := o.ClientRole
		if r, ok := o.Roles[cs.NegotiatedProtocol]; ok {
			role = r
		}
		return v.daemon(cs, now(cfg), role)
	}
	return cfg
}

// ClientTLS returns the TLS of a client, with certificate p unless that is nil.
// The server's certificate must be of the CA's cluster and hold serverName,
// whatever address was dialled; an empty serverName means master.CLUSTER. An
// expired certificate of the client's own fails its handshakes with ErrExpired.
func ClientTLS(caPEM []byte, p *Pair, serverName string, alpn ...string) (*tls.Config, error) {
	v, err := newVerifier(caPEM)
	if err != nil {
		return nil, err
	}
	if serverName == "" {
		serverName = RoleMaster + "." + v.cluster
	}
	cfg := base(alpn)
	cfg.ServerName = serverName
	cfg.InsecureSkipVerify = true // VerifyConnection does it, with better words
	cfg.VerifyConnection = func(cs tls.ConnectionState) error {
		return v.server(cs, now(cfg), serverName)
	}
	if p == nil {
		return cfg, nil
	}
	return cfg, ownCertificate(cfg, *p)
}

// ownCertificate makes a client present a certificate as long as it holds: the
// server's refusal would reach us as a bare alert.
func ownCertificate(cfg *tls.Config, p Pair) error {
	cert, err := tls.X509KeyPair(p.Cert, p.Key)
	if err != nil {
		return fmt.Errorf("client certificate: %w", err)
	}
	cfg.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
		return &cert, checkTime(cert.Leaf, now(cfg))
	}
	return nil
}

func base(alpn []string) *tls.Config {
	return &tls.Config{MinVersion: tls.VersionTLS13, NextProtos: alpn, SessionTicketsDisabled: true}
}

func now(cfg *tls.Config) time.Time {
	if cfg.Time != nil {
		return cfg.Time()
	}
	return time.Now()
}
