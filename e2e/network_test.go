//go:build e2e

package e2e_test

import (
	"context"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// network is a cluster whose daemons have a network namespace each, on a bridge
// in a namespace of its own: nothing of it is seen outside. Commands run beside
// the bridge.
type network struct {
	*cluster
	prefix  string            // of the namespaces' names
	hosts   map[string]string // address of each daemon
	daemons map[string]*exec.Cmd
}

const hub = "hub" // the namespace of the bridge, and its name

// startNetwork starts three masters and three grooms with two slots each.
func startNetwork(t *testing.T) *network {
	t.Helper()
	n := &network{
		cluster: &cluster{bsp: os.Getenv("BSP"), data: filepath.Join(t.TempDir(), "cluster"), masters: 3, grooms: 3},
		prefix:  fmt.Sprintf("bsp-e2e-%d-%s-", os.Getpid(), t.Name()),
		hosts:   make(map[string]string), daemons: make(map[string]*exec.Cmd),
	}
	for i := range 3 {
		n.hosts[fmt.Sprintf("m%d", i+1)] = fmt.Sprintf("10.77.0.%d", i+1)
		n.hosts[fmt.Sprintf("g%d", i+1)] = fmt.Sprintf("10.77.0.%d", i+11)
	}
	n.wire(t)
	n.configure(t)
	t.Cleanup(func() { n.end(t) })
	for name := range n.hosts {
		n.launch(t, name)
	}
	n.settle(t)
	return n
}

// wire makes the namespaces and connects them; it skips the test where there are none.
func (n *network) wire(t *testing.T) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("network namespaces need root")
	}
	for _, tool := range []string{"ip", "nsenter"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skip("network namespaces need ip and nsenter (iproute2, util-linux)")
		}
	}
	if err := ip("netns", "add", n.prefix+hub); err != nil {
		t.Skipf("no network namespaces here: %v", err)
	}
	t.Cleanup(func() {
		for _, name := range append(slices.Collect(maps.Keys(n.hosts)), hub) {
			_ = ip("netns", "del", n.prefix+name) // may not be there yet
		}
	})
	n.ip(t, hub, "link", "add", hub, "type", "bridge")
	n.ip(t, hub, "addr", "add", "10.77.0.254/24", "dev", hub)
	n.ip(t, hub, "link", "set", hub, "up")
	for name, host := range n.hosts {
		if err := ip("netns", "add", n.prefix+name); err != nil {
			t.Fatal(err)
		}
		n.ip(t, hub, "link", "add", name, "type", "veth", "peer", "name", "eth0", "netns", n.prefix+name)
		n.ip(t, name, "addr", "add", host+"/24", "dev", "eth0")
		n.ip(t, name, "link", "set", "lo", "up")
		n.ip(t, name, "link", "set", "eth0", "up")
		n.ip(t, hub, "link", "set", name, "master", hub, "up")
	}
	n.enter = n.inside(hub)
}

// ip changes something in a namespace.
func (n *network) ip(t *testing.T, name string, args ...string) {
	t.Helper()
	if err := ip(append([]string{"-n", n.prefix + name}, args...)...); err != nil {
		t.Fatal(err)
	}
}

func ip(args ...string) error {
	if out, err := exec.CommandContext(context.Background(), "ip", args...).CombinedOutput(); err != nil {
		return fmt.Errorf("ip %s: %w: %s", strings.Join(args, " "), err, out)
	}
	return nil
}

// inside returns what a command line begins with to run in a namespace. ip netns
// exec would hide the cgroups.
func (n *network) inside(name string) []string {
	return []string{"nsenter", "--net=/run/netns/" + n.prefix + name}
}

// isolate cuts a daemon off from all others, without a sign to anybody.
func (n *network) isolate(t *testing.T, name string) {
	t.Helper()
	n.ip(t, hub, "link", "set", name, "nomaster")
}

// heal connects it again.
func (n *network) heal(t *testing.T, name string) {
	t.Helper()
	n.ip(t, hub, "link", "set", name, "master", hub)
}

// configure makes the credentials and the configurations by hand, as for
// machines.
func (n *network) configure(t *testing.T) {
	t.Helper()
	home := []string{"HOME=" + t.TempDir(), "XDG_CONFIG_HOME="} // the context is nobody's
	n.command(t, home, "init", n.data, "--host", n.hosts["m1"]).ends(t, 0)
	for name, host := range n.hosts {
		role := "master"
		if strings.HasPrefix(name, "g") {
			role = "groom"
		}
		if name != "m1" && name != "g1" { // which init has made
			n.command(t, home, "tls", "issue", role, name, "--dir", n.data, "--host", host).ends(t, 0)
		}
		n.write(t, name+".yaml", fmt.Sprintf(`name: %s
data: %s/%[1]s
advertise: %[3]s
seeds: [10.77.0.1:7352, 10.77.0.2:7352, 10.77.0.3:7352]
store: file://%[2]s/store
ca: %[2]s/ca.pem
cert: %[2]s/%[1]s.pem
key: %[2]s/%[1]s.key
gossip_key: %[2]s/gossip.key
`, name, n.data, host)+n.own(t, role, host))
	}
	n.write(t, "context.yaml", fmt.Sprintf(`addrs: ["https://10.77.0.1:7350", "https://10.77.0.2:7350", "https://10.77.0.3:7350"]
ca: %s/ca.pem
token: "@%[1]s/admin.token"
`, n.data))
}

// own returns the settings that only daemons of the role have.
func (n *network) own(t *testing.T, role, host string) string {
	t.Helper()
	if role == "groom" {
		return "bind: " + host + "\nslots: 2\ncores: 2\nmemory: 2GiB\n"
	}
	var hash string
	for line := range strings.Lines(n.file(t, "master.yaml")) {
		if strings.HasPrefix(line, "admin_token_hash:") {
			hash = line
		}
	}
	return fmt.Sprintf("api: %s:7350\nlisten: %[1]s:7351\ngossip: %[1]s:7352\nbootstrap_expect: 3\n%s\n", host, hash)
}

func (n *network) write(t *testing.T, name, content string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(n.data, name), []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}

// launch starts a daemon.
func (n *network) launch(t *testing.T, name string) {
	t.Helper()
	role := "master"
	if strings.HasPrefix(name, "g") {
		role = "groom"
	}
	line := append(n.inside(name), n.bsp, role, "--config", filepath.Join(n.data, name+".yaml"))
	d := exec.CommandContext(context.WithoutCancel(t.Context()), line[0], line[1:]...)
	d.Env = plainEnv() // nothing of the person at this machine
	log, err := os.Create(filepath.Join(n.data, name+".log"))
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	d.Stderr = log
	if err := d.Start(); err != nil {
		t.Fatal(err)
	}
	n.daemons[name] = d
}

// end ends all daemons in order, grooms first.
func (n *network) end(t *testing.T) {
	t.Helper()
	names := slices.Sorted(maps.Keys(n.daemons))
	for _, name := range names {
		p := n.daemons[name].Process
		_ = p.Signal(syscall.SIGCONT)
		_ = p.Signal(syscall.SIGTERM)
	}
	for _, name := range names {
		d := n.daemons[name]
		limit := time.AfterFunc(10*time.Second, func() { _ = d.Process.Kill() })
		if err := d.Wait(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		limit.Stop()
		if t.Failed() {
			t.Logf("%s's log:\n%s", name, tail(n.file(t, name+".log"), 6<<10))
		}
	}
	noneLeft(t, n.data)
}
