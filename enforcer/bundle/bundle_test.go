package bundle

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/secure-systems-lab/go-securesystemslib/dsse"
	"pgregory.net/rapid"

	"tillwarden/enforcer/journal/entry"
)

// key makes the test key number n.
func key(tb testing.TB, n byte) PrivateKey {
	tb.Helper()
	k, err := NewKey(bytes.NewReader(bytes.Repeat([]byte{n}, 32)))
	if err != nil {
		tb.Fatal(err)
	}
	return k
}

func seal(tb testing.TB, m Manifest, blob []byte, signers ...PrivateKey) []byte {
	tb.Helper()
	file, err := Seal(m, blob, signers...)
	if err != nil {
		tb.Fatal(err)
	}
	return file
}

func manifest() Manifest {
	return Manifest{Type: TypePolicy, Chain: "Example Stores", Store: "0042", Epoch: 7}
}

func expect(keys ...PrivateKey) Expect {
	e := Expect{Type: TypePolicy, Chain: "Example Stores", Store: "0042"}
	for _, k := range keys {
		e.Keys = append(e.Keys, k.Public())
	}
	return e
}

// resign writes an envelope over any payload, as somebody with the key could.
func resign(tb testing.TB, payloadType, payload string, blob []byte, k PrivateKey) []byte {
	tb.Helper()
	es, err := dsse.NewEnvelopeSigner(signer{k})
	if err != nil {
		tb.Fatal(err)
	}
	envelope, err := es.SignPayload(tb.Context(), payloadType, []byte(payload))
	if err != nil {
		tb.Fatal(err)
	}
	line, err := encode(envelope)
	if err != nil {
		tb.Fatal(err)
	}
	return append(append(line, '\n'), blob...)
}

func TestSealOpen(t *testing.T) {
	k := key(t, 1)
	blob := []byte("what was compiled\n\x00\xff")
	file := seal(t, manifest(), blob, k)
	if again := seal(t, manifest(), blob, k); !bytes.Equal(file, again) {
		t.Error("equal input gave different bytes")
	}
	m, got, err := Open(file, expect(k))
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, blob) {
		t.Errorf("blob came back as %q", got)
	}
	if m.Epoch != 7 || m.Size != int64(len(blob)) || m.SHA256 != sha256.Sum256(blob) {
		t.Errorf("manifest came back as %+v", m)
	}
	everywhere := manifest()
	everywhere.Store = AllStores
	if _, _, err := Open(seal(t, everywhere, blob, k), expect(k)); err != nil {
		t.Errorf("a bundle for all stores: %v", err)
	}
	if _, _, err := Open(seal(t, manifest(), nil, k), expect(k)); err != nil {
		t.Errorf("an empty blob: %v", err)
	}
	shown, ids, err := Inspect(file)
	if err != nil || shown != m || len(ids) != 1 || ids[0] != k.Public().ID() {
		t.Errorf("Inspect: %+v, %v, %v", shown, ids, err)
	}
	shown, got, err = Content(file)
	if err != nil || shown != m || !bytes.Equal(got, blob) {
		t.Errorf("Content: %+v, %q, %v", shown, got, err)
	}
	file[len(file)-1] ^= 1
	if _, got, err := Content(file); !errors.Is(err, ErrDigest) || got != nil {
		t.Errorf("Content of a changed blob: %q, %v", got, err)
	}
	if _, got, err := Content(file[:len(file)-1]); !errors.Is(err, ErrSize) || got != nil {
		t.Errorf("Content of a cut blob: %q, %v", got, err)
	}
}

