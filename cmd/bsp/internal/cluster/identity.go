package cluster

import (
	"crypto/x509"
	"encoding/pem"
	"errors"
	"strings"
)

// Identity is whom a certificate of a cluster is for.
type Identity struct {
	Cluster string
	Role    string // empty: of the CA
	Name    string // of the daemon
}

// ParseCert reads the first certificate of a PEM file.
func ParseCert(text []byte) (*x509.Certificate, error) {
	block, _ := pem.Decode(text)
	if block == nil || block.Type != "CERTIFICATE" {
		return nil, errors.New("it holds no PEM certificate")
	}
	return x509.ParseCertificate(block.Bytes)
}

// IdentityOf reads the URI bsp://CLUSTER/ROLE/NAME of a certificate; without one
// all is empty.
func IdentityOf(c *x509.Certificate) Identity {
	var id Identity
	for _, u := range c.URIs {
		if u.Scheme != "bsp" {
			continue
		}
		id.Cluster = u.Host
		if role, name, ok := strings.Cut(strings.TrimPrefix(u.Path, "/"), "/"); ok {
			id.Role, id.Name = role, name
		}
	}
	return id
}
