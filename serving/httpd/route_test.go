package httpd_test

import (
	"regexp"
	"testing"

	"scalar/serving/httpd"
)

// paths is what paths ask for, as regular expressions, in which a name is any text without a slash.
var paths = []struct {
	kind string
	path *regexp.Regexp // with groups m, v and l
}{
	{"server", regexp.MustCompile(`^/?v2/?$`)},
	{"live", regexp.MustCompile(`^/?v2/health/live/?$`)},
	{"ready", regexp.MustCompile(`^/?v2/health/ready/?$`)},
	{"metadata", regexp.MustCompile(`^/?v2/models/(?P<m>[^/]+)(/versions/(?P<v>[^/]+)|/labels/(?P<l>[^/]+))?/?$`)},
	{"model_ready", regexp.MustCompile(`^/?v2/models/(?P<m>[^/]+)(/versions/(?P<v>[^/]+)|/labels/(?P<l>[^/]+))?/ready/?$`)},
	{"infer", regexp.MustCompile(`^/?v2/models/(?P<m>[^/]+)(/versions/(?P<v>[^/]+)|/labels/(?P<l>[^/]+))?/infer/?$`)},
	{"index", regexp.MustCompile(`^/?v2/repository/index/?$`)},
	{"load", regexp.MustCompile(`^/?v2/repository/models/(?P<m>[^/]+)/load/?$`)},
	{"unload", regexp.MustCompile(`^/?v2/repository/models/(?P<m>[^/]+)/unload/?$`)},
	{"tf_predict", regexp.MustCompile(`^/?v1/models/(?P<m>[^/]+)(/versions/(?P<v>[^/]+)|/labels/(?P<l>[^/]+))?/?:predict$`)},
	{"tf_classify", regexp.MustCompile(`^/?v1/models/(?P<m>[^/]+)(/versions/(?P<v>[^/]+)|/labels/(?P<l>[^/]+))?/?:classify$`)},
	{"tf_metadata", regexp.MustCompile(`^/?v1/models/(?P<m>[^/:]+)(/versions/(?P<v>[^/:]+)|/labels/(?P<l>[^/:]+))?/metadata/?$`)},
	{"tf_status", regexp.MustCompile(`^/?v1/models/(?P<m>[^/:]+)(/versions/(?P<v>[^/:]+)|/labels/(?P<l>[^/:]+))?/?$`)},
	{"predict", regexp.MustCompile(`^/?predict/(?P<m>[^/]+)(/versions/(?P<v>[^/]+)|/labels/(?P<l>[^/]+))?/?$`)},
	{"ui", regexp.MustCompile(`(?s)^/?ui(/.*)?$`)},
	{"metrics", regexp.MustCompile(`^/?metrics/?$`)},
}

// A path that is taken as it came is what fasthttp makes of it.
func FuzzPath(f *testing.F) {
	for _, target := range []string{"/v2/models/m/infer", "/v1/models/m:predict", "/a//b", "/./a", "/a/../b", "/a/..", "/a%2fb", "/a?b", "/a#b", "a", "", "//", "/", "/a.b/", "/.a", "/a+b", "http://y/a", "*", "/a/.", "/a:b/c:d", "/:a"} {
		f.Add([]byte(target))
	}
	f.Fuzz(func(t *testing.T, target []byte) {
		if got, want := httpd.Path(target); got != want {
			t.Fatalf("%q: %q, want %q", target, got, want)
		}
	})
}

// The router agrees with regular expressions.
func FuzzRoute(f *testing.F) {
	for _, path := range []string{
		"/v2", "/v2/", "/v2/health/live", "/v2/health/ready/", "/v2/models/m", "/v2/models/m/versions/1", "/v2/models/m/versions/1/ready", "/v2/models/m/infer", "/v2/models/m/labels/a/infer", "/v2/models/m/versions", "/v2/models/m/versions/",
		"/v2/repository/index", "/v2/repository/models/m/load", "/v2/repository/models/m/unload", "/v1/models/m", "/v1/models/m:predict", "/v1/models/m/versions/1:classify", "/v1/models/m/labels/a/metadata", "/v1/models/m:", "/v1/models/a:b:predict",
		"/predict/m", "/predict/m/versions/2", "/metrics", "/ui", "/ui/", "/ui/assets/0/app.js", "/uix", "/", "", "//", "v2//", "/v2/models/m//", "/v2//models/m", "/v2/models/versions/versions/versions", "/v2/models/m/versions/1/versions/2", "/v1/models/m:predict/",
	} {
		f.Add(path)
	}
	f.Fuzz(func(t *testing.T, path string) {
		kind, model, version, label := httpd.Parse([]byte(path))
		for _, p := range paths {
			found := p.path.FindStringSubmatch(path)
			if found == nil {
				continue
			}
			group := func(name string) string {
				if i := p.path.SubexpIndex(name); i >= 0 {
					return found[i]
				}
				return ""
			}
			if kind != p.kind || string(model) != group("m") || string(version) != group("v") || string(label) != group("l") {
				t.Fatalf("%q: %s of model %q, version %q, label %q; want %s of %q", path, kind, model, version, label, p.kind, found)
			}
			return
		}
		if kind != "unknown" {
			t.Fatalf("%q is %s", path, kind)
		}
	})
}