// TestInvariant6EachCheckAlone breaks one thing at a time, with everything
// else in order, and wants it refused with the name of that very check.
func TestInvariant6EachCheckAlone(t *testing.T) {
	k, second, stranger := key(t, 1), key(t, 2), key(t, 3)
	blob := []byte("compiled policy")
	file := seal(t, manifest(), blob, k)
	other := manifest()
	other.Epoch = 8
	line, _, _ := bytes.Cut(file, []byte("\n"))
	payload := func(m Manifest) string {
		m.Size, m.SHA256 = int64(len(blob)), sha256.Sum256(blob)
		b, err := m.MarshalJSON()
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	good := payload(manifest())
	change := func(f func(*Manifest)) []byte {
		m := manifest()
		f(&m)
		return seal(t, m, blob, k)
	}
	with := func(f func(*Expect)) Expect {
		e := expect(k)
		f(&e)
		return e
	}
	both := seal(t, manifest(), blob, k, second)
	spoil := func(file []byte, signature int) []byte {
		line, rest, _ := bytes.Cut(file, []byte("\n"))
		var e dsse.Envelope
		if err := json.Unmarshal(line, &e); err != nil {
			t.Fatal(err)
		}
		raw, _ := base64.StdEncoding.DecodeString(e.Signatures[signature].Sig)
		raw[10] ^= 1
		e.Signatures[signature].Sig = base64.StdEncoding.EncodeToString(raw)
		line, err := encode(&e)
		if err != nil {
			t.Fatal(err)
		}
		return append(append(line, '\n'), rest...)
	}

	for _, c := range []struct {
		name   string
		file   []byte
		expect Expect
		want   error
		reason entry.Reason
	}{
		{"signature", spoil(file, 0), expect(k), ErrSignature, entry.ReasonSignature},
		{"one signature of two that suffice without it", spoil(both, 1), expect(k, second), ErrSignature, entry.ReasonSignature},
		{"unknown key", seal(t, manifest(), blob, stranger), expect(k), ErrUnknownKey, entry.ReasonSignature},
		{"no keys", file, expect(), ErrThreshold, entry.ReasonSignature},
		{"threshold", file, with(func(e *Expect) { e.Keys, e.Threshold = expect(k, second).Keys, 2 }), ErrThreshold, entry.ReasonSignature},
		{"threshold, one key given twice", file, with(func(e *Expect) { e.Keys, e.Threshold = expect(k, k).Keys, 2 }), ErrThreshold, entry.ReasonSignature},
		{"threshold, the other key a stranger's", seal(t, manifest(), blob, k, stranger), with(func(e *Expect) { e.Keys, e.Threshold = expect(k, second).Keys, 2 }), ErrThreshold, entry.ReasonSignature},
		{"type", change(func(m *Manifest) { m.Type = TypeRoster }), expect(k), ErrType, entry.ReasonType},
		{"type of the payload alone", resign(t, payloadType(TypeRoster), good, blob, k), expect(k), ErrType, entry.ReasonType},
		{"type of the manifest alone", resign(t, payloadType(TypePolicy), payload(Manifest{Type: TypeRoster, Chain: "Example Stores", Store: "0042", Epoch: 7}), blob, k), expect(k), ErrType, entry.ReasonType},
		{"chain", change(func(m *Manifest) { m.Chain = "Another Chain" }), expect(k), ErrChain, entry.ReasonChain},
		{"store", change(func(m *Manifest) { m.Store = "0043" }), expect(k), ErrStore, entry.ReasonStore},
		{"epoch lower", file, with(func(e *Expect) { e.MinEpoch = 8 }), ErrEpoch, entry.ReasonEpoch},
		{"same epoch, other content", file, with(func(e *Expect) { e.MinEpoch, e.SameDigest = 7, sha256.Sum256([]byte("another")) }), ErrEpochReused, entry.ReasonEpoch},
		{"size allowed", file, with(func(e *Expect) { e.MaxSize = int64(len(blob)) - 1 }), ErrSize, entry.ReasonSize},
		{"truncated blob", file[:len(file)-1], expect(k), ErrSize, entry.ReasonSize},
		{"no blob", file[:len(line)+1], expect(k), ErrSize, entry.ReasonSize},
		{"appended byte", append(bytes.Clone(file), 'x'), expect(k), ErrSize, entry.ReasonSize},
		{"digest", append(bytes.Clone(file[:len(file)-1]), 'X'), expect(k), ErrDigest, entry.ReasonDigest},
		{"swapped blob of the same size", append(append(bytes.Clone(line), '\n'), "another policy."...), expect(k), ErrDigest, entry.ReasonDigest},
		{"truncated envelope", file[:len(line)/2], expect(k), ErrMalformed, entry.ReasonMalformed},
		{"empty", nil, expect(k), ErrMalformed, entry.ReasonMalformed},
		{"a line without end", bytes.Repeat([]byte("x"), maxEnvelope+10), expect(k), ErrMalformed, entry.ReasonMalformed},
		{"a space in the envelope", append([]byte(" "), file...), expect(k), ErrMalformed, entry.ReasonMalformed},
		{"carriage return", bytes.Replace(file, []byte("\n"), []byte("\r\n"), 1), expect(k), ErrMalformed, entry.ReasonMalformed},
		{"payload in the other base64 alphabet", bytes.Replace(seal(t, Manifest{Type: TypePolicy, Chain: "~~~???", Store: "0042", Epoch: 7}, blob, k), []byte("/"), []byte("_"), -1), expect(k), ErrMalformed, entry.ReasonMalformed},
		{"unknown field", resign(t, payloadType(TypePolicy), strings.Replace(good, `{"format"`, `{"extra":1,"format"`, 1), blob, k), expect(k), ErrMalformed, entry.ReasonMalformed},
		{"field twice", resign(t, payloadType(TypePolicy), strings.Replace(good, `"epoch":7`, `"epoch":6,"epoch":7`, 1), blob, k), expect(k), ErrMalformed, entry.ReasonMalformed},
		{"field in another case", resign(t, payloadType(TypePolicy), strings.Replace(good, `"epoch"`, `"Epoch"`, 1), blob, k), expect(k), ErrMalformed, entry.ReasonMalformed},
		{"something after the manifest", resign(t, payloadType(TypePolicy), good+"{}", blob, k), expect(k), ErrMalformed, entry.ReasonMalformed},
		{"epoch 0", resign(t, payloadType(TypePolicy), strings.Replace(good, `"epoch":7`, `"epoch":0`, 1), blob, k), expect(k), ErrMalformed, entry.ReasonMalformed},
		{"format of a later version", resign(t, payloadType(TypePolicy), strings.Replace(good, `"format":1`, `"format":2`, 1), blob, k), expect(k), ErrMalformed, entry.ReasonMalformed},
		{"no store", resign(t, payloadType(TypePolicy), strings.Replace(good, `"store":"0042"`, `"store":""`, 1), blob, k), expect(k), ErrMalformed, entry.ReasonMalformed},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, got, err := Open(c.file, c.expect)
			if !errors.Is(err, c.want) {
				t.Fatalf("got %v, want %v", err, c.want)
			}
			if got != nil {
				t.Error("content was handed out with the error")
			}
			if r := ReasonOf(err); r != c.reason {
				t.Errorf("the journal would say %s, want %s", r, c.reason)
			}
		})
	}

	// And what is meant to pass does.
	for name, c := range map[string]struct {
		file   []byte
		expect Expect
	}{
		"same epoch and content":          {file, with(func(e *Expect) { e.MinEpoch, e.SameDigest = 7, sha256.Sum256(blob) })},
		"higher epoch":                    {seal(t, other, blob, k), with(func(e *Expect) { e.MinEpoch, e.SameDigest = 7, sha256.Sum256(blob) })},
		"two of two":                      {both, with(func(e *Expect) { e.Keys, e.Threshold = expect(k, second).Keys, 2 })},
		"a key not known yet signs along": {both, expect(k)},
	} {
		if _, _, err := Open(c.file, c.expect); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	if ReasonOf(nil) != entry.ReasonNone || ReasonOf(errors.New("x")) != entry.ReasonMalformed {
		t.Error("ReasonOf: wrong for nil or a foreign error")
	}
}

