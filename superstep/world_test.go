package superstep_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"math/big"
	"net"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"scalar/internal/netx"
	"scalar/superstep"
)

// fataler is what the helpers need of *testing.T, *testing.B and *rapid.T.
type fataler interface {
	Helper()
	Fatalf(format string, args ...any)
	Logf(format string, args ...any)
}

// world is a whole job in this process: tasks of peers over one transport.
type world struct {
	tasks     []int                       // number of peers of each
	transport string                      // pipe, unix, memory, tcp, tls
	wrap      func(net.Conn) net.Conn     // around every connection; nil: none
	wire      func(net.Conn) net.Conn     // below the TLS of connections that are accepted; nil: none
	each      func(g *superstep.Group)    // called for every group before it runs
	superstep int                         // the first one
	budget    int64                       // of memory, of each task; 0: none
	limit     int64                       // of spilling
	compress  superstep.Compression       // of what is sent
	dir       string                      // to spill to
	epoch     func(task int) (e uint32)   // nil: 7 for all
	job       func(task int) (job uint64) // nil: 42 for all
}

func (w world) ranges() (rs []superstep.Range) {
	lo := 0
	for _, n := range w.tasks {
		rs = append(rs, superstep.Range{Lo: lo, Hi: lo + n})
		lo += n
	}
	return rs
}

func (w world) epochOf(task int) uint32 {
	if w.epoch != nil {
		return w.epoch(task)
	}
	return 7
}

func (w world) jobOf(task int) uint64 {
	if w.job != nil {
		return w.job(task)
	}
	return 42
}

// run executes prog for every peer and returns what Run returned for each task.
func (w world) run(t fataler, prog func(ctx context.Context, p *superstep.Port) error) []error {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	return w.runContext(ctx, t, prog)
}

func (w world) runContext(ctx context.Context, t fataler, prog func(ctx context.Context, p *superstep.Port) error) []error {
	t.Helper()
	return w.runOn(ctx, t, w.connect(ctx, t), prog)
}

// runOn runs on connections that are there.
func (w world) runOn(ctx context.Context, t fataler, conns [][]net.Conn, prog func(ctx context.Context, p *superstep.Port) error) []error {
	t.Helper()
	errs := make([]error, len(w.tasks))
	var tasks sync.WaitGroup
	for task, r := range w.ranges() {
		g, err := superstep.NewGroup(superstep.Config{
			Job: w.jobOf(task), Epoch: w.epochOf(task), Task: task, Ranges: w.ranges(), Conns: conns[task],
			TLS: w.transport == "tls", Superstep: w.superstep, MemoryBudget: w.budget, Compress: w.compress, SpillLimit: w.limit, SpillDir: w.dir,
		})
		if err != nil {
			t.Fatalf("group: %v", err)
		}
		if w.each != nil {
			w.each(g)
		}
		tasks.Go(func() { errs[task] = runTask(ctx, g, r, prog) })
	}
	tasks.Wait()
	return errs
}

// runTask is what a task process does with its group.
func runTask(ctx context.Context, g *superstep.Group, r superstep.Range, prog func(ctx context.Context, p *superstep.Port) error) error {
	var peers, run sync.WaitGroup
	var err error
	run.Go(func() { err = g.Run(ctx) })
	for peer := r.Lo; peer < r.Hi; peer++ {
		peers.Go(func() {
			p := g.Port(peer)
			if err := prog(ctx, p); err != nil {
				g.Abort(err)
				return
			}
			p.Leave()
		})
	}
	peers.Wait()
	if cerr := g.Close(); cerr != nil {
		g.Abort(cerr)
	}
	run.Wait()
	return err
}

// must fails the test unless all tasks ended in order.
func must(t fataler, errs []error) {
	t.Helper()
	for task, err := range errs {
		if err != nil {
			t.Fatalf("task %d: %v", task, err)
		}
	}
}

