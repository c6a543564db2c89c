package ui_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"flag"
	"fmt"
	"image"
	"image/color"
	"image/draw"
	"image/png"
	"maps"
	"math"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/chromedp"

	"scalar/internal/pki"
	"scalar/serving/cache"
	"scalar/serving/host"
	"scalar/serving/httpd"
)

var screenshots = flag.String("screenshots", "", "folder that gets light.png, dark.png and phone.png")

// browserTime bounds a test in a browser, on a machine with much else to do.
const browserTime = 5 * time.Minute

// A tab is a page in a browser.
type tab struct {
	tb  testing.TB
	ctx context.Context
	// console gets what the browser complains of: errors of scripts, of requests, of the policy.
	console chan string
}

// browser opens a tab, of a browser that trusts the usual CAs and those that are given. Where no Chromium is, the test is skipped.
func browser(t *testing.T, trusted ...*x509.Certificate) *tab {
	t.Helper()
	var path string
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome", "headless-shell"} {
		if p, err := exec.LookPath(name); err == nil {
			path = p
			break
		}
	}
	if path == "" {
		t.Skip("chromium is not installed")
	}
	ctx, cancel := context.WithTimeout(t.Context(), browserTime)
	t.Cleanup(cancel)
	options := append(chromedp.DefaultExecAllocatorOptions[:len(chromedp.DefaultExecAllocatorOptions):len(chromedp.DefaultExecAllocatorOptions)],
		chromedp.ExecPath(path), chromedp.NoSandbox, chromedp.DisableGPU, chromedp.UserDataDir(t.TempDir()),
		chromedp.Flag("disable-dev-shm-usage", true), chromedp.WindowSize(1280, 900), chromedp.WSURLReadTimeout(time.Minute))
	for _, ca := range trusted { // its trust store is made by tools that are not everywhere
		key := sha256.Sum256(ca.RawSubjectPublicKeyInfo)
		options = append(options, chromedp.Flag("ignore-certificate-errors-spki-list", base64.StdEncoding.EncodeToString(key[:])))
	}
	ctx, cancel = chromedp.NewExecAllocator(ctx, options...)
	t.Cleanup(cancel)
	ctx, cancel = chromedp.NewContext(ctx)
	t.Cleanup(cancel)
	b := &tab{tb: t, ctx: ctx, console: make(chan string, 1000)}
	messages := chromedp.Console(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for m, err := range messages {
			if err != nil {
				return
			}
			if m.Type == chromedp.ConsoleError || m.Type == chromedp.ConsoleWarning || m.IsException() {
				select {
				case b.console <- m.String():
				default: // a thousand are enough
				}
			}
		}
	}()
	t.Cleanup(func() {
		cancel()
		<-done
	})
	return b
}

// do runs actions.
func (b *tab) do(steps ...chromedp.Action[chromedp.Void]) {
	b.tb.Helper()
	if err := chromedp.Do(b.ctx, steps...); err != nil {
		b.tb.Fatalf("%v\n%s", err, b.said())
	}
}

// said returns what the browser complained of until now.
func (b *tab) said() string {
	var all strings.Builder
	for {
		select {
		case m := <-b.console:
			all.WriteString(m + "\n")
		default:
			return all.String()
		}
	}
}

// complaint waits until the browser complains of something. What else it complains of is kept.
func (b *tab) complaint(of string) {
	b.tb.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, time.Minute)
	defer cancel()
	var others []string
	for found := false; !found; {
		select {
		case m := <-b.console:
			if found = strings.Contains(m, of); !found {
				others = append(others, m)
			}
		case <-ctx.Done():
			b.tb.Fatalf("the browser does not complain of %s, but of %q", of, others)
		}
	}
	for _, m := range others {
		b.console <- m
	}
}

// eval returns what an expression is.
func eval[T any](b *tab, expression string) T {
	b.tb.Helper()
	v, err := chromedp.Run(b.ctx, chromedp.Evaluate[T](expression))
	if err != nil {
		b.tb.Fatalf("%s: %v", expression, err)
	}
	return v
}

