package protocol

// number takes a number as RFC 8259 has it, and returns its text.
func (p *parser) number() ([]byte, error) {
	end, ok := numberEnd(p.b, p.i)
	if !ok {
		p.i = end
		return nil, p.unexpected("a digit")
	}
	text := p.b[p.i:end:end]
	p.i = end
	return text, nil
}

// numberEnd returns where the number that begins at b[i] ends, or where a digit is missing.
func numberEnd(b []byte, i int) (end int, ok bool) {
	if i < len(b) && b[i] == '-' {
		i++
	}
	start := i
	if i = digitsEnd(b, i); i == start {
		return i, false
	}
	if b[start] == '0' && i > start+1 {
		return start + 1, false
	}
	if i < len(b) && b[i] == '.' {
		start = i + 1
		if i = digitsEnd(b, start); i == start {
			return i, false
		}
	}
	if i < len(b) && b[i]|0x20 == 'e' {
		i++
		if i < len(b) && (b[i] == '-' || b[i] == '+') {
			i++
		}
		start = i
		if i = digitsEnd(b, i); i == start {
			return i, false
		}
	}
	return i, true
}

func digitsEnd(b []byte, i int) int {
	for i < len(b) && b[i]-'0' < 10 {
		i++
	}
	return i
}
