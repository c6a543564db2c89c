// Package ui is the page of a server of models, at /ui: what is served and how it fares, and a form that asks a model.
//
//	browser ─ cookie ─▶ Page.Serve ─▶ Host: models, their versions
//	   ▲                    │     └──▶ Visit.Predict: a question, as any other request
//	   └── HTML, templ ◀────┘
//
// The page is made here and needs nothing from elsewhere: htmx asks for its figures every two seconds, uPlot draws
// them, and what is embedded has the digest of its content in its address. httpd calls it, and is told to it by [Config] and [Visit].
//
// # Who sees what
//
// Where tokens are asked for, a token signs in, for a cookie that says nothing itself and counts below /ui only.
// A namespace sees the models that it may use, and its own figures of them; an admin sees everyone's, as in
// the metrics. Whatever changes something or costs has to come from the page itself, which the browser says (Origin,
// Sec-Fetch-Site). A policy (CSP) lets no script run but those that are embedded here.
package ui
