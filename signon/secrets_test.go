package signon

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fxamacker/cbor/v2"

	"tillwarden/signon/card"
)

// forms are the ways in which a secret could lie about: plain, hexadecimal,
// and base64 in each of its three alignments.
func forms(secret []byte) map[string][]byte {
	f := map[string][]byte{
		"plain": secret, "hex": []byte(hex.EncodeToString(secret)), "HEX": []byte(strings.ToUpper(hex.EncodeToString(secret))),
	}
	for shift := range 3 {
		whole := append(make([]byte, shift), secret...)
		whole = whole[:len(whole)/3*3]
		enc := base64.StdEncoding.EncodeToString(whole)
		f[fmt.Sprintf("base64+%d", shift)] = []byte(enc[(shift+2)/3*4:])
		f[fmt.Sprintf("base64url+%d", shift)] = []byte(base64.URLEncoding.EncodeToString(whole)[(shift+2)/3*4:])
	}
	return f
}

// TestInvariant5SecretsReachNothing signs on, fails, locks out, enrols and
// changes with marked PINs and cards, and then looks for the marks in all that
// is left: the files, the journal, errors, answers and logs.
func TestInvariant5SecretsReachNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		const (
			pin      = "908172635441"
			newPIN   = "918273645501"
			wrongPIN = "928374651029"
			operator = "9384756102"
			other    = "9485760213"
			payment  = "4111111111111111"
			licence  = "6360009586071"
			asNumber = "958607132" // a PIN that somebody types as the number
		)
		var answers bytes.Buffer
		note := func(v any, err error) {
			fmt.Fprintf(&answers, "%v %+v %#v %v\n", v, v, v, err)
			b, jsonErr := json.Marshal(v)
			if jsonErr != nil {
				t.Errorf("an answer cannot be written: %v", jsonErr)
			}
			answers.Write(b)
		}
		read := func(s string) *card.Card { return card.Read([]byte(s), card.Options{}, card.BuiltIn()) }
		present := func(c Credential) Result {
			time.Sleep(5 * time.Second)
			c.Source = "reader"
			res, err := r.s.Present(r.ctx, c)
			note(res, err)
			return res
		}
		max := r.as("2001")
		change := func(c Change, err error) {
			if err != nil {
				t.Fatal(err)
			}
			note(c, err)
		}
		change(r.people.Add(r.ctx, max, NewOperator{
			Number: "6001", Name: "Marked", WorkGroups: []string{cardPIN}, PIN: []byte(pin), Card: read(";:<>" + operator + "?"),
		}))
		change(r.people.SetPIN(r.ctx, max, "1001", []byte(newPIN)))
		change(r.people.SetPIN(r.ctx, max, "1001", []byte("1234"+wrongPIN)))
		change(r.people.EnrolCard(r.ctx, max, "1001", read(";:<>"+other+"?"), false))
		change(r.people.EnrolCard(r.ctx, max, "1002", read(";:<>"+other+"?"), false))
		change(r.people.EnrolCard(r.ctx, max, "1001", read("%B"+payment+"^MARKED/HOLDER^4912101?"), false))
		change(r.people.EnrolCard(r.ctx, max, "1001", read(";"+licence+"=491219000101?"), false))
		change(r.people.SetPIN(r.ctx, max, asNumber+"9", []byte(newPIN)))
		if res := present(Credential{Card: read(";:<>" + operator + "?")}); !res.NeedPIN {
			t.Fatalf("no PIN is asked for: %+v", res)
		} else {
			signed, err := r.s.PIN(r.ctx, res.Token, []byte(pin), "keypad")
			note(signed, err)
			if signed.Action != SignedOn {
				t.Fatalf("not signed on: %+v %v", signed, err)
			}
		}
		present(Credential{Card: read("%B" + payment + "^MARKED/HOLDER^4912101?;" + payment + "=4912101?")})
		present(Credential{Card: read(";" + licence + "=491219000101?")})
		present(Credential{Card: read(";:<>" + other + "?")})
		present(Credential{Card: read(";:<>9999" + operator[:6] + "?")})
		present(Credential{Card: read("%" + operator)})
		present(Credential{Number: asNumber, PIN: []byte(pin)})
		present(Credential{Number: asNumber + pin, PIN: []byte(pin)})
		for range 6 {
			present(Credential{Number: "6001", PIN: []byte(wrongPIN)})
			present(Credential{Card: read(";:<>" + operator + "?"), PIN: []byte(wrongPIN)})
		}
		v, err := r.s.Identify(r.ctx, Credential{Number: "1001", PIN: []byte(newPIN), Source: "console"}, NeedSite)
		note(v, err)
		r.journal.failing(true)
		present(Credential{Number: "1001", PIN: []byte(newPIN)})
		present(Credential{Card: read(";:<>" + operator + "?"), PIN: []byte(pin)})
		r.journal.failing(false)
		r.stop()
		present(Credential{Number: "1001", PIN: []byte(newPIN)})
		present(Credential{Card: read(";:<>" + operator + "?"), PIN: []byte(pin)})
		// A file that is damaged gives errors with what is in it, if anything does.
		whole := readFile(t, r.path)
		half := 2 * os.Getpagesize()
		if err := os.WriteFile(r.path, append(bytes.Clone(whole[:half]), whole[half+100:]...), 0o600); err != nil {
			t.Fatal(err)
		}
		broken, openErr := openAgain(r)
		note(broken, openErr)
		if err := broken.Close(); err != nil || openErr == nil {
			t.Fatalf("opened: %v, closed: %v", openErr, err)
		}
		if err := os.WriteFile(r.path, whole, 0o600); err != nil {
			t.Fatal(err)
		}
		places := map[string][]byte{"answers": answers.Bytes(), "log": r.log.Bytes()}
		for _, e := range r.journal.all() {
			j, err := json.Marshal(e)
			if err != nil {
				t.Fatal(err)
			}
			c, err := cbor.Marshal(e)
			if err != nil {
				t.Fatal(err)
			}
			places["journal, JSON"] = append(places["journal, JSON"], j...)
			places["journal, CBOR"] = append(places["journal, CBOR"], c...)
		}
		dir := filepath.Dir(r.path)
		err = filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
			if err == nil && d.Type().IsRegular() && d.Name() != KeyFile {
				places[d.Name()] = readFile(t, path)
			}
			return err
		})
		if err != nil || len(places["roster.db"]) == 0 || len(places["state.json"]) == 0 || r.log.Len() == 0 {
			t.Fatalf("there is too little to look at: %v", err)
		}
		secrets := map[string]string{
			"PIN": pin, "new PIN": newPIN, "wrong PIN": wrongPIN, "card": operator, "other card": other, "payment card": payment,
			"holder": "MARKED/HOLDER", "licence": licence, "number that is a PIN": asNumber,
		}
		keyText := strings.Fields(string(readFile(t, filepath.Join(dir, "keys", KeyFile))))
		for i, k := range []string{keyText[2], keyText[3]} {
			raw, err := hex.DecodeString(k)
			if err != nil {
				t.Fatal(err)
			}
			secrets[fmt.Sprint("key ", i)] = string(raw)
		}
		secrets["sealing key"] = string(r.keys.seal())
		for what, s := range secrets {
			for how, form := range forms([]byte(s)) {
				for where, content := range places {
					if bytes.Contains(content, form) {
						t.Errorf("a %s is in %s (%s)", what, where, how)
					}
				}
			}
		}
		r.start()
	})
}

// TestFormsFindWhatTheyLookFor keeps the search itself honest.
func TestFormsFindWhatTheyLookFor(t *testing.T) {
	secret := []byte("908172635441")
	f := forms(secret)
	for shift := range 3 {
		text := base64.StdEncoding.EncodeToString(append(append(bytes.Repeat([]byte{'x'}, 3+shift), secret...), "tail"...))
		found := false
		for _, form := range f {
			found = found || bytes.Contains([]byte(text), form)
		}
		if !found {
			t.Errorf("base64 at offset %d is not found", shift)
		}
	}
	for how, form := range f {
		if len(form) < 8 {
			t.Errorf("%s looks for %d bytes only", how, len(form))
		}
	}
}
