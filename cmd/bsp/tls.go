package main

import (
	"crypto/x509"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"scalar/bsp/job"
	"scalar/cmd/bsp/internal/cluster"
	"scalar/cmd/bsp/internal/fault"
	"scalar/internal/pki"
)

func (a *app) tlsCmd() *cobra.Command {
	return group("tls", "Make, renew and show the daemons' certificates", a.tlsIssueCmd(), a.tlsRenewCmd(), a.tlsShowCmd())
}

func (a *app) tlsIssueCmd() *cobra.Command {
	var dir string
	var hosts []string
	life := cluster.CertLife
	c := &cobra.Command{
		Use: "issue ROLE NAME", Short: "Sign a certificate for a master or a groom", Args: cobra.ExactArgs(2),
		Long: `Sign a certificate for a daemon with the CA in the folder that "bsp init" made. It writes
NAME.pem and NAME.key there; move them, with ca.pem and gossip.key, to the daemon's machine.`,
		Example:   "  bsp tls issue master m2 --dir ./cluster --host 10.0.0.2 --host m2.example.org\n  bsp tls issue groom g7 --dir ./cluster",
		ValidArgs: []string{pki.RoleMaster, pki.RoleGroom},
		RunE: func(_ *cobra.Command, args []string) error {
			role, name := args[0], args[1]
			if role != pki.RoleMaster && role != pki.RoleGroom {
				return fault.Usage("role %q: want master or groom", role)
			}
			f, err := cluster.Open(dir)
			if err != nil {
				return err
			}
			if err := f.IssueNew(role, name, withLoopback(hosts), life); err != nil {
				return fault.Default(job.ExitUsage, err)
			}
			_, err = fmt.Fprintf(a.stderr, "wrote %s and %s\n", f.Path(name+".pem"), f.Path(name+".key"))
			return err
		},
	}
	c.Flags().StringVar(&dir, "dir", ".", "folder that bsp init made")
	c.Flags().StringSliceVar(&hosts, "host", nil, "name or address at which clients find a master; repeatable")
	c.Flags().DurationVar(&life, "life", life, "how long the certificate holds")
	return c
}

const loopback = "127.0.0.1"

// withLoopback adds the names that every daemon has on its own machine.
func withLoopback(hosts []string) []string {
	return append([]string{"localhost", loopback, "::1"}, hosts...)
}

func (a *app) tlsRenewCmd() *cobra.Command {
	var dir string
	life := cluster.CertLife
	c := &cobra.Command{
		Use: "renew [NAME...]", Short: "Sign the daemons' certificates anew", Args: cobra.ArbitraryArgs,
		Long: `Sign the daemons' certificates in the folder that "bsp init" made anew, with fresh keys and the
names that they have; without NAME all of them. A running daemon takes its new one from its files
within a minute, or at once on SIGHUP.`,
		Example: "  bsp tls renew --dir ./cluster\n  bsp tls renew --dir ./cluster m1 g1",
		RunE: func(_ *cobra.Command, names []string) error {
			f, err := cluster.Open(dir)
			if err != nil {
				return err
			}
			if len(names) == 0 {
				if names, err = issued(f); err != nil {
					return err
				}
			}
			for _, name := range names {
				if err := a.renew(f, name, life); err != nil {
					return err
				}
			}
			return nil
		},
	}
	c.Flags().StringVar(&dir, "dir", ".", "folder that bsp init made")
	c.Flags().DurationVar(&life, "life", life, "how long the certificates hold")
	return c
}

// issued lists the daemons with a certificate in the folder.
func issued(f *cluster.Folder) ([]string, error) {
	paths, err := filepath.Glob(f.Path("*.pem"))
	if err != nil {
		return nil, err
	}
	var names []string
	for _, p := range paths {
		if name := strings.TrimSuffix(filepath.Base(p), ".pem"); name != "ca" {
			names = append(names, name)
		}
	}
	if len(names) == 0 {
		return nil, fault.NotFound("no certificate in %s: make one by `bsp tls issue`", f.Dir)
	}
	return names, nil
}

func (a *app) renew(f *cluster.Folder, name string, life time.Duration) error {
	old, err := readCert(f.Path(name + ".pem"))
	if err != nil {
		return err
	}
	c := describeCert(f.Path(name+".pem"), old)
	if c.Role == "" {
		return fault.Usage("%s is no daemon's certificate", c.File)
	}
	var hosts []string
	for _, h := range c.Names {
		if h != c.Role+"."+f.Cluster {
			hosts = append(hosts, h)
		}
	}
	if err := f.Issue(c.Role, c.Name, hosts, life); err != nil {
		return err
	}
	_, err = fmt.Fprintf(a.stderr, "renewed %s %s\n", c.Role, c.Name)
	return err
}

// certificate is what is shown of one.
type certificate struct {
	File    string    `json:"file"`
	Subject string    `json:"subject"`
	Cluster string    `json:"cluster"`
	Role    string    `json:"role,omitempty"` // empty: of the CA
	Name    string    `json:"name,omitempty"`
	Names   []string  `json:"names"` // DNS names and addresses
	Begins  time.Time `json:"begins"`
	Ends    time.Time `json:"ends"`
	Expired bool      `json:"expired"`
}

func (a *app) tlsShowCmd() *cobra.Command {
	return a.outputFlag(&cobra.Command{
		Use: "show FILE...", Short: "Show whose a certificate is and when it ends", Args: cobra.MinimumNArgs(1),
		Example: "  bsp tls show ./cluster/*.pem",
		RunE: func(_ *cobra.Command, files []string) error {
			var certs []certificate
			for _, file := range files {
				c, err := readCert(file)
				if err != nil {
					return err
				}
				certs = append(certs, describeCert(file, c))
			}
			return a.print(certs, func() rows {
				r := rows{head: words("file subject cluster role name names ends")}
				for _, c := range certs {
					ends := c.Ends.Format(time.DateTime)
					if c.Expired {
						ends += " (expired: bsp tls renew)"
					}
					r.add(c.File, c.Subject, orDash(c.Cluster), orDash(c.Role), orDash(c.Name), orDash(strings.Join(c.Names, " ")), ends)
				}
				return r
			})
		},
	})
}

func readCert(path string) (*x509.Certificate, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	c, err := cluster.ParseCert(b)
	if err != nil {
		return nil, fault.Usage("%s: %w", path, err)
	}
	return c, nil
}

func describeCert(file string, c *x509.Certificate) certificate {
	id := cluster.IdentityOf(c)
	d := certificate{
		File: file, Subject: c.Subject.CommonName, Cluster: id.Cluster, Role: id.Role, Name: id.Name,
		Begins: c.NotBefore, Ends: c.NotAfter, Expired: time.Now().After(c.NotAfter), Names: []string{},
	}
	d.Names = append(d.Names, c.DNSNames...)
	for _, ip := range c.IPAddresses {
		d.Names = append(d.Names, ip.String())
	}
	return d
}
