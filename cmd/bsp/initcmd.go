package main

import (
	_ "embed"
	"fmt"
	"strings"
	"text/template"

	"github.com/spf13/cobra"

	"scalar/cmd/bsp/internal/cluster"
	"scalar/cmd/bsp/internal/fault"
	"scalar/internal/pki"
)

// The configurations that bsp init writes, every setting explained.
var (
	//go:embed init_master.yaml.tmpl
	masterYAML string
	//go:embed init_groom.yaml.tmpl
	groomYAML string
)

// initial is what the templates show.
type initial struct {
	Dir, Cluster, Host, AdminHash, Store string
}

func (a *app) initCmd() *cobra.Command {
	name, host, store := "scalar", loopback, ""
	c := &cobra.Command{
		Use: "init DIR", Short: "Make the credentials and configurations of a new cluster", Args: cobra.ExactArgs(1),
		Long: `Make the credentials of a new cluster in a folder: its CA, its gossip key, its first token (role
admin), certificates for a first master m1 and a first groom g1, and a configuration for each with all
settings explained. Keep the folder: "bsp tls issue" signs for further machines there.`,
		Example: "  bsp init ./cluster --host 10.0.0.1 --store file:///mnt/shared/bsp\n  bsp master --config ./cluster/master.yaml",
		RunE: func(_ *cobra.Command, args []string) error {
			f, err := cluster.Create(args[0], name)
			if err != nil {
				return fault.Default(2, err)
			}
			if store == "" {
				store = "file://" + f.Path("store")
			}
			return a.init(f, host, store)
		},
	}
	c.Flags().StringVar(&name, "cluster", name, "name of the cluster")
	c.Flags().StringVar(&host, "host", host, "name or address at which others reach the first master")
	c.Flags().StringVar(&store, "store", "", "file:// URL of a folder that all nodes share (default: DIR/store)")
	return c
}

func (a *app) init(f *cluster.Folder, host, store string) error {
	hosts := withLoopback(nil)
	if host != loopback {
		hosts = append(hosts, host)
	}
	if err := f.Issue(pki.RoleMaster, "m1", hosts, cluster.CertLife); err != nil {
		return err
	}
	if err := f.Issue(pki.RoleGroom, "g1", withLoopback(nil), cluster.CertLife); err != nil {
		return err
	}
	values := initial{Dir: f.Dir, Cluster: f.Cluster, Host: host, AdminHash: f.AdminHash(), Store: store}
	for file, text := range map[string]string{"master.yaml": masterYAML, "groom.yaml": groomYAML} {
		t, err := template.New(file).Parse(text)
		if err != nil {
			return err
		}
		var b strings.Builder
		if err := t.Execute(&b, values); err != nil {
			return fmt.Errorf("write %s: %w", file, err)
		}
		if err := cluster.WriteFile(f.Path(file), []byte(b.String())); err != nil {
			return err
		}
	}
	addrs := []string{"https://" + host + ":7350"}
	if err := f.WriteContext(addrs); err != nil {
		return err
	}
	known := fmt.Sprintf("the context %q is yours", f.Cluster)
	if err := a.register(f.Cluster, f.Context(addrs)); err != nil {
		known = fmt.Sprintf("use it by BSP_DATA=%s (no context: %v)", f.Dir, err)
	}
	_, err := fmt.Fprintf(a.stderr, `made cluster %s in %s; %s
next: bsp master --config %[2]s/master.yaml
then: bsp groom --config %[2]s/groom.yaml
then: bsp node list
`, f.Cluster, f.Dir, known)
	return err
}
