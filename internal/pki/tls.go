package pki

import (
	"crypto/tls"
	"fmt"
	"time"
)

// ServerOptions say whom a server accepts.
type ServerOptions struct {
	Roles map[string]string // role that a client's certificate must have, by ALPN protocol; empty: no client certificate
	ALPN  []string          // protocols in order of preference; with Roles: its keys, if empty
}

// serverTLS is Own.ServerTLS without the server's own certificate.
func serverTLS(v *verifier, o ServerOptions) *tls.Config {
	cfg := base(o.ALPN)
	if len(o.ALPN) == 0 {
		for protocol := range o.Roles {
			cfg.NextProtos = append(cfg.NextProtos, protocol)
		}
	}
	if len(o.Roles) == 0 {
		return cfg
	}
	cfg.ClientAuth = tls.RequireAnyClientCert // checked below
	cfg.VerifyConnection = func(cs tls.ConnectionState) error {
		if len(cfg.NextProtos) > 0 && cs.NegotiatedProtocol == "" {
			return fmt.Errorf("%w: the client speaks none of the protocols %v", ErrRole, cfg.NextProtos)
		}
		return v.daemon(cs, now(cfg), o.Roles[cs.NegotiatedProtocol])
	}
	return cfg
}

// ClientTLS returns the TLS of a client without a certificate: see [Own.ClientTLS].
// The server's certificate must be of the CA's cluster and hold serverName,
// whatever address was dialled; an empty serverName means master.CLUSTER.
func ClientTLS(caPEM []byte, serverName string, alpn ...string) (*tls.Config, error) {
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
	return cfg, nil
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
