package journal

import (
	"bytes"
	"encoding/hex"
	"reflect"
	"testing"

	"tillwarden/enforcer/journal/entry"
)

// fillAll sets every field of a struct, at any depth, to something that is not zero.
func fillAll(v reflect.Value, n *int) {
	*n++
	switch v.Kind() {
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fillAll(v.Elem(), n)
	case reflect.Struct:
		for i := range v.NumField() {
			fillAll(v.Field(i), n)
		}
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 3, 3))
		for i := range v.Len() {
			fillAll(v.Index(i), n)
		}
	case reflect.Array:
		for i := range v.Len() {
			fillAll(v.Index(i), n)
		}
	case reflect.String:
		v.SetString("wörd " + string(rune('a'+*n%26)))
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		v.SetInt(-int64(*n) * 1000)
	case reflect.Bool:
		v.SetBool(true)
	default:
		v.SetUint(uint64(*n % 200))
	}
}

func encoded(t testing.TB, e *entry.Entry) []byte {
	t.Helper()
	b, err := encMode.Marshal(e)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// TestEveryFieldIsRead: also one that the quick decoder has never heard of.
func TestEveryFieldIsRead(t *testing.T) {
	var want entry.Entry
	n := 0
	fillAll(reflect.ValueOf(&want).Elem(), &n)
	want.Later = false // of what is read, not of what is stored
	var got entry.Entry
	if err := newDecoder().at(append([]byte{0}, encoded(t, &want)...), want.Seq, &got); err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got\n%+v, want\n%+v", got, want)
	}
}

// TestQuickDecoderIsUsed: what the register writes all the time is not left to
// the general decoder.
func TestQuickDecoderIsUsed(t *testing.T) {
	d, r := newDecoder(), newRand(5)
	for i := range 10_000 {
		want := testDecision(r)
		want.Seq, want.Stamp = entry.Seq(i+1), entry.Stamp{Wall: -5 + int64(i), Boot: int64(i) << 30, BootID: entry.BootID{9}, Clock: 1}
		var got entry.Entry
		if !d.entry(encoded(t, &want), &got) {
			t.Fatalf("left to the general decoder: %+v", want)
		}
		if !reflect.DeepEqual(got, want) {
			t.Fatalf("got\n%+v, want\n%+v", got, want)
		}
	}
	if len(d.words) > maxWords || len(d.groups) > maxWords {
		t.Errorf("it remembers %d words", len(d.words))
	}
}

// FuzzQuickDecoder: what the quick decoder takes, the general one takes too, and
// reads the same.
func FuzzQuickDecoder(f *testing.F) {
	r := newRand(6)
	for range 8 {
		e := testDecision(r)
		f.Add(encoded(f, &e))
	}
	var all entry.Entry
	n := 0
	fillAll(reflect.ValueOf(&all).Elem(), &n)
	f.Add(encoded(f, &all))
	for _, odd := range []string{
		"a0", "a10101", "a20101", "a2010101020", "a201010101", "a1013b0000000000000001", "a103a0", "a103a10100", "a107814161", "a10781f6", "a105f6",
		"a10560", "a10562c328", "a117f6", "a11740", "bf0101ff", "a1181e01", "a1017f", "a10a190100", "a1181b60", "a10ca0", "a114a10241ff", "a101fb4000000000000000",
	} {
		b, err := hex.DecodeString(odd + "0"[:len(odd)%2])
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		d := newDecoder()
		for range 2 { // the second time the words are known
			var quick, general entry.Entry
			if !d.entry(bytes.Clone(b), &quick) {
				continue
			}
			if err := decodeBody(append([]byte{0}, b...), &general); err != nil {
				t.Fatalf("the quick decoder reads what the general one refuses: %v\n%+v", err, quick)
			}
			if !reflect.DeepEqual(quick, general) {
				t.Fatalf("quick\n%+v, general\n%+v", quick, general)
			}
		}
	})
}
