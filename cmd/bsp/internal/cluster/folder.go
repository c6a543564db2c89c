package cluster

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"scalar/cmd/bsp/internal/fault"
	"scalar/internal/pki"
	"scalar/master"
)

// Lives of what is signed. A cluster's CA outlives its machines; certificates
// are renewed by bsp tls renew.
const (
	CALife   = 10 * 365 * 24 * time.Hour
	CertLife = 2 * 365 * 24 * time.Hour
)

// Folder is a cluster's folder of credentials.
type Folder struct {
	Dir        string // absolute
	Cluster    string
	CA         *pki.CA
	GossipKeys [][]byte // the first is used, all are understood
	AdminToken string
}

// Create makes the credentials of a new cluster in dir, which is made if
// missing. Credentials that are there already are an error wrapping fs.ErrExist.
func Create(dir, name string) (*Folder, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	if _, err := os.Lstat(filepath.Join(dir, caFile)); err == nil {
		return nil, fmt.Errorf("%s holds the credentials of a cluster already: %w", dir, fs.ErrExist)
	}
	ca, err := pki.NewCA(name, CALife, time.Now())
	if err != nil {
		return nil, fmt.Errorf("make the CA: %w", err)
	}
	f := &Folder{Dir: dir, Cluster: name, CA: ca, GossipKeys: [][]byte{NewKey()}}
	f.AdminToken, _ = master.NewSecret()
	return f, f.write(map[string][]byte{
		caKeyFile:  ca.KeyPEM(),
		gossipFile: FormatKeys(f.GossipKeys),
		tokenFile:  []byte(f.AdminToken + "\n"),
		caFile:     ca.CertPEM(), // last: its presence says that the rest is there
	}, caKeyFile, gossipFile, tokenFile, caFile)
}

// The names of the files in a folder.
const (
	caFile      = "ca.pem"
	caKeyFile   = "ca.key"
	gossipFile  = "gossip.key"
	tokenFile   = "admin.token"
	contextFile = "context.yaml"
)

func (f *Folder) write(files map[string][]byte, order ...string) error {
	for _, name := range order {
		if err := WriteFile(filepath.Join(f.Dir, name), files[name]); err != nil {
			return err
		}
	}
	return nil
}

// Open reads the folder that Create made.
func Open(dir string) (*Folder, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, err
	}
	f := &Folder{Dir: dir}
	var read error
	file := func(name string) []byte {
		b, err := os.ReadFile(filepath.Join(dir, name))
		read = errors.Join(read, err)
		return b
	}
	cert, key, gossip, token := file(caFile), file(caKeyFile), file(gossipFile), file(tokenFile)
	if read != nil {
		return nil, fmt.Errorf("%s is not what bsp init made: %w", dir, read)
	}
	if f.CA, err = pki.LoadCA(cert, key); err != nil {
		return nil, fmt.Errorf("CA in %s: %w", dir, err)
	}
	f.Cluster = f.CA.Cluster()
	if f.GossipKeys, err = ParseKeys(gossip); err != nil {
		return nil, fmt.Errorf("%s: %w", filepath.Join(dir, gossipFile), err)
	}
	f.AdminToken = strings.TrimSpace(string(token))
	return f, nil
}

// OpenOrCreate opens the folder, or makes it where there is none.
func OpenOrCreate(dir, name string) (*Folder, error) {
	f, err := Create(dir, name)
	if errors.Is(err, fs.ErrExist) {
		return Open(dir)
	}
	return f, err
}

// AdminHash is what the masters keep of the admin token.
func (f *Folder) AdminHash() string { return master.HashSecret(f.AdminToken) }

// Path returns the path of a file in the folder.
func (f *Folder) Path(name string) string { return filepath.Join(f.Dir, name) }

// isTaken reports whether a daemon's files would be the cluster's own.
func isTaken(name string) bool {
	return slices.Contains([]string{"ca", "gossip", "admin", "context"}, strings.ToLower(name))
}

// Issue signs a certificate for a daemon and writes NAME.pem and NAME.key, in place
// of older ones. hosts are DNS names and IP addresses at which clients find it.
func (f *Folder) Issue(role, name string, hosts []string, life time.Duration) error {
	if isTaken(name) {
		return fault.Usage("%q cannot be the name of a daemon: the cluster's own files have it", name)
	}
	if life <= 0 {
		return fault.Usage("a certificate cannot hold for %s: give it more than 0", life)
	}
	req := pki.Request{Role: role, Name: name, Life: life, Now: time.Now()}
	for _, h := range hosts {
		if err := CheckHost(h); err != nil {
			return err
		}
		if ip := net.ParseIP(h); ip != nil {
			req.IPs = append(req.IPs, ip)
		} else {
			req.DNS = append(req.DNS, h)
		}
	}
	pair, err := f.CA.Issue(req)
	if err != nil {
		return fmt.Errorf("certificate of %s: %w", name, err)
	}
	return f.write(map[string][]byte{name + ".key": pair.Key, name + ".pem": pair.Cert}, name+".key", name+".pem")
}

// IssueNew is Issue for a daemon that has no certificate yet.
func (f *Folder) IssueNew(role, name string, hosts []string, life time.Duration) error {
	for _, file := range []string{f.Path(name + ".pem"), f.Path(name + ".key")} {
		if _, err := os.Lstat(file); err == nil && !isTaken(name) {
			return fault.Usage("%s exists: choose another name, or replace it by `bsp tls renew %s`", file, name)
		}
	}
	return f.Issue(role, name, hosts, life)
}

// hostPattern is a DNS name; many networks have underscores in theirs.
var hostPattern = regexp.MustCompile(`^\w([\w-]{0,61}\w)?(\.\w([\w-]{0,61}\w)?)*$`)

// CheckHost refuses what others cannot reach a daemon at.
func CheckHost(host string) error {
	if ip := net.ParseIP(host); ip != nil && ip.IsUnspecified() {
		return fault.Usage("host %q is every address of a machine: give the one that others reach it at", host)
	} else if ip == nil && !hostPattern.MatchString(host) {
		return fault.Usage("host %q: want a name or an address, without a port", host)
	}
	return nil
}

// WriteContext leaves in the folder where the masters are, for BSP_DATA.
func (f *Folder) WriteContext(addrs []string) error {
	b, err := marshal(f.Context(addrs))
	if err != nil {
		return err
	}
	return WriteFile(f.Path(contextFile), b)
}

// Context returns how the folder's cluster is found and spoken to.
func (f *Folder) Context(addrs []string) Context {
	return Context{Addrs: addrs, CA: f.Path(caFile), Token: "@" + f.Path(tokenFile)}
}

// RemoveContext says that the masters are not up.
func (f *Folder) RemoveContext() error {
	if err := os.Remove(f.Path(contextFile)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}
