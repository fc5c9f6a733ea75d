package loopback

import (
	"bytes"
	"strings"
)

// verdict is what the first bytes of a connection are taken for.
type verdict uint8

const (
	undecided verdict = iota // more bytes will tell
	printing
	browsing
)

// methods are those of HTTP (RFC 9110, 9.3; RFC 5789), and the first word of an
// HTTP/2 connection (RFC 9113, 3.4). A page can make a browser use others only
// after the browser has asked, with OPTIONS.
var methods = []string{"GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH", "PRI"}

// handshake is how a TLS connection begins: a handshake record of version 3.x
// (RFC 8446, 5.1).
var handshake = []byte{0x16, 0x03}

// maxAuthority is the longest host and port that is waited for, as DNS has it
// and something for the port.
const maxAuthority = 253 + 8

// judge looks at the first bytes of a connection. The more there are, the more
// it knows; what it has once decided stays. It is undecided only about what is
// nothing to print yet: a word in capitals, with no line end.
func judge(p []byte) verdict {
	if len(p) == 0 {
		return undecided
	}
	if p[0] == handshake[0] {
		switch {
		case len(p) < len(handshake):
			return undecided
		case p[1] == handshake[1]:
			return browsing
		}
		return printing
	}
	method, rest, spaced := bytes.Cut(p, []byte(" "))
	if !spaced {
		for _, m := range methods {
			if strings.HasPrefix(m, string(method)) {
				return undecided
			}
		}
		return printing
	}
	for _, m := range methods {
		if string(method) == m {
			return target(m, rest)
		}
	}
	return printing
}

// target judges what follows a method: a receipt may begin with "GET WELL".
func target(method string, p []byte) verdict {
	if len(p) == 0 {
		return undecided
	}
	switch {
	case method == "CONNECT":
		return authority(p)
	case p[0] == '/', p[0] == '*' && (method == "OPTIONS" || method == "PRI"):
		return browsing
	}
	for _, scheme := range []string{"http://", "https://"} {
		switch {
		case hasPrefixFold(p, scheme):
			return browsing
		case len(p) < len(scheme) && hasPrefixFold([]byte(scheme), string(p)):
			return undecided
		}
	}
	return printing
}

func hasPrefixFold(p []byte, prefix string) bool {
	return len(p) >= len(prefix) && strings.EqualFold(string(p[:len(prefix)]), prefix)
}

// authority judges what a proxy is asked to connect to: a host, a colon and a
// port, up to a space.
func authority(p []byte) verdict {
	host, rest, spaced := bytes.Cut(p, []byte(" "))
	if len(host) > maxAuthority {
		return printing
	}
	for _, c := range host {
		switch {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', c == '.', c == '-', c == ':', c == '[', c == ']', c == '_':
		default:
			return printing
		}
	}
	if !spaced {
		return undecided
	}
	colon := bytes.LastIndexByte(host, ':')
	if colon < 0 || colon+1 == len(host) || len(bytes.Trim(host[colon+1:], "0123456789")) > 0 {
		return printing
	}
	const protocol = "HTTP/"
	switch {
	case bytes.HasPrefix(rest, []byte(protocol)):
		return browsing
	case strings.HasPrefix(protocol, string(rest)):
		return undecided
	}
	return printing
}