// until waits until an expression is true. The page's policy forbids what chromedp.Poll does.
func (b *tab) until(expression string) {
	b.tb.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, time.Minute)
	defer cancel()
	_, err := chromedp.Run(ctx, chromedp.Evaluate[bool](
		`new Promise((yes) => { const look = () => ((`+expression+`) ? yes(true) : setTimeout(look, 20)); look(); })`, chromedp.EvalAwaitPromise))
	if err != nil {
		text, _ := chromedp.Run(b.ctx, chromedp.Evaluate[string](`document.body.innerText`)) // for the message
		b.tb.Fatalf("%s: %v\n%s\n%s", expression, err, b.said(), text)
	}
}

// shot keeps a picture of the page if the test was told to.
func (b *tab) shot(name string) {
	b.tb.Helper()
	if *screenshots == "" {
		return
	}
	text, err := chromedp.Run(b.ctx, chromedp.FullScreenshot(100))
	if err != nil {
		b.tb.Fatal(err)
	}
	picture, err := png.Decode(bytes.NewReader(text))
	if err != nil {
		b.tb.Fatal(err)
	}
	var out bytes.Buffer
	encoder := png.Encoder{CompressionLevel: png.BestCompression}
	if err := encoder.Encode(&out, few(picture)); err != nil {
		b.tb.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(*screenshots, name+".png"), out.Bytes(), 0o600); err != nil {
		b.tb.Fatal(err)
	}
}

// few returns a picture in the 256 colours that it has most of.
func few(picture image.Image) image.Image {
	counts := map[color.Color]int{}
	box := picture.Bounds()
	for y := box.Min.Y; y < box.Max.Y; y++ {
		for x := box.Min.X; x < box.Max.X; x++ {
			counts[picture.At(x, y)]++
		}
	}
	palette := slices.Collect(maps.Keys(counts))
	slices.SortFunc(palette, func(a, b color.Color) int { return counts[b] - counts[a] })
	out := image.NewPaletted(box, palette[:min(len(palette), 256)])
	draw.Draw(out, box, picture, box.Min, draw.Src)
	return out
}

// choose chooses a model with images, and waits for its form.
func (b *tab) choose(target string) {
	b.tb.Helper()
	eval[bool](b, `((e) => { e.value = "`+target+`"; return e.dispatchEvent(new Event("change", {bubbles: true})); })(document.getElementById("target"))`)
	b.until(`document.getElementById("rows")?.dataset.target === "` + target + `" && document.getElementById("canvas")?.dataset.ready === "yes"`)
}

// stroke draws a line through points of the canvas, whose sides are 1, with the mouse.
func (b *tab) stroke(points [][2]float64) {
	b.tb.Helper()
	b.do(chromedp.ScrollIntoView(chromedp.ID("canvas")))
	box := b.canvas()
	at := func(p [2]float64) (x, y float64) { return box[0] + p[0]*box[2], box[1] + p[1]*box[3] }
	mouse := func(what input.DispatchMouseEventType, p [2]float64) {
		x, y := at(p)
		b.do(chromedp.MouseEvent(what, x, y, chromedp.ButtonLeft, chromedp.ClickCount(1)))
	}
	const drawing = `document.getElementById("canvas").dataset.drawing === "yes"`
	for mouse(chromedp.MousePressed, points[0]); !eval[bool](b, drawing) || !slices.Equal(b.canvas(), box); mouse(chromedp.MousePressed, points[0]) {
		mouse(chromedp.MouseReleased, points[0]) // what is above has just grown; while one draws it does not
		b.do(press("#clear"))
		box = b.canvas()
	}
	for _, p := range points[1:] {
		mouse(chromedp.MouseMoved, p)
	}
	mouse(chromedp.MouseReleased, points[len(points)-1])
	b.until(`!(` + drawing + `)`)
}

