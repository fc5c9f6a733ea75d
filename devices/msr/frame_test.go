package msr

import (
	"fmt"
	"testing"
	"time"
)

// card builds an ID TECH frame around card data.
func idtechFrame(card []byte) []byte {
	out := []byte{0x02, byte(len(card)), byte(len(card) >> 8)}
	var lrc, sum byte
	for _, b := range card {
		lrc ^= b
		sum += b
	}
	out = append(out, card...)
	return append(out, lrc, sum, 0x03)
}

// cardData lays tracks out as a head does; more is what follows them.
func cardData(kind, status byte, enhancedSent int, tracks [3]string, more ...byte) []byte {
	out := []byte{kind, status}
	for _, track := range tracks {
		out = append(out, byte(len(track)))
	}
	if kind&enhanced != 0 {
		out = append(out, byte(enhancedSent), 0)
	}
	for i, track := range tracks {
		if kind&enhanced == 0 || enhancedSent&(1<<i) != 0 {
			out = append(out, track...)
		}
	}
	return append(out, more...)
}

// sampleFrame is a masked payment card with its check characters and some
// bytes in place of what is ciphered.
func sampleFrame() []byte {
	cipher := make([]byte, 120)
	for i := range cipher {
		cipher[i] = byte(i * 37)
	}
	return idtechFrame(cardData(0x00, 0x3f, 0, [3]string{
		"%*4111********1111^TEST/CARD^****************************?*",
		";4111********1111=***************?*",
		";999000?5",
	}, cipher...))
}

func TestFrames(t *testing.T) {
	clear := [3]string{"%OPER^TEST?A", ";:<>1234567890?5", ""}
	for name, c := range map[string]struct {
		frame []byte
		want  string
	}{
		"masked": {sampleFrame(), "%*4111********1111^TEST/CARD^****************************?;4111********1111=***************?+999000? present=7 bad=0 encoding=1"},
		"in the clear": {
			idtechFrame(cardData(0x03, 0x1f, 0, clear)),
			"%OPER^TEST?;:<>1234567890? present=3 bad=0 encoding=3",
		},
		"licence": {idtechFrame(cardData(0x01, 0x3f, 0, clear)), "%OPER^TEST?;:<>1234567890? present=3 bad=0 encoding=2"},
		"enhanced": {
			idtechFrame(cardData(0x83, 0x3f, 0x07, clear, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10)),
			"%OPER^TEST?;:<>1234567890? present=3 bad=0 encoding=3",
		},
		"enhanced, one sent": {
			idtechFrame(cardData(0x80, 0x3f, 0x02, clear)),
			";:<>1234567890? present=2 bad=0 encoding=1",
		},
		"track 1 not decoded": {
			idtechFrame(cardData(0x03, 0x1e, 0, [3]string{"", ";12?3", ""})),
			"%E?;12? present=3 bad=1 encoding=3",
		},
		"nothing decoded": {
			idtechFrame(cardData(0x04, 0x38, 0, [3]string{})),
			"%E?;E?+E? present=7 bad=7 encoding=3",
		},
		"error tokens": {
			idtechFrame(cardData(0x03, 0x3f, 0, [3]string{"%E?", ";12?", ";E?"})),
			"%E?;12?+E? present=7 bad=5 encoding=3",
		},
		"without sentinels": {
			idtechFrame(cardData(0x03, 0x3f, 0, [3]string{"AB", "12", ""})),
			"%AB?;12? present=3 bad=0 encoding=3",
		},
		"check character like an end sentinel": {
			idtechFrame(cardData(0x03, 0x3f, 0, [3]string{"", ";12??", ""})),
			";12? present=2 bad=0 encoding=3",
		},
		"length past the end":       {idtechFrame([]byte{0, 0x3f, 0, 40, 0, ';', '1', '?'}), "garbled"},
		"enhanced, no room":         {idtechFrame([]byte{0x80, 0x3f, 0, 0, 0}), "garbled"},
		"nothing in it":             {idtechFrame([]byte{0, 0x07, 0, 0, 0}), "garbled"},
		"control character":         {idtechFrame(cardData(0, 0x3f, 0, [3]string{"", ";1\x012?", ""})), "garbled"},
		"wrong exclusive or":        {flip(sampleFrame(), -3), "check"},
		"wrong sum":                 {flip(sampleFrame(), -2), "check"},
		"no end":                    {flip(sampleFrame(), -1), "check"},
		"a bit of a track":          {flip(sampleFrame(), 20), "check"},
		"a bit of what is ciphered": {flip(sampleFrame(), 120), "check"},
		"cut off":                   {sampleFrame()[:100], "unfinished"},
	} {
		t.Run(name, func(t *testing.T) {
			got := decode(t, Config{Format: FormatIDTechSecure}, moment{data: string(c.frame)}, moment{time.Second, ";77?\r"})
			want := []string{c.want, ";77? present=2 bad=0 encoding=0"}
			if fmt.Sprint(got) != fmt.Sprint(want) {
				t.Errorf("got  %q\nwant %q", got, want)
			}
		})
	}
}

// flip changes one bit; a negative index counts from the end.
func flip(frame []byte, i int) []byte {
	if i < 0 {
		i += len(frame)
	}
	frame[i] ^= 0x40
	return frame
}

// TestNoBitGoesUnnoticed: whatever single bit of a frame is wrong, no swipe
// comes of it that says anything else.
func TestNoBitGoesUnnoticed(t *testing.T) {
	config := Config{Format: FormatIDTechSecure}
	want := decode(t, config, moment{data: string(sampleFrame())})
	for i := range sampleFrame() {
		for bit := range 8 {
			frame := sampleFrame()
			frame[i] ^= 1 << bit
			for _, got := range decode(t, config, moment{data: string(frame)}) {
				if got[0] == '%' || got[0] == ';' {
					t.Errorf("bit %d of byte %d changed: %q, want none or %q", bit, i, got, want)
				}
			}
		}
	}
}
