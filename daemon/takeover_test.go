package daemon

import (
	"errors"
	"os"
	"strings"
	"testing"

	"tillwarden/daemon/api"
	"tillwarden/enforcer"
)

// TestInvariant6FloorIsTakenOver: what the replaced register would have refused as old is
// refused by the one that replaces it, from its first start on; and its journal says whom
// it follows.
func TestInvariant6FloorIsTakenOver(t *testing.T) {
	t.Parallel()
	r := newRegister(t, "")
	if err := os.Mkdir(r.path("state"), 0o700); err != nil {
		t.Fatal(err)
	}
	p := shippedPolicy()
	r.write("state/"+takeoverFile, []byte(`{
  "register": "r0", "verified": true, "archive": "archive/r0-9", "checkpoint": "tillwarden/test/0001/r0/x\n9\nroot\n",
  "floors": {"policy": {"epoch": 8}}
}`), 0o600)
	r.start()
	load := func(epoch uint64) error {
		_, err := r.tech.Load(t.Context(), api.LoadRequest{Type: "policy", Name: "x.twb", Bundle: r.bundle(p, epoch)})
		return err
	}
	if err := load(7); err == nil || !strings.Contains(err.Error(), "refused") {
		t.Errorf("an older policy than the replaced register had: %v", err)
	}
	if r.d.gate.Snapshot().Policy != nil {
		t.Error("the floor alone loaded a policy")
	}
	if err := load(8); err != nil {
		t.Errorf("the policy that the replaced register had: %v", err)
	}
	follows := func() (n int) {
		for _, e := range r.entries("config") {
			if e.Subject == "replaces register r0" && strings.Contains(e.Text, "its journal was verified; its last checkpoint: tillwarden/test/0001/r0/x\n9\n") {
				n++
			}
		}
		return n
	}
	if n := follows(); n != 1 {
		t.Errorf("the journal says %d times whom it follows", n)
	}
	r.halt()
	if _, err := os.Stat(r.path("state/" + takenFile)); err != nil {
		t.Error(err)
	}
	r.start()
	if epoch, _ := r.d.gate.EpochFloor(enforcer.BundlePolicy); epoch != 8 || follows() != 1 {
		t.Errorf("after a restart the floor is %d, and it is said %d times", epoch, follows())
	}
}

func TestTakeoverIsReadStrictly(t *testing.T) {
	for name, text := range map[string]string{
		"no register":    `{}`,
		"another key":    `{"register": "1", "policy": "x"}`,
		"no such type":   `{"register": "1", "floors": {"people": {"epoch": 1}}}`,
		"no such digest": `{"register": "1", "floors": {"policy": {"epoch": 1, "sha256": "ab"}}}`,
		"nothing":        ``,
	} {
		if _, err := ParseTakeover([]byte(text)); !errors.Is(err, ErrTakeover) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
