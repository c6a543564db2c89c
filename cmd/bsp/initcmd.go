package main

import (
	_ "embed"
	"fmt"
	"net"
	"regexp"
	"strconv"
	"strings"
	"text/template"

	"github.com/spf13/cobra"

	"scalar/bsp/job"
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

// plain is what YAML needs no quotes for.
var plain = regexp.MustCompile(`^(file://)?[\w/.][\w/.-]*(:\d+)?$`)

// quoted returns the parts as one YAML value.
func quoted(parts ...string) string {
	s := strings.Join(parts, "")
	if plain.MatchString(s) {
		return s
	}
	return strconv.Quote(s)
}

// templateFuncs are what the templates call.
var templateFuncs = template.FuncMap{
	"q":  quoted,
	"at": func(host, port string) string { return quoted(net.JoinHostPort(host, port)) },
}

func (a *app) initCmd() *cobra.Command {
	name, host, store := "scalar", loopback, ""
	c := &cobra.Command{
		Use: "init DIR", Short: "Make the credentials and configurations of a new cluster", Args: cobra.ExactArgs(1),
		Long: `Make the credentials of a new cluster in a folder: its CA, its gossip key, its first token (role
admin), certificates for a first master m1 and a first groom g1, and a configuration for each with all
settings explained. Keep the folder: "bsp tls issue" signs for further machines there. The cluster
becomes a context of yours, by its name or, where that is another cluster's, its name and a number.`,
		Example: "  bsp init ./cluster --host 10.0.0.1 --store file:///mnt/shared/bsp\n  bsp master --config ./cluster/master.yaml",
		RunE: func(_ *cobra.Command, args []string) error {
			if args[0] == "" {
				return fault.Usage("which folder? it is new, or holds no cluster yet")
			}
			if err := cluster.CheckHost(host); err != nil {
				return fmt.Errorf("--host: %w", err)
			}
			if store != "" {
				var err error
				if store, err = location("--store", store); err != nil {
					return err
				}
			}
			f, err := cluster.Create(args[0], name)
			if err != nil {
				return fault.Default(job.ExitUsage, err)
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
		t, err := template.New(file).Funcs(templateFuncs).Parse(text)
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
	addrs := []string{"https://" + net.JoinHostPort(host, "7350")}
	if err := f.WriteContext(addrs); err != nil {
		return err
	}
	name, err := a.registerNew(f.Cluster, f.Context(addrs))
	known, ask := fmt.Sprintf("the context %q is yours", name), "bsp --context "+name
	if err != nil {
		known, ask = fmt.Sprintf("it is no context of yours: %v", err), "BSP_DATA="+f.Dir+" bsp"
	}
	_, err = fmt.Fprintf(a.stderr, `made cluster %s in %s; %s
next: bsp master --config %[2]s/master.yaml
then: bsp groom --config %[2]s/groom.yaml
then: %[4]s node list
`, f.Cluster, f.Dir, known, ask)
	return err
}