// TestInvariant6AnyFlip changes every bit of a file, one after the other.
func TestInvariant6AnyFlip(t *testing.T) {
	k, second := key(t, 1), key(t, 2)
	for name, file := range map[string][]byte{
		"one signer":  seal(t, manifest(), []byte("compiled policy"), k),
		"two signers": seal(t, manifest(), []byte("compiled policy"), k, second),
	} {
		e := expect(k, second)
		if name == "two signers" {
			e.Threshold = 2
		}
		for i := range file {
			for bit := range 8 {
				bad := bytes.Clone(file)
				bad[i] ^= 1 << bit
				if _, _, err := Open(bad, e); err == nil {
					t.Fatalf("%s: byte %d, bit %d flipped, and it opened", name, i, bit)
				}
			}
		}
	}
}

// TestInvariant6RandomDamage cuts, doubles, swaps and overwrites pieces.
func TestInvariant6RandomDamage(t *testing.T) {
	k := key(t, 1)
	blob := make([]byte, 300)
	for i := range blob {
		blob[i] = byte(rand.Uint32())
	}
	file := seal(t, manifest(), blob, k)
	rapid.Check(t, func(rt *rapid.T) {
		from := rapid.IntRange(0, len(file)).Draw(rt, "from")
		to := rapid.IntRange(from, len(file)).Draw(rt, "to")
		var bad []byte
		switch rapid.SampledFrom([]string{"cut", "double", "overwrite", "insert"}).Draw(rt, "how") {
		case "cut":
			bad = append(bytes.Clone(file[:from]), file[to:]...)
		case "double":
			bad = append(bytes.Clone(file[:to]), file[from:]...)
		case "overwrite":
			bad = bytes.Clone(file)
			copy(bad[from:], rapid.SliceOfN(rapid.Byte(), 0, to-from).Draw(rt, "bytes"))
		case "insert":
			extra := rapid.SliceOfN(rapid.Byte(), 1, 8).Draw(rt, "bytes")
			bad = append(append(bytes.Clone(file[:from]), extra...), file[from:]...)
		}
		if bytes.Equal(bad, file) {
			return
		}
		if _, _, err := Open(bad, expect(k)); err == nil {
			rt.Fatalf("a damaged file opened")
		}
	})
}

