package main_test

import (
	"context"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/spf13/pflag"

	"scalar/cmd/bsp/internal/config"
)

// tritonClient is the version of Triton's client that is tried.
const tritonClient = "tritonclient[http]==2.51.0"

// python returns a Python with Triton's client, installed once into the user's cache. Where that
// cannot be, the test is skipped.
func python(t *testing.T) string {
	t.Helper()
	return filepath.Join(installed(t, "tritonclient-2.51.0", `
python3 -m venv --clear "$1"
"$1/bin/python" -m pip install --quiet --disable-pip-version-check '`+tritonClient+`'
`), "bin", "python")
}

// needCurl lets commands of the test find a curl: the machine's, or else Debian's, unpacked once into the
// user's cache with the libraries that are not there. Where that cannot be, the test is skipped.
func needCurl(t *testing.T) {
	t.Helper()
	if _, err := exec.LookPath("curl"); err == nil {
		return
	}
	dir := installed(t, "curl", `
mkdir -p "$1/bin"
cd "$1"
apt-get download $(apt-get --simulate install curl | sed -n 's/^Inst \([^ ]*\).*/\1/p')
for package in *.deb; do dpkg-deb -x "$package" root; done
libraries=$(find "$PWD/root" -name '*.so.*' -printf '%h\n' | sort -u | paste -s -d :)
printf '#!/bin/sh\nLD_LIBRARY_PATH=%s exec %s "$@"\n' "$libraries" "$PWD/root/usr/bin/curl" > bin/curl
chmod +x bin/curl
bin/curl --version
`)
	t.Setenv("PATH", filepath.Join(dir, "bin")+string(os.PathListSeparator)+os.Getenv("PATH"))
}

