package pki

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"net"
	"net/url"
	"time"

	"scalar/internal/name"
)

// The roles of daemons.
const (
	RoleMaster = "master"
	RoleGroom  = "groom"
)

const (
	scheme     = "bsp"      // URI SAN of a cluster's certificates
	taskScheme = "bsp-task" // URI SAN of a task's certificate
	blockCert  = "CERTIFICATE"
	blockKey   = "PRIVATE KEY"
)

// skew is how far the clocks of machines may differ: certificates begin to hold
// that much earlier.
const skew = 10 * time.Minute

// maxName is the length of what clusters, roles and nodes are called, at most: it fits DNS labels.
const maxName = 63

// Pair is a certificate and its private key, PEM.
type Pair struct{ Cert, Key []byte }

// CA signs the certificates of one cluster. Safe for concurrent use.
type CA struct {
	cert    *x509.Certificate
	key     *ecdsa.PrivateKey
	pair    Pair
	cluster string
}

// NewCA makes the CA of a cluster, valid for life from now on.
func NewCA(cluster string, life time.Duration, now time.Time) (*CA, error) {
	if !name.Valid(cluster, maxName) {
		return nil, fmt.Errorf("cluster name %q: use letters, digits, dots and dashes, at most 63", cluster)
	}
	return newCA(cluster, &url.URL{Scheme: scheme, Host: cluster}, life, now)
}

func newCA(cluster string, id *url.URL, life time.Duration, now time.Time) (*CA, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	t := template("Scalar CA of "+cluster, now, now.Add(life))
	t.URIs = []*url.URL{id}
	t.IsCA, t.BasicConstraintsValid, t.MaxPathLenZero = true, true, true
	t.KeyUsage = x509.KeyUsageCertSign
	pair, err := sign(t, t, key, key)
	if err != nil {
		return nil, err
	}
	cert, err := parseCert(pair.Cert)
	if err != nil {
		return nil, err
	}
	return &CA{cert, key, pair, cluster}, nil
}

// LoadCA reads a CA that NewCA made.
func LoadCA(certPEM, keyPEM []byte) (*CA, error) {
	cert, err := parseCert(certPEM)
	if err != nil {
		return nil, fmt.Errorf("CA certificate: %w", err)
	}
	cluster, err := clusterOf(cert)
	if err != nil {
		return nil, err
	}
	block, _ := pem.Decode(keyPEM)
	if block == nil || block.Type != blockKey {
		return nil, errors.New("CA key: no PEM block PRIVATE KEY")
	}
	parsed, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return nil, fmt.Errorf("CA key: %w", err)
	}
	key, ok := parsed.(*ecdsa.PrivateKey)
	if !ok || !key.PublicKey.Equal(cert.PublicKey) {
		return nil, errors.New("CA key: it does not belong to the CA certificate")
	}
	return &CA{cert, key, Pair{certPEM, keyPEM}, cluster}, nil
}

// Cluster returns the cluster's name.
func (ca *CA) Cluster() string { return ca.cluster }

// CertPEM returns the CA certificate, PEM.
func (ca *CA) CertPEM() []byte { return ca.pair.Cert }

// KeyPEM returns the CA's private key, PEM: it stays on masters.
func (ca *CA) KeyPEM() []byte { return ca.pair.Key }

// Request says what certificate a daemon needs.
type Request struct {
	Role string        // RoleMaster, RoleGroom
	Name string        // of the node, unique in its role
	DNS  []string      // names beside ROLE.CLUSTER
	IPs  []net.IP      // addresses that clients verify
	Life time.Duration // never beyond the CA's own end
	Now  time.Time
}

// Issue makes a key and its certificate for a daemon, as server and as client. A
// CA that has ended issues none, with ErrExpired.
func (ca *CA) Issue(req Request) (Pair, error) {
	if !name.Valid(req.Role, maxName) || !name.Valid(req.Name, maxName) {
		return Pair{}, fmt.Errorf("certificate for %s %q: use letters, digits, dots and dashes, at most 63", req.Role, req.Name)
	}
	if end := ca.cert.NotAfter; req.Now.After(end) {
		return Pair{}, fmt.Errorf("%w: the CA of cluster %s expired on %s: make a new one by bsp init, in a new folder", ErrExpired, ca.cluster, end.UTC().Format(time.DateOnly))
	}
	t := template(req.Role+" "+req.Name, req.Now, req.Now.Add(req.Life))
	t.DNSNames = append([]string{req.Role + "." + ca.cluster}, req.DNS...)
	t.IPAddresses = req.IPs
	t.URIs = []*url.URL{{Scheme: scheme, Host: ca.cluster, Path: "/" + req.Role + "/" + req.Name}}
	return ca.leaf(t)
}

// leaf signs a certificate for a new key.
func (ca *CA) leaf(t *x509.Certificate) (Pair, error) {
	if t.NotAfter.After(ca.cert.NotAfter) {
		t.NotAfter = ca.cert.NotAfter
	}
	t.KeyUsage = x509.KeyUsageDigitalSignature
	t.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return Pair{}, err
	}
	return sign(t, ca.cert, key, ca.key)
}

func template(name string, now, end time.Time) *x509.Certificate {
	// A nil serial number makes x509 choose a random one.
	return &x509.Certificate{Subject: pkix.Name{CommonName: name}, NotBefore: now.Add(-skew), NotAfter: end}
}

func sign(t, parent *x509.Certificate, key, signer *ecdsa.PrivateKey) (Pair, error) {
	der, err := x509.CreateCertificate(rand.Reader, t, parent, &key.PublicKey, signer)
	if err != nil {
		return Pair{}, err
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return Pair{}, err
	}
	return Pair{
		Cert: pem.EncodeToMemory(&pem.Block{Type: blockCert, Bytes: der}),
		Key:  pem.EncodeToMemory(&pem.Block{Type: blockKey, Bytes: pkcs8}),
	}, nil
}

func parseCert(b []byte) (*x509.Certificate, error) {
	block, _ := pem.Decode(b)
	if block == nil || block.Type != blockCert {
		return nil, errors.New("no PEM block CERTIFICATE")
	}
	return x509.ParseCertificate(block.Bytes)
}

func clusterOf(ca *x509.Certificate) (string, error) {
	for _, u := range ca.URIs {
		if u.Scheme == scheme && u.Host != "" && ca.IsCA {
			return u.Host, nil
		}
	}
	return "", fmt.Errorf("certificate %q is not the CA of a cluster: give the one that bsp init made", ca.Subject.CommonName)
}
