package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/rand"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"tillwarden/daemon/api"
	"tillwarden/enforcer/bundle"
	"tillwarden/enforcer/journal"
)

// unpack reads a report.
func unpack(t *testing.T, path string) map[string]string {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	parts := map[string]string{}
	for r := tar.NewReader(z); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return parts
		}
		if err != nil {
			t.Fatal(err)
		}
		b, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		parts[filepath.Base(h.Name)] = string(b)
	}
}

func runHere(t *testing.T, env map[string]string, args ...string) (out, errs string, code int) {
	t.Helper()
	var o, e bytes.Buffer
	a := &app{in: strings.NewReader(""), out: &o, err: &e, env: func(k string) string { return env[k] }, version: buildVersion()}
	code = a.main(t.Context(), args)
	return o.String(), e.String(), code
}

// TestInvariant5BugreportHoldsNoSecret: secrets that somebody planted wherever a report
// looks are not in it, nor are operators.
func TestInvariant5BugreportHoldsNoSecret(t *testing.T) {
	private, _, err := journal.NewKey(rand.Reader, "r1")
	if err != nil {
		t.Fatal(err)
	}
	policyKey, err := bundle.NewKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	secrets := []string{
		private, strings.Fields(string(policyKey.Text()))[1], "4111 1111 1111 1111", "5500-0000-0000-0004", "9900000101=", "hunter2", "730519", "Jane Doe is ill",
		"MC4CAQAwBQYDK2VwBCIEIPLANTED",
	}
	config := `chain = "Example"
store = "0042"
register = "1"
# The signer: ` + private + `
# ` + strings.TrimSpace(string(policyKey.Text())) + `
# card 4111 1111 1111 1111, or 5500-0000-0000-0004, or ;9900000101=? or %B9900000101^DOE/JANE^9912?
# password: hunter2
# pin = "730519"
# -----BEGIN PRIVATE KEY-----
# MC4CAQAwBQYDK2VwBCIEIPLANTED
# -----END PRIVATE KEY-----
[[printer]]
name = "receipt"
path = "/dev/ttyS0"
link = "/dev/tillwarden/receipt"
`
	root := plant(t, map[string]string{
		"/etc/tillwarden/tillwarden.toml": config, "/dev/ttyS0": "", "/sys/class/tty/ttyS0/device/x": "",
		"/sys/class/tty/ttyS0/type": "4\n", "/var/lib/tillwarden/keys/journal.key": private, "/etc/os-release": "ID=debian\nPASSWORD=hunter2\n",
		rulesPath: "# token: hunter2\n", "/proc/version": "Linux",
	})
	run := filepath.Join(t.TempDir(), "run")
	startFake(t, run, &fake{mode: &api.Mode{Mode: "monitor", Left: 3600, Reason: "Jane Doe is ill", By: "201", With: "202"}})
	out := filepath.Join(t.TempDir(), "report.tar.gz")
	said, errs, code := runHere(t, map[string]string{"TILLWARDEN_ROOT": root}, "bugreport", "-o", out, "--run-dir", run)
	if code != 0 {
		t.Fatalf("exit code %d: %s", code, errs)
	}
	info, err := os.Stat(out)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("others may read the report: %v, %v", info.Mode(), err)
	}
	parts := unpack(t, out)
	for _, name := range []string{"MANIFEST.txt", "tillwarden.toml", "doctor.json", "status.json", "journal.json", "devices.json", "versions.json", "nodes.txt", "system.txt", "udev.rules"} {
		if parts[name] == "" {
			t.Errorf("%s is missing", name)
		}
		if name != "MANIFEST.txt" && !strings.Contains(parts["MANIFEST.txt"], name) {
			t.Errorf("the manifest does not say that %s is in it", name)
		}
	}
	for name, text := range parts {
		for i, secret := range secrets {
			if strings.Contains(text, secret) {
				t.Errorf("planted secret %d is in %s", i, name)
			}
		}
	}
	if !strings.HasPrefix(said, parts["MANIFEST.txt"]) {
		t.Errorf("what was said is not what is in it:\n%s", said)
	}
	if !strings.Contains(parts["tillwarden.toml"], `path = "/dev/ttyS0"`) {
		t.Errorf("the configuration is not readable:\n%s", parts["tillwarden.toml"])
	}
	// Operators: neither number nor name, of the session or in an entry.
	for _, name := range []string{"status.json", "journal.json"} {
		for _, word := range []string{`"operator"`, `"name": "Cashier"`, `"person"`, `"approver"`, `"subject"`, `"work_groups"`, `"by"`, `"with"`} {
			if strings.Contains(parts[name], word) {
				t.Errorf("%s has %s:\n%s", name, word, parts[name])
			}
		}
	}
	var entries struct{ Entries []api.Entry }
	if err := json.Unmarshal([]byte(parts["journal.json"]), &entries); err != nil || len(entries.Entries) == 0 {
		t.Errorf("no entries: %v", err)
	}
}

// TestInvariant5BugreportWithAKeyIsNotWritten: a key in a form that nobody knew of is
// found by comparing.
func TestInvariant5BugreportWithAKeyIsNotWritten(t *testing.T) {
	const key = "c2VjcmV0IG9mIDMyIGJ5dGVzLCBpbiBiYXNlNjQuLi4="
	root := plant(t, map[string]string{
		"/etc/tillwarden/tillwarden.toml":      "chain = \"Example\"\nstore = \"1\"\nregister = \"1\"\n# " + key + "\n",
		"/var/lib/tillwarden/keys/receipt.key": key + "\n",
	})
	out := filepath.Join(t.TempDir(), "report.tar.gz")
	said, errs, code := runHere(t, map[string]string{"TILLWARDEN_ROOT": root}, "bugreport", "-o", out, "--run-dir", t.TempDir())
	if code != exitFailed || !strings.Contains(errs, "tillwarden.toml: the report is not written") || strings.Contains(said+errs, key) {
		t.Errorf("exit code %d: %s", code, errs)
	}
	if _, err := os.Stat(out); err == nil {
		t.Error("the report was written")
	}
}