// canvas returns where the canvas is: left, top, width, height.
func (b *tab) canvas() []float64 {
	b.tb.Helper()
	return eval[[]float64](b, `(({x, y, width, height}) => [x, y, width, height])(document.getElementById("canvas").getBoundingClientRect())`)
}

// zero is the outline of a 0.
func zero() (points [][2]float64) {
	for i := range 33 {
		a := 2 * math.Pi * float64(i) / 32
		points = append(points, [2]float64{.5 + .22*math.Sin(a), .5 - .35*math.Cos(a)})
	}
	return points
}

// press presses a button by the keyboard: a click could miss what has just moved.
func press(button string) chromedp.Action[chromedp.Void] {
	return chromedp.Steps(chromedp.Focus(chromedp.CSS(button)), chromedp.KeyEvent("\r"))
}

// best is the likeliest class of the answer that the page shows, "" if there is none.
const best = `(document.querySelector("#answer .best th")?.textContent ?? "")`

// A page with sign-in, in a browser: it becomes live, asks a model, takes a drawing, and the browser
// complains of nothing.
func TestBrowser(t *testing.T) {
	b := browser(t)
	folders := map[string]string{
		"digits/1": train(t, uciDigits(t), "--hidden", "32", "--epochs", "30", "--lr", ".1"),
		"digits/2": train(t, uciDigits(t), "--hidden", "64", "--epochs", "40", "--lr", ".1"),
		"mnist/1":  train(t, enlarged(t), "--hidden", "64", "--epochs", "20", "--lr", ".1"),
	}
	routing := map[string]host.ModelConfig{"digits": {
		Labels: map[string]string{"stable": "1", "canary": "2"}, Traffic: map[string]float64{"stable": 90, "canary": 10},
	}}
	h := hosted(t, host.Config{Models: routing}, folders)
	s := listen(t, httpd.Config{Host: h, Keys: []httpd.Key{key("secret", "team-a", true)}, Caches: map[string]cache.Config{"digits": {MaxBytes: 1 << 20}}})

	b.do(chromedp.Navigate(s.url+"/ui"), chromedp.SendKeys(chromedp.ID("token"), "wrong\r"), chromedp.WaitVisible(chromedp.CSS("#sign-in .alert")))
	b.complaint("401 (Unauthorized)")
	b.do(chromedp.SendKeys(chromedp.ID("token"), "secret\r"), chromedp.WaitVisible(chromedp.ID("figures")))
	b.until(`document.getElementById("live").textContent === "live"`) // the scripts have begun

	ask(t, b, s)
	drawDigits(t, b, s)
	follow(t, b, s)
	b.do(press("#clear"))
	b.stroke(zero())
	b.until(best + ` === "0"`)
	b.shot("light")
	looks(t, b)

	b.do(press("header button"), chromedp.WaitVisible(chromedp.ID("token")))
	if said := b.said(); said != "" {
		t.Errorf("the browser complains:\n%s", said)
	}
}

// The page over TLS, by the certificate of a CA that the browser is told of: one signs in, stays signed in, and the page is live.
// Who is not told of the CA does not see it.
func TestBrowserTLS(t *testing.T) {
	cert, ca := certificate(t)
	h := hosted(t, host.Config{}, map[string]string{"digits/1": golden(t, "digits")})
	s := listen(t, httpd.Config{
		Host: h, Keys: []httpd.Key{key("secret", "team-a", true)},
		TLS: &tls.Config{Certificates: []tls.Certificate{cert}, MinVersion: tls.VersionTLS13},
	})
	s.url = strings.Replace(s.url, "http:", "https:", 1)
	roots := x509.NewCertPool()
	roots.AddCert(ca)
	s.client.Transport = &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS13}}

	b := browser(t, ca)
	b.do(chromedp.Navigate(s.url+"/ui"), chromedp.SendKeys(chromedp.ID("token"), "secret\r"), chromedp.WaitVisible(chromedp.ID("figures")))
	b.until(`document.getElementById("live").textContent === "live"`)
	ask(t, b, s)
	b.do(chromedp.Navigate(s.url+"/ui"), chromedp.WaitVisible(chromedp.ID("figures"))) // by the cookie, which is for TLS only
	b.until(`document.getElementById("live").textContent === "live"`)
	if !eval[bool](b, `isSecureContext && location.protocol === "https:"`) {
		t.Error("the browser does not take it for secure")
	}
	b.do(press("header button"), chromedp.WaitVisible(chromedp.ID("token")))
	if said := b.said(); said != "" {
		t.Errorf("the browser complains:\n%s", said)
	}
	other := browser(t)
	if err := chromedp.Do(other.ctx, chromedp.Navigate(s.url+"/ui")); err == nil || !strings.Contains(err.Error(), "ERR_CERT_AUTHORITY_INVALID") {
		t.Errorf("without the CA: %v", err)
	}
}

