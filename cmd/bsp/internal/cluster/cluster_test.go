package cluster_test

import (
	"bytes"
	"errors"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gofrs/flock"

	"scalar/cmd/bsp/internal/cluster"
	"scalar/cmd/bsp/internal/fault"
)

func environ(kv map[string]string) func(string) string {
	return func(k string) string { return kv[k] }
}

// TestFind checks the order in which a cluster is looked for, and that nothing
// secret of one is sent to another.
func TestFind(t *testing.T) {
	home, data := t.TempDir(), t.TempDir()
	f, err := cluster.Create(data, "c")
	if err != nil {
		t.Fatal(err)
	}
	if err := f.WriteContext([]string{"https://data:1"}); err != nil {
		t.Fatal(err)
	}
	path, err := cluster.ContextsPath(environ(map[string]string{"HOME": home}))
	if err != nil {
		t.Fatal(err)
	}
	err = cluster.ChangeContexts(path, func(c *cluster.Contexts) error {
		c.Contexts["a"] = cluster.Context{Addrs: []string{"https://a:1"}, Token: "ta"}
		c.Contexts["b"] = cluster.Context{Addrs: []string{"https://b:1"}, Token: "tb"}
		c.Current = "a"
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for name, row := range map[string]struct {
		flags cluster.Flags
		env   map[string]string
		addr  string
		token string
		code  int
	}{
		"flag":                              {flags: cluster.Flags{Addr: "f:1"}, env: map[string]string{"BSP_ADDR": "e:1", "BSP_DATA": data, "BSP_TOKEN": "te"}, addr: "f:1", token: "te"},
		"environment":                       {env: map[string]string{"BSP_ADDR": "e:1, e:2", "BSP_DATA": data}, addr: "e:1 e:2"},
		"data":                              {env: map[string]string{"BSP_DATA": data}, addr: "https://data:1", token: "@" + filepath.Join(data, "admin.token")},
		"data and token":                    {env: map[string]string{"BSP_DATA": data, "BSP_TOKEN": "te"}, addr: "https://data:1", token: "te"},
		"current":                           {addr: "https://a:1", token: "ta"},
		"named":                             {env: map[string]string{"BSP_CONTEXT": "b"}, addr: "https://b:1", token: "tb"},
		"named by a flag":                   {flags: cluster.Flags{Context: "b"}, env: map[string]string{"BSP_ADDR": "e:1"}, addr: "https://b:1", token: "tb"},
		"named, as another":                 {flags: cluster.Flags{Context: "b", Token: "tf"}, env: map[string]string{"BSP_TOKEN": "te"}, addr: "https://b:1", token: "tf"},
		"named, by the environment's token": {flags: cluster.Flags{Context: "b"}, env: map[string]string{"BSP_TOKEN": "te"}, addr: "https://b:1", token: "te"},
		"named and an address":              {flags: cluster.Flags{Context: "b", Addr: "f:1"}, code: 2},
		"not up":                            {env: map[string]string{"BSP_DATA": home}, code: 5},
		"unknown":                           {flags: cluster.Flags{Context: "z"}, code: 3},
	} {
		env := map[string]string{"HOME": home}
		maps.Copy(env, row.env)
		c, err := cluster.Find(t.Context(), row.flags, environ(env))
		if row.code != 0 {
			if fault.Code(err) != row.code {
				t.Errorf("%s: %v, want code %d", name, err, row.code)
			}
			continue
		}
		if err != nil || strings.Join(c.Addrs, " ") != row.addr || c.Token != row.token {
			t.Errorf("%s: %+v, %v", name, c, err)
		}
	}
	if _, err := cluster.Find(t.Context(), cluster.Flags{}, environ(nil)); fault.Code(err) != 5 {
		t.Errorf("without a home: %v", err)
	}
}

// TestFindWaits looks for a cluster whose bsp dev has only begun to start.
func TestFindWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		data := filepath.Join(t.TempDir(), "data") // not made yet
		env := environ(map[string]string{"BSP_DATA": data})
		var found error
		done := false
		go func() {
			_, found = cluster.Find(t.Context(), cluster.Flags{}, env)
			done = true
		}()
		time.Sleep(500 * time.Millisecond)
		f, err := cluster.Create(data, "c")
		if err != nil {
			t.Fatal(err)
		}
		lock := flock.New(filepath.Join(data, "dev.lock"))
		if ok, err := lock.TryLock(); err != nil || !ok {
			t.Fatal(ok, err)
		}
		time.Sleep(8 * time.Second)
		if synctest.Wait(); done {
			t.Fatalf("did not wait: %v", found)
		}
		err = f.WriteContext([]string{"https://x:1"})
		time.Sleep(100 * time.Millisecond)
		if synctest.Wait(); !done || found != nil || err != nil {
			t.Fatalf("done %v: %v, %v", done, found, err)
		}
		if err := f.RemoveContext(); err != nil {
			t.Fatal(err)
		}
		for _, row := range []struct {
			locked bool
			least  time.Duration
			says   string
		}{{true, 10 * time.Second, "starts, and is not up"}, {false, time.Second, "no cluster is up"}} {
			if !row.locked {
				lock.Unlock()
			}
			began := time.Now()
			_, err := cluster.Find(t.Context(), cluster.Flags{}, env)
			if d := time.Since(began); fault.Code(err) != 5 || !strings.Contains(err.Error(), row.says) || d < row.least || d > row.least+time.Second {
				t.Errorf("%+v: after %s: %v", row, d, err)
			}
		}
	})
}

