package signon

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestKeys(t *testing.T) {
	dir := t.TempDir()
	if _, err := LoadKeys(dir); !errors.Is(err, ErrNoKeys) {
		t.Fatalf("no keys: %v", err)
	}
	k, err := GenerateKeys(dir)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := GenerateKeys(dir); !errors.Is(err, ErrKeysExist) {
		t.Fatalf("made twice: %v", err)
	}
	again, err := LoadKeys(dir)
	if err != nil {
		t.Fatal(err)
	}
	if again.ID != k.ID || !bytes.Equal(again.pepper(), k.pepper()) || !bytes.Equal(again.card(), k.card()) || !bytes.Equal(again.seal(), k.seal()) {
		t.Error("read otherwise than written")
	}
	if bytes.Equal(k.pepper(), k.card()) || bytes.Equal(k.pepper(), k.seal()) || bytes.Equal(k.pepper(), make([]byte, keySize)) {
		t.Error("keys are not keys of their own")
	}
	names, err := os.ReadDir(dir)
	if err != nil || len(names) != 1 {
		t.Errorf("left over: %v %v", names, err)
	}
	path := filepath.Join(dir, KeyFile)
	if err := os.Chmod(path, 0o640); err != nil {
		t.Fatal(err)
	}
	if _, err := LoadKeys(dir); !errors.Is(err, ErrKeyFile) {
		t.Errorf("readable by a group: %v", err)
	}
}

func TestMalformedKeyFiles(t *testing.T) {
	dir := t.TempDir()
	if _, err := GenerateKeys(dir); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, KeyFile)
	whole := readFile(t, path)
	for name, text := range map[string][]byte{
		"empty": {}, "cut": whole[:len(whole)-2], "longer": append(bytes.Clone(whole), '\n'),
		"other version": bytes.Replace(whole, []byte("signon-1"), []byte("signon-2"), 1),
		"not hex":       append(bytes.Clone(whole[:len(whole)-2]), 'x', '\n'),
		"no id":         bytes.Replace(whole, whole[len(keyVersion)+1:len(keyVersion)+17], []byte("zzzzzzzzzzzzzzzz"), 1),
		"tab":           bytes.Replace(whole, []byte(" "), []byte("\t"), 1),
		"huge":          bytes.Repeat([]byte("a"), 4096),
	} {
		if err := os.WriteFile(path, text, 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := LoadKeys(dir)
		if !errors.Is(err, ErrKeyFile) {
			t.Errorf("%s: %v", name, err)
		}
		if err != nil && strings.Contains(err.Error(), string(whole[40:60])) {
			t.Errorf("%s: the key is in the error", name)
		}
	}
}

func TestOpenKeys(t *testing.T) {
	dir := t.TempDir()
	keys, roster := filepath.Join(dir, "keys"), filepath.Join(dir, "roster.db")
	first, err := OpenKeys(keys, roster)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(roster, []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	if again, err := OpenKeys(keys, roster); err != nil || again.ID != first.ID {
		t.Errorf("opened again: %v %v", again, err)
	}
	if err := os.Remove(filepath.Join(keys, KeyFile)); err != nil {
		t.Fatal(err)
	}
	if _, err := OpenKeys(keys, roster); !errors.Is(err, ErrNoKeys) {
		t.Errorf("a roster without its keys: %v", err)
	}
}

func TestInvariant5NothingPrintsKeysOrCredentials(t *testing.T) {
	secret := bytes.Repeat([]byte("S3cr"), 8)
	k, err := NewKeys("0011223344556677", secret, secret)
	if err != nil {
		t.Fatal(err)
	}
	c := Credential{Number: "1001", PIN: []byte("90817263"), Card: cardOf("90817263"), Source: "keypad"}
	type hidden struct {
		k *Keys
		v Keys
	}
	h := hidden{k: k, v: *k}
	var out bytes.Buffer
	for _, v := range []any{k, *k, c, &c, h, &h, []any{k, c}, StoreOptions{Keys: k}, &Store{o: StoreOptions{Keys: k}}} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%x", "%X", "%q", "%d", "%c", "%U", "%b", "%t", "%o"} {
			fmt.Fprintf(&out, verb+"\n", v)
		}
		_ = json.NewEncoder(&out).Encode(v)
		slog.New(slog.NewTextHandler(&out, nil)).Info("v", "v", v)
		slog.New(slog.NewJSONHandler(&out, nil)).Info("v", "v", v)
	}
	for what, s := range map[string][]byte{"key": []byte("S3crS3cr"), "PIN or card": []byte("90817263")} {
		for how, form := range forms(s) {
			if bytes.Contains(out.Bytes(), form) {
				t.Errorf("a %s is printed (%s)", what, how)
			}
		}
		if strings.Contains(out.String(), strings.Trim(fmt.Sprint(s), "[]")) {
			t.Errorf("a %s is printed (list)", what)
		}
	}
}
