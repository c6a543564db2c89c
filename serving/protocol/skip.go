package protocol

// maxDepth is how deep brackets are nested at most in what is skipped.
const maxDepth = 128

// A skipper checks a value of which nothing is wanted. It has its own stack.
type skipper struct {
	*parser
	depth  int
	object [maxDepth]bool
	first  [maxDepth]int // of an object's keys in Request.keys
}

// CheckJSON checks a document of JSON that something else reads, as strictly as those that are read here.
func CheckJSON(doc []byte) error {
	p := parser{b: doc, r: &Request{}}
	if err := p.skip(); err != nil {
		return err
	}
	return p.end()
}

// skip takes any value.
func (p *parser) skip() error {
	switch p.space() {
	case '{', '[':
		return p.skipDeep()
	default:
		return p.scalar()
	}
}

// scalar takes a value without brackets.
func (p *parser) scalar() error {
	var err error
	switch c := p.space(); c {
	case '"':
		_, _, err = p.raw()
	case 't':
		err = p.literal("true")
	case 'f':
		err = p.literal("false")
	case 'n':
		err = p.literal("null")
	default:
		if c != '-' && (c < '0' || c > '9') {
			return p.unexpected("a value")
		}
		_, err = p.number()
	}
	return err
}

func (p *parser) skipDeep() error {
	s := skipper{parser: p}
	for {
		inside, err := s.value()
		if err != nil {
			return err
		}
		if inside {
			continue
		}
		if done, err := s.after(); done || err != nil {
			return err
		}
	}
}

// value takes a value, or opens one that has a value inside, which comes next.
func (s *skipper) value() (inside bool, err error) {
	c := s.space()
	if c != '{' && c != '[' {
		return false, s.scalar()
	}
	if s.depth == maxDepth {
		return false, s.malformed("brackets are nested more than %d deep", maxDepth)
	}
	s.i++
	if s.space() == c+2 { // the closing bracket
		s.i++
		return false, nil
	}
	s.object[s.depth], s.first[s.depth] = c == '{', len(s.r.keys)
	s.depth++
	if c == '{' {
		return true, s.key()
	}
	return true, nil
}

// key takes a key and its colon.
func (s *skipper) key() error {
	key, err := s.word()
	if err != nil {
		return err
	}
	if err := s.push(key); err != nil {
		return err
	}
	return s.take(':', "a colon")
}

// after takes what follows a value: brackets that close, until there is a comma or nothing is open.
func (s *skipper) after() (done bool, err error) {
	for s.depth > 0 {
		c, object := s.space(), s.object[s.depth-1]
		switch {
		case c == ',' && object:
			s.i++
			return false, s.key()
		case c == ',':
			s.i++
			return false, nil
		case c == '}' && object:
			s.i++
			s.depth--
			if err := s.unique(s.first[s.depth]); err != nil {
				return false, err
			}
		case c == ']' && !object:
			s.i++
			s.depth--
		default:
			return false, s.unexpected("a comma or a closing bracket")
		}
	}
	return true, nil
}

// pass moves behind an array without checking more than its texts: it is read again.
func (p *parser) pass() error {
	if p.space() != '[' {
		return p.unexpected("an array")
	}
	depth := 0
	for p.i < len(p.b) {
		switch p.b[p.i] {
		case '"':
			if _, _, err := p.raw(); err != nil {
				return err
			}
			continue
		case '[', '{':
			depth++
		case ']', '}':
			depth--
		}
		p.i++
		if depth == 0 {
			return nil
		}
	}
	return p.unexpected("]")
}
