package ui

import (
	"bytes"
	"crypto/sha256"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/a-h/templ"
	"github.com/valyala/fasthttp"

	"scalar/serving/host"
	"scalar/serving/protocol"
)

// A Config says whose page it is.
type Config struct {
	Host          *host.Host
	Name, Version string // of the server
	// User returns whom the token with a SHA-256 belongs to, and whether there is such a one. It is asked at each request, so that
	// a token that is taken back ends its sessions. nil: no token is asked for.
	User func(token [sha256.Size]byte) (User, bool)
	// Everyone is the namespace of all without tokens. They are admins.
	Everyone string
	// Figures returns what a version has done for a user.
	Figures func(u User, model, version string) Figures
}

// A User is who looks at the page.
type User struct {
	Namespace string
	Admin     bool // may see figures of all namespaces
}

// A Visit is a request for the page, as the server has it.
type Visit interface {
	// As is told who it is.
	As(u User)
	// Body returns the body, or an error with a status: 413 if it is longer than a limit. It is valid until the end of the request.
	Body(limit int) ([]byte, error)
	// Predict answers a question as the server answers any request. The reply is valid until the end of the request.
	Predict(q Question) (Reply, error)
}

// A Page is the page. It is safe for concurrent use.
type Page struct {
	config   Config
	sessions sessions
	assets   assets
}

// New returns the page of a server.
func New(c Config) *Page {
	return &Page{config: c, assets: newAssets()}
}

const (
	root      = "/ui"
	cookie    = "bsp_ui"
	signIn    = 4 << 10 // bytes of a form with a token
	questions = 1 << 20 // bytes of one with rows
)

// policy lets the page load what is embedded, and nothing else; nobody may frame it.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"

// Serve answers a request for a path below /ui. Its errors are *protocol.Error, but for faults of the server.
func (p *Page) Serve(ctx *fasthttp.RequestCtx, v Visit) error {
	h := &ctx.Response.Header
	h.Set(fasthttp.HeaderContentSecurityPolicy, policy)
	h.Set(fasthttp.HeaderXContentTypeOptions, "nosniff")
	h.Set(fasthttp.HeaderXFrameOptions, "DENY")
	h.Set(fasthttp.HeaderReferrerPolicy, "same-origin") // without one, the browser would say no Origin
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set(fasthttp.HeaderCacheControl, "no-store")
	path := strings.Trim(strings.TrimPrefix(string(ctx.Path()), root), "/")
	if name, ok := strings.CutPrefix(path, "assets/"); ok {
		if err := method(ctx, false); err != nil {
			return err
		}
		return p.assets.serve(ctx, name)
	}
	a, ok := actions[path]
	if !ok {
		return &protocol.Error{Status: http.StatusNotFound, Message: "there is nothing at this path"}
	}
	if err := method(ctx, a.post); err != nil {
		return err
	}
	if a.post && !sameOrigin(ctx) {
		return &protocol.Error{Status: http.StatusForbidden, Message: "this does not come from the page itself"}
	}
	u, in := p.user(ctx)
	if in {
		v.As(u)
	}
	if a.open {
		return a.do(p, request{ctx, v, u, in})
	}
	if !in {
		h.Set("HX-Refresh", "true") // and the page that comes then asks for a token
		return &protocol.Error{Status: http.StatusUnauthorized, Message: "sign in at " + root}
	}
	return a.do(p, request{ctx, v, u, in})
}

// A request is a request with its user.
type request struct {
	ctx   *fasthttp.RequestCtx
	visit Visit
	user  User
	in    bool // signed in, or nobody has to
}

// An action answers a path.
type action struct {
	post bool // else by GET
	open bool // to those who have not signed in
	do   func(p *Page, r request) error
}

var actions = map[string]action{
	"":         {open: true, do: (*Page).home},
	"sign-in":  {open: true, post: true, do: (*Page).signIn},
	"sign-out": {open: true, post: true, do: (*Page).signOut},
	"figures":  {do: (*Page).figures},
	"targets":  {do: (*Page).targets},
	"form":     {do: (*Page).form},
	"test":     {post: true, do: (*Page).test},
}

// method refuses other methods than POST, or GET and HEAD.
func method(ctx *fasthttp.RequestCtx, post bool) error {
	allow, good := "GET, HEAD", ctx.IsGet() || ctx.IsHead()
	if post {
		allow, good = "POST", ctx.IsPost()
	}
	if good {
		return nil
	}
	ctx.Response.Header.Set(fasthttp.HeaderAllow, allow)
	return &protocol.Error{Status: http.StatusMethodNotAllowed, Message: "use " + strings.ReplaceAll(allow, ", ", " or ")}
}

// sameOrigin reports whether the browser says that a request comes from a page of this server. Without a
// browser's word it does not.
func sameOrigin(ctx *fasthttp.RequestCtx) bool {
	if site := ctx.Request.Header.Peek("Sec-Fetch-Site"); len(site) > 0 && string(site) != "same-origin" {
		return false
	}
	origin := string(ctx.Request.Header.Peek(fasthttp.HeaderOrigin))
	_, host, ok := strings.Cut(origin, "://")
	return ok && host != "" && strings.EqualFold(host, string(ctx.Host()))
}

