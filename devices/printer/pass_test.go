package printer

import (
	"bytes"
	"strings"
	"sync/atomic"
	"testing"

	"tillwarden/enforcer/journal/entry"
)

// TestBreakGlassPrintingPasses: what the dialect does not know goes to the
// printer as it came while the mode lasts, and only then; kicks are decided all
// the same, settings stay refused, and afterwards the printer is resynchronised.
func TestBreakGlassPrintingPasses(t *testing.T) {
	t.Parallel()
	var pass atomic.Bool
	r := ready(t, func(o *Options) { o.Pass = pass.Load })
	const unknown = "\x1b\x7eQ" // no command of this dialect
	const memory = "\x1d(A\x02\x00\x00\x03"
	r.send("one " + unknown + "\n")
	eventually(t, "the line is printed", func() bool { return strings.Contains(r.printer.printed(), "\n") })
	if bytes.Contains(r.printer.everything(), []byte(unknown[:2])) {
		t.Fatal("an unknown command was forwarded while enforcing")
	}

	pass.Store(true)
	r.send(lines(6) + "two " + unknown + memory + "\n\x1bp\x00\x11\x22")
	eventually(t, "the unknown command arrives", func() bool { return bytes.Contains(r.printer.everything(), []byte("two "+unknown)) })
	if bytes.Contains(r.printer.everything(), []byte(memory)) {
		t.Error("what sets and stores was forwarded")
	}
	eventually(t, "the kick is decided, once", func() bool { return len(r.kicked()) == 1 })
	if got := bytes.Count(r.printer.everything(), []byte("\x1bp\x00\x11\x22")); got != 0 {
		t.Errorf("the POS's own kick was forwarded %d times", got)
	}
	eventually(t, "it is told what was passed", func() bool { return len(r.told(entry.KindDevicePassed)) == 1 })

	pass.Store(false)
	eventually(t, "the printer is distrusted and resynchronised", func() bool {
		told := strings.Join(r.told(entry.KindDeviceTrust), "\n")
		return strings.Contains(told, entry.ReasonModeChanged.String()) && r.Status().Trusted
	})
	before := len(r.printer.everything())
	r.send("three " + unknown + "\n")
	eventually(t, "printing goes on", func() bool { return bytes.Contains(r.printer.everything()[before:], []byte("three ")) })
	stays(t, leftBehind, "an unknown command is refused again", func() bool { return !bytes.Contains(r.printer.everything()[before:], []byte(unknown[:2])) })
}

// TestInvariant3NothingPassesAfterBreakGlass: what waits for a printer that takes nothing
// when the mode ends, and that nobody has looked through, does not go out afterwards.
func TestInvariant3NothingPassesAfterBreakGlass(t *testing.T) {
	t.Parallel()
	const unknown = "\x1b\x7eQ" // no command of this dialect
	var pass atomic.Bool
	pass.Store(true)
	r := ready(t, func(o *Options) { o.Pass = pass.Load })
	r.printer.power(false)
	eventually(t, "the printer is off", func() bool { return !r.Status().Trusted })
	before := len(r.printer.everything())
	r.send("one " + unknown + " two\n")
	eventually(t, "it waits for the printer", func() bool { return r.Status().Queued > 0 })
	eventually(t, "it is told what was passed", func() bool { return len(r.told(entry.KindDevicePassed)) == 1 })

	pass.Store(false)
	r.printer.power(true)
	r.send("three\n")
	eventually(t, "printing goes on", func() bool { return bytes.Contains(r.printer.everything()[before:], []byte("three")) })
	if got := r.printer.everything()[before:]; bytes.Contains(got, []byte(unknown[:2])) {
		t.Errorf("bytes that nobody looked through reached the printer while enforcing: %q", got)
	}
	for _, text := range []string{"one ", " two"} {
		if !bytes.Contains(r.printer.everything()[before:], []byte(text)) {
			t.Errorf("%q was lost with them", text)
		}
	}
	eventually(t, "it is told what was dropped", func() bool {
		return strings.Contains(strings.Join(r.told(entry.KindDeviceRefused), "\n"), "break-glass")
	})
}