// certificate returns one of 127.0.0.1, with its chain, and the CA that issued it.
func certificate(t *testing.T) (cert tls.Certificate, ca *x509.Certificate) {
	t.Helper()
	now := time.Now()
	issuer, err := pki.NewCA("test", 24*time.Hour, now)
	if err != nil {
		t.Fatal(err)
	}
	p, err := issuer.Issue(pki.Request{Role: "serve", Name: "serve", IPs: []net.IP{net.IPv4(127, 0, 0, 1)}, Life: 24 * time.Hour, Now: now})
	if err != nil {
		t.Fatal(err)
	}
	if cert, err = tls.X509KeyPair(append(p.Cert, issuer.CertPEM()...), p.Key); err != nil {
		t.Fatal(err)
	}
	block, _ := pem.Decode(issuer.CertPEM())
	if ca, err = x509.ParseCertificate(block.Bytes); err != nil {
		t.Fatal(err)
	}
	return cert, ca
}

// ask sends rows by the form, good ones and bad ones.
func ask(t *testing.T, b *tab, s *running) {
	t.Helper()
	row := "[" + strings.Repeat("0,8,", 31) + "0,8]"
	want := s.class(t, "digits/versions/1", row)
	b.choose("digits/versions/1")
	b.do(chromedp.SetValue(chromedp.ID("row"), row), press("button.go"))
	b.until(best + ` !== ""`)
	if got := eval[string](b, best); got != want {
		t.Errorf("the page says %q, /predict %q", got, want)
	}
	if n := eval[int](b, `document.querySelectorAll("#answer .bars tr").length`); n != 10 {
		t.Errorf("%d bars for 10 classes", n)
	}
	b.do(chromedp.SetValue(chromedp.ID("row"), "[1, <b>2</b>]"), press("button.go"))
	b.until(`document.querySelector("#answer .alert b")?.textContent === "400"`)
	b.complaint("400 (Bad Request)")
}

// drawDigits draws a 0 for both models with images, with the mouse; then a line by the keyboard.
func drawDigits(t *testing.T, b *tab, s *running) {
	t.Helper()
	for _, model := range []string{"digits", "mnist"} {
		b.choose(model)
		b.stroke(zero())
		b.until(`document.querySelector("#answer .note")?.textContent.startsWith("` + model + `,") && ` + best + ` !== ""`)
		row := eval[string](b, `document.getElementById("row").value`)
		if got := eval[string](b, best); got != "0" || got != s.class(t, model, row) {
			t.Errorf("%s: a 0 is seen as %s", model, got)
		}
	}
	b.do(press("#clear"))
	b.until(`document.getElementById("row").value === ""`)
	// from the middle, pen up, to the top; pen down, to the bottom
	b.do(chromedp.Focus(chromedp.ID("canvas")), chromedp.KeyEvent(strings.Repeat(arrowUp, 10)+" "+strings.Repeat(arrowDown, 20)+" "))
	b.until(`document.getElementById("row").value !== "" && !document.querySelector(".htmx-request")`)
	// a line, in the middle, of the height that MNIST's digits have
	b.until(`((v) => v.length === 784 && v[28 * 14 + 14] > 200 && v[28 * 5 + 14] > 100 && v[28 * 22 + 14] > 100 && v.every((x, i) => Math.abs(i % 28 - 13.5) < 3 || x === 0) && v.every((x, i) => x === 0 || i >= 84 && i < 700))(JSON.parse(document.getElementById("row").value))`)
	if got, want := eval[string](b, best), s.class(t, "mnist", eval[string](b, `document.getElementById("row").value`)); got != want {
		t.Errorf("a line is %s, and %s to /predict", got, want)
	}
}