// user returns who asks, and whether one has signed in.
func (p *Page) user(ctx *fasthttp.RequestCtx) (User, bool) {
	if p.config.User == nil {
		return User{p.config.Everyone, true}, true
	}
	token, ok := p.sessions.token(sessionOf(ctx), time.Now())
	if !ok {
		return User{}, false
	}
	return p.config.User(token)
}

// home answers with the page, or where to sign in.
func (p *Page) home(r request) error {
	if !r.in {
		return p.html(r.ctx, signInPage(p.head(r), ""))
	}
	models := p.models(r.user)
	return p.html(r.ctx, homePage(p.head(r), models, p.ask(r.user, models.first())))
}

// signIn takes a token for a session.
func (p *Page) signIn(r request) error {
	if p.config.User == nil {
		return redirect(r.ctx)
	}
	form, err := r.form(signIn)
	if err != nil {
		return err
	}
	token := sha256.Sum256([]byte(strings.TrimSpace(field(form, "token"))))
	if _, ok := p.config.User(token); !ok {
		r.ctx.SetStatusCode(http.StatusUnauthorized)
		r.ctx.Response.Header.Set(fasthttp.HeaderWWWAuthenticate, "Bearer")
		return p.html(r.ctx, signInPage(p.head(r), "This token is not known."))
	}
	p.sessions.drop(sessionOf(r.ctx)) // who signs in anew has one session
	setCookie(r.ctx, p.sessions.add(token, time.Now()), sessionLife)
	return redirect(r.ctx)
}

// signOut ends a session.
func (p *Page) signOut(r request) error {
	p.sessions.drop(sessionOf(r.ctx))
	setCookie(r.ctx, "", 0)
	return redirect(r.ctx)
}

// setCookie gives the browser a cookie for a time, or takes it back.
func setCookie(ctx *fasthttp.RequestCtx, value string, life time.Duration) {
	c := fasthttp.AcquireCookie()
	defer fasthttp.ReleaseCookie(c)
	c.SetKey(cookie)
	c.SetValue(value)
	c.SetPath(root)
	c.SetHTTPOnly(true)
	c.SetSecure(true)
	c.SetSameSite(fasthttp.CookieSameSiteStrictMode)
	c.SetMaxAge(int(life / time.Second))
	if life == 0 {
		c.SetExpire(fasthttp.CookieExpireDelete)
	}
	ctx.Response.Header.SetCookie(c)
}

// redirect sends the browser to the page.
func redirect(ctx *fasthttp.RequestCtx) error {
	ctx.Response.Header.Set(fasthttp.HeaderLocation, root)
	ctx.Response.Header.SetContentType(typeHTML)
	ctx.SetStatusCode(http.StatusSeeOther)
	return nil
}

// sessionOf returns what the browser has for its session.
func sessionOf(ctx *fasthttp.RequestCtx) string {
	for one := range strings.SplitSeq(string(ctx.Request.Header.Peek(fasthttp.HeaderCookie)), ";") {
		if name, value, _ := strings.Cut(strings.TrimSpace(one), "="); name == cookie {
			return value
		}
	}
	return ""
}

// form returns the body of a request, which is that of a form.
func (r request) form(limit int) ([]byte, error) {
	kind, _, _ := strings.Cut(string(r.ctx.Request.Header.ContentType()), ";")
	if !strings.EqualFold(strings.TrimSpace(kind), "application/x-www-form-urlencoded") {
		return nil, &protocol.Error{Status: http.StatusUnsupportedMediaType, Message: "the content is no form"}
	}
	return r.visit.Body(limit)
}

// field returns a field of a form or a query, empty if there is none. The others, however many, take no memory.
func field(form []byte, name string) string {
	for one := range bytes.SplitSeq(form, []byte{'&'}) {
		if key, value, _ := bytes.Cut(one, []byte{'='}); string(key) == name {
			text, err := url.QueryUnescape(string(value))
			if err != nil {
				return string(value)
			}
			return text
		}
	}
	return ""
}

const typeHTML = "text/html; charset=utf-8"

// html answers with a component.
func (p *Page) html(ctx *fasthttp.RequestCtx, c templ.Component) error {
	ctx.Response.Header.SetContentType(typeHTML)
	return c.Render(ctx, ctx.Response.BodyWriter())
}

// A head is what the page says of itself.
type head struct {
	Server, Version string
	User            User
	In, Tokens      bool
	Script, Style   string // addresses
	Libraries       []string
	LibraryStyle    string
	Icon            string
}

func (p *Page) head(r request) head {
	at := p.assets.address
	return head{
		Server: p.config.Name, Version: p.config.Version, User: r.user, In: r.in, Tokens: p.config.User != nil,
		Script: at("app.js"), Style: at("app.css"), Libraries: []string{at("htmx.min.js"), at("uPlot.iife.min.js")}, LibraryStyle: at("uPlot.min.css"),
		Icon: at("icon.svg"),
	}
}