// TestFolder makes a folder, opens it again and reads its files as a client does.
func TestFolder(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "new")
	f, err := cluster.OpenOrCreate(dir, "c")
	if err != nil {
		t.Fatal(err)
	}
	again, err := cluster.OpenOrCreate(dir, "other")
	if err != nil || again.Cluster != "c" || again.AdminToken != f.AdminToken || again.AdminHash() != f.AdminHash() || !slices.EqualFunc(again.GossipKeys, f.GossipKeys, bytes.Equal) {
		t.Errorf("opened %+v, %v", again, err)
	}
	cfg, err := f.Context([]string{"https://x:1"}).Client()
	if err != nil || cfg.Token != f.AdminToken || !strings.Contains(string(cfg.CA), "BEGIN CERTIFICATE") {
		t.Errorf("client %+v, %v", cfg, err)
	}
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != 4 {
		t.Errorf("%d files, %v", len(entries), err)
	}
	for _, e := range entries {
		if info, err := e.Info(); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: mode %v, %v", e.Name(), info.Mode(), err)
		}
	}
	if err := os.Remove(filepath.Join(dir, "gossip.key")); err != nil {
		t.Fatal(err)
	}
	if _, err := cluster.Open(dir); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("open without the gossip key: %v", err)
	}
}

// TestKeys: what is written is read, and what is no list of keys is refused by line.
func TestKeys(t *testing.T) {
	a, b := cluster.NewKey(), cluster.NewKey()
	text := cluster.FormatKeys([][]byte{a, b})
	if keys, err := cluster.ParseKeys(text); err != nil || len(keys) != 2 || !bytes.Equal(keys[0], a) || !bytes.Equal(keys[1], b) {
		t.Errorf("read %x: %v", keys, err)
	}
	if keys, err := cluster.ParseKeys([]byte("\n  " + strings.TrimSpace(string(text)) + "\r\n\n")); err != nil || len(keys) != 2 {
		t.Errorf("with blanks: %x, %v", keys, err)
	}
	if cluster.KeyID(a) == cluster.KeyID(b) || len(cluster.KeyID(a)) != 8 {
		t.Errorf("ids %s and %s", cluster.KeyID(a), cluster.KeyID(b))
	}
	for text, want := range map[string]string{
		"": "no gossip key", "\n": "no gossip key", string(text) + "short=\n": "line 3", "x\n" + string(text): "line 1",
		string(text) + string(text): "twice",
	} {
		if _, err := cluster.ParseKeys([]byte(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", text, err, want)
		}
	}
}

// FuzzParseKeys: whatever is read can be written and read again.
func FuzzParseKeys(f *testing.F) {
	f.Add(cluster.FormatKeys([][]byte{make([]byte, 32)}))
	f.Add([]byte("\r\n=\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		keys, err := cluster.ParseKeys(text)
		if err != nil {
			return
		}
		again, err := cluster.ParseKeys(cluster.FormatKeys(keys))
		if err != nil || !slices.EqualFunc(keys, again, bytes.Equal) {
			t.Errorf("%x became %x: %v", keys, again, err)
		}
	})
}
