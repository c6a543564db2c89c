// Package name says what the cluster's things may be called: texts that fit URLs, file names and lists.
package name

// Valid reports whether s has 1 to most bytes, all of them letters and digits of ASCII, dots, dashes and underscores, and begins with a
// letter or a digit.
func Valid(s string, most int) bool {
	if s == "" || len(s) > most || !plain(s[0]) {
		return false
	}
	for i := 1; i < len(s); i++ {
		if c := s[i]; !plain(c) && c != '.' && c != '-' && c != '_' {
			return false
		}
	}
	return true
}

// plain reports whether c is a letter or a digit.
func plain(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9'
}