// installed returns a folder of the user's cache that a script has filled, which gets it as $1. The test is
// skipped where the script fails.
func installed(t *testing.T, name, script string) string {
	t.Helper()
	cache, err := os.UserCacheDir()
	if err != nil {
		t.Skipf("%s: no folder to install it in: %v", name, err)
	}
	dir := filepath.Join(cache, "scalar", name)
	done := filepath.Join(dir, "done")
	if _, err := os.Stat(done); err == nil {
		return dir
	}
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.CommandContext(ctx, "sh", "-euxc", script, "sh", dir).CombinedOutput(); err != nil {
		t.Skipf("%s is not installed: %v: %s", name, err, out[max(0, len(out)-300):])
	}
	if err := os.WriteFile(done, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	return dir
}

// servePage returns docs/serving.md with a free port in place of its own, and the commands that it gives, but
// for those that speak of a folder DIR or of a cluster.
func servePage(t *testing.T) (page, script string) {
	t.Helper()
	text, err := os.ReadFile("../../docs/serving.md")
	if err != nil {
		t.Fatal(err)
	}
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := l.Addr().String()
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	page = strings.ReplaceAll(string(text), "127.0.0.1:7400", addr)
	var b strings.Builder
	code := false
	for line := range strings.Lines(page) {
		if strings.HasPrefix(line, "```") {
			code = !code
		}
		if command, ok := strings.CutPrefix(line, "    "); ok && !code && !strings.Contains(line, "DIR/") && !ofCluster(line) {
			b.WriteString(command)
		}
	}
	return page, b.String()
}

// ofCluster reports whether a line of the page is about the server of a cluster.
func ofCluster(line string) bool {
	return strings.Contains(line, "BSP_DATA") || strings.Contains(line, "bsp dev") || strings.Contains(line, "ask ")
}

// TestServingPageCluster does what the page says of clusters.
func TestServingPageCluster(t *testing.T) {
	needCurl(t)
	page, _ := servePage(t)
	// One that is up soon; commands wait for a cluster that starts, but not as long as a busy machine may take.
	const small = "bsp dev --masters 1 --grooms 1 --slots 4 &\nuntil [ -e $BSP_DATA/context.yaml ]; do sleep 0.1; done"
	var script strings.Builder
	for line := range strings.Lines(page) {
		if command, ok := strings.CutPrefix(line, "    "); ok && (ofCluster(line) || strings.HasSuffix(line, "> points.csv\n")) {
			script.WriteString(strings.Replace(command, "bsp dev &", small, 1))
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "sh", "-ec", "trap 'kill $!; wait $!' EXIT\n"+script.String())
	cmd.Dir = t.TempDir()
	cmd.Env = append(os.Environ(), "HOME="+cmd.Dir, "XDG_CONFIG_HOME=", "BSP_ADDR=")
	out, err := cmd.CombinedOutput()
	const first, second = `{"cluster":0,"distance":1.118034}`, `{"cluster":0,"distance":4.9497476}`
	if err != nil || !strings.Contains(string(out), ", models at https://127.0.0.1:") || strings.Count(string(out), first) != 2 || strings.Count(string(out), second) != 1 {
		t.Fatalf("%v\n%s\n%s", err, &script, out)
	}
}

// TestServingPage does what docs/serving.md says, as it says it, in an empty folder.
func TestServingPage(t *testing.T) {
	needCurl(t)
	page, script := servePage(t)
	if n := strings.Count(script, "curl "); n < 7 {
		t.Fatalf("%d requests are too few:\n%s", n, script)
	}
	dir := t.TempDir()
	blocks := strings.Split(page, "```python\n")
	for i, block := range blocks[1:] {
		block, _, _ = strings.Cut(block, "```")
		name := "with-client.py"
		if strings.Contains(block, "urllib") {
			name = "alone.py"
		} else if i > 0 {
			t.Fatalf("the page has a program that is not run:\n%s", block)
		}
		if err := os.WriteFile(filepath.Join(dir, name), []byte(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	script = "trap 'kill $! 2>/dev/null || true' EXIT\n" + script + "python3 alone.py\nkill $!\nwait $!\necho ended well\n"
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "sh", "-ec", script)
	cmd.Dir = dir
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for _, want := range []string{
		"\nready: http://127.0.0.1:", `{"cluster":0,"distance":1.118034}`, `[{"cluster":0,"distance":1.118034},{"cluster":1,"distance":0.5}]`,
		`"id":"a"`, `{"predictions":[{"cluster":[0],`, "0 1.118034\n1 0.5\n", "ended well",
	} {
		if !strings.Contains(string(out), want) {
			t.Errorf("the commands do not print %s:\n%s", want, out)
		}
	}
}

// TestServingPageSecure serves with TLS and a token as the page says, and asks without.
func TestServingPageSecure(t *testing.T) {
	needCurl(t)
	page, script := servePage(t)
	_, addr, _ := strings.Cut(page, "--listen ")
	addr = strings.Fields(addr)[0]
	_, port, err := net.SplitHostPort(addr)
	if err != nil {
		t.Fatal(err)
	}
	ask := ""
	for line := range strings.Lines(page) {
		if command, ok := strings.CutPrefix(line, "    curl "); ok && strings.Contains(line, "DIR/token") {
			ask = "curl " + strings.ReplaceAll(command, "localhost:7400", "localhost:"+port)
		}
	}
	start := strings.Index(script, "bsp serve ")
	if ask == "" || start < 0 {
		t.Fatal("the page does not show how to ask with a token")
	}
	script = "trap 'kill $!; wait $!' EXIT\n" + script[:start] + "bsp serve --model points=./points --data DIR --listen " + addr + " &\n" +
		"until curl -sf --cacert DIR/ca.crt https://" + addr + "/v2/health/ready; do sleep 0.1; done\n" + ask +
		"curl -s --cacert DIR/ca.crt https://" + addr + "/v2\n"
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "sh", "-ec", script)
	cmd.Dir = t.TempDir()
	out, err := cmd.CombinedOutput()
	if err != nil || !strings.Contains(string(out), `"name":"bsp"`) || !strings.Contains(string(out), `{"error":"a token is needed`) {
		t.Fatalf("%v\n%s", err, out)
	}
}

// TestServingPageYAML loads the configurations that the page shows.
func TestServingPageYAML(t *testing.T) {
	page, _ := servePage(t)
	var text strings.Builder
	for _, block := range strings.Split(page, "```yaml\n")[1:] {
		block, _, _ = strings.Cut(block, "```")
		text.WriteString(block)
	}
	c, err := config.Load[config.Serve](config.Sources{File: writeFile(t, text.String()), Flags: pflag.NewFlagSet("x", pflag.ContinueOnError)})
	if err != nil {
		t.Fatal(err)
	}
	if d := c.Routing["digits"]; d.Traffic["canary"] != 10 || d.Labels["stable"] != "2" || len(c.Keys) != 2 || !c.Keys[1].Admin ||
		c.Quotas["team-a"].Bytes != 1e8 || c.Caches["digits"].MaxBytes != 64<<20 || c.Caches["digits"].TTL != 10*time.Minute {
		t.Errorf("loaded %+v", c)
	}
}

// writeFile returns a file with a text.
func writeFile(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "serve.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// tritonScript asks a server in all the ways that Triton's client has.
const tritonScript = `
import sys, numpy, tritonclient.http as triton
client = triton.InferenceServerClient(sys.argv[1])
assert client.is_server_live() and client.is_server_ready() and client.is_model_ready("points", "1")
assert client.get_server_metadata()["name"] == "bsp"
assert client.get_model_metadata("points")["inputs"][0]["shape"] == [-1, 2]
assert client.get_model_repository_index() == [{"name": "points", "version": "1", "state": "READY", "reason": ""}]
x = triton.InferInput("input", [2, 2], "FP32")
for binary in (True, False):
    x.set_data_from_numpy(numpy.array([[8, 8], [0, 0]], numpy.float32), binary_data=binary)
    for packed in (None, "gzip", "deflate"):
        asked = [triton.InferRequestedOutput(name, binary_data=binary) for name in ("distance", "cluster")]
        r = client.infer("points", [x], outputs=asked, request_id="42", timeout=5_000_000,
                         request_compression_algorithm=packed, response_compression_algorithm=packed)
        assert r.as_numpy("cluster").tolist() == [[0], [1]], r.as_numpy("cluster")
        assert numpy.allclose(r.as_numpy("distance"), [[1.118034], [0.5]])
        assert r.get_response()["id"] == "42"
try:
    client.infer("nobody", [x])
    raise SystemExit("a model that is not there answers")
except triton.InferenceServerException as e:
    assert e.status() == "404" and "nobody" in e.message(), e
client.unload_model("points")
assert not client.is_model_ready("points")
client.load_model("points")
assert client.is_model_ready("points")
print("triton is content")
`

// TestTritonClient serves the page's model to the real client of Triton: its defaults, JSON, compression,
// the repository, errors; and runs the page's own program.
func TestTritonClient(t *testing.T) {
	exe := python(t)
	page, script := servePage(t)
	_, program, _ := strings.Cut(page, "```python\n")
	program, _, _ = strings.Cut(program, "```")
	i, j := strings.Index(script, "\nuntil "), strings.Index(page, "--listen ")
	if i < 0 || j < 0 || !strings.Contains(program, "tritonclient") {
		t.Fatalf("the page has no server, or no program with the client:\n%s", script)
	}
	addr := strings.Fields(page[j:])[1]
	end := i + 1 + strings.IndexByte(script[i+1:], '\n')
	dir := t.TempDir()
	for name, text := range map[string]string{"page.py": program, "all.py": tritonScript} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "sh", "-ec", "trap 'kill $!; wait $!' EXIT\n"+script[:end]+"\n"+exe+" page.py\n"+exe+" all.py "+addr+"\n")
	cmd.Dir = dir
	out, err := cmd.CombinedOutput()
	if err != nil || !strings.Contains(string(out), "[0 1] [1.118034 0.5     ]") || !strings.Contains(string(out), "triton is content") {
		t.Fatalf("%v\n%s", err, out)
	}
}