// connect makes the mesh of all tasks.
func (w world) connect(ctx context.Context, t fataler) [][]net.Conn {
	t.Helper()
	n := len(w.tasks)
	conns := make([][]net.Conn, n)
	if n == 1 {
		return conns
	}
	dial, listeners := w.listen(ctx, t, n)
	errs := make([]error, n)
	var wg sync.WaitGroup
	for task := range n {
		wg.Go(func() {
			m := superstep.Mesh{Job: 42, Epoch: 7, Task: task, Listener: listeners[task], Dial: dial}
			if w.transport == "memory" {
				m.Memory = 8 << 10 // less than tests send at once
			}
			conns[task], errs[task] = m.Connect(ctx, n)
		})
	}
	wg.Wait()
	for task, err := range errs {
		if err != nil {
			t.Fatalf("connect task %d: %v", task, err)
		}
		for other, c := range conns[task] {
			if c != nil && w.wrap != nil {
				conns[task][other] = w.wrap(c)
			}
		}
	}
	return conns
}

type dialFunc func(ctx context.Context, task int) (net.Conn, error)

func (w world) listen(ctx context.Context, t fataler, n int) (dialFunc, []net.Listener) {
	t.Helper()
	listeners := make([]net.Listener, n)
	for i := range listeners {
		l, err := w.listenOne(ctx, i)
		if err != nil {
			t.Fatalf("listen: %v", err)
		}
		listeners[i] = l
	}
	return func(ctx context.Context, task int) (net.Conn, error) {
		if p, ok := listeners[task].(*pipeListener); ok {
			return p.dial(ctx)
		}
		var d net.Dialer
		addr := listeners[task].Addr()
		c, err := d.DialContext(ctx, addr.Network(), addr.String())
		if err == nil && w.transport == "tls" {
			return netx.SecureClient(c, clientTLS()), nil
		}
		return c, err
	}, listeners
}

// wiredListener puts something below TLS.
type wiredListener struct {
	net.Listener
	wire func(net.Conn) net.Conn
}

func (l wiredListener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return l.wire(c), nil
}

// sockets makes names of unix sockets; abstract ones leave no file.
var sockets struct {
	sync.Mutex
	n int
}

func (w world) listenOne(ctx context.Context, task int) (net.Listener, error) {
	var config net.ListenConfig
	switch w.transport {
	case "unix", "memory":
		sockets.Lock()
		defer sockets.Unlock()
		sockets.n++
		return config.Listen(ctx, "unix", "@"+filepath.Join("superstep-test", fmt.Sprint(time.Now().UnixNano(), sockets.n, task)))
	case "tcp":
		return config.Listen(ctx, "tcp", "127.0.0.1:0")
	case "tls":
		l, err := config.Listen(ctx, "tcp", "127.0.0.1:0")
		if err != nil {
			return nil, err
		}
		if w.wire != nil {
			l = wiredListener{l, w.wire}
		}
		return netx.SecureListener(l, serverTLS()), nil
	default:
		return &pipeListener{conns: make(chan net.Conn), done: make(chan struct{})}, nil
	}
}

// pipeListener accepts net.Pipe ends.
type pipeListener struct {
	conns chan net.Conn
	done  chan struct{}
	once  sync.Once
}

func (l *pipeListener) dial(ctx context.Context) (net.Conn, error) {
	a, b := net.Pipe()
	select {
	case l.conns <- a:
		return b, nil
	case <-l.done:
		return nil, net.ErrClosed
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (l *pipeListener) Accept() (net.Conn, error) {
	select {
	case c := <-l.conns:
		return c, nil
	case <-l.done:
		return nil, net.ErrClosed
	}
}

func (l *pipeListener) Close() error {
	l.once.Do(func() { close(l.done) })
	return nil
}

func (l *pipeListener) Addr() net.Addr { return &net.UnixAddr{Name: "pipe"} }

var testCert = sync.OnceValue(func() tls.Certificate {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test"}, DNSNames: []string{"task"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		panic(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		panic(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf}
})

func testPool() *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AddCert(testCert().Leaf)
	return pool
}

func serverTLS() *tls.Config {
	return &tls.Config{MinVersion: tls.VersionTLS13, Certificates: []tls.Certificate{testCert()}, ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: testPool()}
}

func clientTLS() *tls.Config {
	return &tls.Config{MinVersion: tls.VersionTLS13, Certificates: []tls.Certificate{testCert()}, RootCAs: testPool(), ServerName: "task"}
}

var errTest = errors.New("the program says no")

var transports = []string{"pipe", "unix", "memory", "tcp", "tls"}

var _ fataler = (*testing.T)(nil)