// follow sees that the figures are live.
func follow(t *testing.T, b *tab, s *running) {
	t.Helper()
	row := "[" + strings.Repeat("1,", 63) + "1]"
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() { // some load, until the page has shown it
		defer close(ended)
		for i := 0; ctx.Err() == nil; i++ {
			resp, err := s.send(ctx, "/predict/digits", fmt.Sprintf("[%d,%s", i%50, row[3:]))
			if err == nil && resp != http.StatusOK || err != nil && !errors.Is(err, context.Canceled) {
				t.Errorf("status %d, %v", resp, err)
				return
			}
		}
	}()
	defer func() {
		cancel()
		<-ended
	}()
	b.until(`Number(document.querySelector('[data-key="digits/versions/1"] [data-rate]').textContent.replaceAll(",", "")) > 1`)
	b.until(`/: [1-9][0-9,.]*, errors 0$/.test(document.getElementById("rate").getAttribute("aria-label"))`)
	b.until(`/half within [0-9.]+ (µs|ms)/.test(document.getElementById("latency").getAttribute("aria-label"))`)
	b.until(`document.querySelector('[data-key="digits/versions/1"] [data-label="Cache hits"]').textContent.includes("%")`)
	if *screenshots != "" {
		b.until(`document.querySelectorAll("#shown option").length === 3 && performance.now() > 40_000`) // for charts with something in them
	}
	// A model that comes is there without loading the page anew.
	if err := s.host.Load(t.Context(), "points", "1", golden(t, "points")); err != nil {
		t.Fatal(err)
	}
	b.until(`document.querySelector('#target option[value="points/versions/1"]') !== null`)
	if chosen := eval[string](b, `document.getElementById("target").value`); chosen != "mnist" {
		t.Errorf("%q is chosen when another model has come", chosen)
	}
	// Nor does one that goes.
	if err := s.host.Unload("points", ""); err != nil {
		t.Fatal(err)
	}
	b.until(`document.querySelector('[data-key="points/versions/1"] .bad')?.textContent === "UNAVAILABLE"`)
}

// looks looks at the page in the dark, and on a phone.
func looks(t *testing.T, b *tab) {
	t.Helper()
	back := `getComputedStyle(document.body).backgroundColor`
	light := eval[string](b, back)
	dark := chromedp.Func(func(ctx context.Context, _ *chromedp.Target) error {
		_, err := chromedp.Call(ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: "dark"}}})
		return err
	})
	b.do(dark)
	b.until(back + ` !== "` + light + `"`)
	b.shot("dark")
	b.do(chromedp.EmulateViewport(390, 844, chromedp.EmulateMobile))
	b.until(`innerWidth === 390`)
	if wide := eval[float64](b, `document.documentElement.scrollWidth`); wide > 390 {
		t.Errorf("on a phone of 390 pixels the page is %v wide", wide)
	}
	b.shot("phone")
	// Every field and button has a name.
	unnamed := eval[string](b, `[...document.querySelectorAll("input, select, textarea, button, #canvas")]
		.filter((e) => !(e.labels?.length || e.getAttribute("aria-label") || e.textContent.trim())).map((e) => e.outerHTML).join("\n")`)
	if unnamed != "" {
		t.Errorf("these have no label: %s", unnamed)
	}
}