func TestSealRefuses(t *testing.T) {
	k := key(t, 1)
	for name, change := range map[string]func(*Manifest){
		"no type":          func(m *Manifest) { m.Type = "" },
		"foreign type":     func(m *Manifest) { m.Type = "firmware" },
		"no chain":         func(m *Manifest) { m.Chain = "" },
		"all chains":       func(m *Manifest) { m.Chain = "*" },
		"no store":         func(m *Manifest) { m.Store = "" },
		"long store":       func(m *Manifest) { m.Store = strings.Repeat("x", 65) },
		"store with a tab": func(m *Manifest) { m.Store = "a\tb" },
		"store, spaces":    func(m *Manifest) { m.Store = " a" },
		"not UTF-8":        func(m *Manifest) { m.Chain = "\xff" },
		"epoch 0":          func(m *Manifest) { m.Epoch = 0 },
		"created in 1969":  func(m *Manifest) { m.Created = -1 },
	} {
		m := manifest()
		change(&m)
		if _, err := Seal(m, nil, k); !errors.Is(err, ErrManifest) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := Seal(manifest(), nil); !errors.Is(err, ErrManifest) {
		t.Errorf("no signer: %v", err)
	}
	if _, err := Seal(manifest(), nil, k, k); !errors.Is(err, ErrManifest) {
		t.Errorf("one signer twice: %v", err)
	}
}

func TestKeys(t *testing.T) {
	k := key(t, 9)
	text := k.Text()
	if bytes.Count(text, []byte("\n")) != 1 {
		t.Errorf("a key is one line, got %d", bytes.Count(text, []byte("\n")))
	}
	back, err := ParsePrivate(text)
	if err != nil || !bytes.Equal(back.Text(), text) {
		t.Errorf("ParsePrivate: %v", err)
	}
	pub, err := ParsePublic(k.Public().Text())
	if err != nil || pub != k.Public() {
		t.Errorf("ParsePublic: %v", err)
	}
	secret := strings.Fields(string(text))[1]
	for _, shown := range []string{fmt.Sprint(k), fmt.Sprintf("%+v", k), fmt.Sprintf("%#v", k), fmt.Sprintf("%s %q %x", k, k, k)} {
		if strings.Contains(shown, secret) || strings.Contains(shown, fmt.Sprintf("%x", k.key.Seed())) {
			t.Errorf("a private key shows itself")
		}
	}
	for name, bad := range map[string][]byte{
		"empty":      nil,
		"public":     k.Public().Text(),
		"two lines":  append(bytes.Clone(text), text...),
		"no base64":  []byte(privateWord + " !\n"),
		"short":      []byte(privateWord + " AAAA\n"),
		"CR":         bytes.Replace(text, []byte("\n"), []byte("\r\n"), 1),
		"two spaces": bytes.Replace(text, []byte(" "), []byte("  "), 1),
	} {
		_, err := ParsePrivate(bad)
		if !errors.Is(err, ErrKey) {
			t.Errorf("%s: %v", name, err)
		} else if strings.Contains(err.Error(), secret) {
			t.Errorf("%s: the error shows the key", name)
		}
	}
	if _, err := ParsePublic(text); !errors.Is(err, ErrKey) || strings.Contains(err.Error(), secret) {
		t.Errorf("a private key taken for a public one")
	}
}

// FuzzOpen: whatever bytes come, only the very files that the key's owner
// sealed open; and any change of one byte of such a file is refused.
func FuzzOpen(f *testing.F) {
	k := key(f, 1)
	blob := []byte("compiled policy")
	file := seal(f, manifest(), blob, k)
	f.Add(file, uint16(0), byte(1))
	f.Add([]byte(`{"payloadType":"","payload":"","signatures":[]}`+"\n"), uint16(3), byte(255))
	f.Add(resign(f, payloadType(TypePolicy), "{}", blob, k), uint16(9), byte(0x20))
	f.Add([]byte("\n"), uint16(500), byte(0x80))
	f.Fuzz(func(t *testing.T, data []byte, at uint16, xor byte) {
		if _, _, err := Open(data, expect(k)); err == nil && !bytes.Equal(data, file) {
			t.Fatalf("a file that nobody sealed opened: %q", data)
		}
		_, _, _ = Inspect(data)
		if xor != 0 {
			bad := bytes.Clone(file)
			bad[int(at)%len(bad)] ^= xor
			if _, _, err := Open(bad, expect(k)); err == nil {
				t.Fatalf("byte %d changed by %02x, and it opened", int(at)%len(bad), xor)
			}
		}
	})
}

// BenchmarkOpen opens a bundle of about the size of a large policy (1,000
// work groups x 5,000 functions), verification included; its floor is the
// SHA-256 of the blob that cannot be avoided.
func BenchmarkOpen(b *testing.B) {
	k := key(b, 1)
	blob := make([]byte, 1000*5*5000/8)
	for i := range blob {
		blob[i] = byte(rand.Uint32())
	}
	file := seal(b, manifest(), blob, k)
	b.SetBytes(int64(len(blob)))
	e := expect(k)
	var floor time.Duration
	for b.Loop() {
		if _, _, err := Open(file, e); err != nil {
			b.Fatal(err)
		}
		b.StopTimer()
		began := time.Now()
		sha256.Sum256(blob)
		floor += time.Since(began)
		b.StartTimer()
	}
	b.ReportMetric(float64(b.Elapsed())/float64(floor), "x-floor")
}
