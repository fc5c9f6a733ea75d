package loopback

import (
	"bytes"
	"testing"
)

func TestBrowsersAreTold(t *testing.T) {
	for _, tc := range []struct {
		text string
		want verdict
	}{
		{"GET / HTTP/1.1\r\n", browsing},
		{"GET /", browsing},
		{"POST /print HTTP/1.1\r\n", browsing},
		{"PUT /x", browsing},
		{"HEAD /", browsing},
		{"OPTIONS * HTTP/1.1\r\n", browsing},
		{"OPTIONS /cors HTTP/1.1\r\n", browsing},
		{"PRI * HTTP/2.0\r\n\r\nSM", browsing},
		{"GET http://127.0.0.1:9100/ HTTP/1.1\r\n", browsing},
		{"GET HTTPS://x", browsing},
		{"CONNECT example.org:443 HTTP/1.1\r\n", browsing},
		{"CONNECT [::1]:443 HTTP/1.1\r\n", browsing},
		{"\x16\x03\x01\x02\x00\x01", browsing},
		{"", undecided},
		{"P", undecided},
		{"POST", undecided},
		{"POST ", undecided},
		{"GET htt", undecided},
		{"CONNECT example.org:443 HT", undecided},
		{"\x16", undecided},
		{"\x1b@", printing},
		{"\x10\x04\x01", printing},
		{"\x00", printing},
		{"POST OFFICE\n", printing},
		{"GET WELL SOON", printing},
		{"PUT\n", printing},
		{"GETTING", printing},
		{"get / http/1.1", printing},
		{"OPTIONS: red", printing},
		{"GET * HTTP/1.1", printing},
		{"CONNECT THE CABLE\n", printing},
		{"CONNECT 12:30 tomorrow", printing},
		{"\x16\x02", printing},
		{"Total / VAT HTTP/1.1", printing},
	} {
		if got := judge([]byte(tc.text)); got != tc.want {
			t.Errorf("%q: %d, want %d", tc.text, got, tc.want)
		}
	}
}

// FuzzJudge: what is decided of a beginning is never decided otherwise by more
// bytes; it is decided soon; and it is not undecided where there is something
// that a printer would print by now.
func FuzzJudge(f *testing.F) {
	for _, s := range []string{"GET / HTTP/1.1\r\n", "CONNECT a:1 HTTP/1.1", "\x1b@hello\n", "\x16\x03\x01", "OPTIONS *", "GET hTTp://", "POST OFFICE\n"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, p []byte) {
		decided := undecided
		for n := range len(p) + 1 {
			v := judge(p[:n])
			switch {
			case decided != undecided && v != decided:
				t.Fatalf("%q: %d, and with more bytes %d", p[:n], decided, v)
			case v == undecided && (n >= readAhead || bytes.ContainsAny(p[:n], "\n\r\x1b\x1d")):
				t.Fatalf("%q: not decided yet", p[:n])
			}
			decided = v
		}
	})
}
