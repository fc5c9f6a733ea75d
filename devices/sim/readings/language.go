package readings

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Language is what a family of printers speaks, its differences included.
type Language struct {
	name     string
	realtime bool // DLE commands are executed on arrival
	// leads are the control codes that commands begin with: on all printers (0), or
	// not on those that make another choice.
	leads map[byte]Choice
	forms map[byte]*[256]*form
	// singles are the bytes that open a drawer by themselves.
	singles [256]single
	// words are the commands in printed text, begun how they begin.
	words map[string]Kind
	begun []string
	// does: control codes that do something, and end a word.
	does [32]bool
}

// single is a byte that opens a drawer.
type single struct {
	pin     uint8 // 0: it does not
	arrives bool  // on arrival, by its manual
}

// Name is the language's.
func (l *Language) Name() string { return l.name }

// form is how a command is built: of one size, or as plan says.
type form struct {
	size int
	plan func(h []byte) plan
	// act is what it does, with the state that is next; nil: it prints, or sets
	// how things are printed.
	act func(t turn, s, next state)
	// kicks: no printer of the language does not know it.
	kicks bool
}

// plan is what follows a command's first bytes: more of them, a payload, nothing,
// or (stop) what is no part of it.
type plan struct {
	need      int
	phase     phase
	left, aux uint32
	stop      bool
}

func more(n int) plan { return plan{need: n} }

// data is a payload of n bytes.
func data(n uint64) plan {
	if n == 0 {
		return plan{}
	}
	return plan{phase: counted, left: atMost(n)}
}

func (l *Language) form(lead, b byte) *form {
	if t := l.forms[lead]; t != nil {
		return t[b]
	}
	return nil
}

// unknownForm is an unknown command with a length after its third byte.
var unknownForm = &form{plan: sized}

// sized is a command with the length of its payload after its third byte.
func sized(h []byte) plan {
	if len(h) < 5 {
		return more(5)
	}
	return data(uint64(word(h[3], h[4])))
}

func (l *Language) table(lead byte) *[256]*form {
	if l.forms[lead] == nil {
		l.forms[lead] = &[256]*form{}
	}
	return l.forms[lead]
}

// sizes enters commands of one size: "0C:2 20:3".
func (l *Language) sizes(lead byte, list string) {
	for _, entry := range strings.Fields(list) {
		code, size, _ := strings.Cut(entry, ":")
		b, err := strconv.ParseUint(code, 16, 8)
		n, err2 := strconv.Atoi(size)
		if err != nil || err2 != nil || n < 2 || n > len(state{}.h) {
			panic(fmt.Sprintf("entry %q", entry))
		}
		l.table(lead)[b] = &form{size: n}
	}
}

// planned enters a command whose size depends.
func (l *Language) planned(lead, b byte, p func(h []byte) plan) {
	l.table(lead)[b] = &form{plan: p}
}

// acts says what a command that was entered does.
func (l *Language) acts(lead, b byte, f func(t turn, s, next state)) {
	l.table(lead)[b].act = f
}

func (l *Language) kicksOnArrival(b byte) bool { return l.singles[b].arrives }

// readWord reads on in a command in printed text. What has been read of one is
// kept by its number among all beginnings of words.
func (l *Language) readWord(was, b byte) (uint8, Kind) {
	for s := l.begun[was] + string([]byte{b}); s != ""; s = s[1:] {
		if kind, is := l.words[s]; is {
			return 0, kind
		}
		for i, p := range l.begun {
			if p == s {
				return uint8(i), 0
			}
		}
	}
	return 0, 0
}

// speaks enters commands in printed text.
func (l *Language) speaks(kind Kind, list ...string) {
	if l.words == nil {
		l.words, l.begun = map[string]Kind{}, []string{""}
	}
	for _, w := range list {
		l.words[w] = kind
		for n := 1; n < len(w); n++ {
			if !slices.Contains(l.begun, w[:n]) {
				l.begun = append(l.begun, w[:n])
			}
		}
	}
}

// single is a byte that opens a drawer where it stands.
func (t turn) single(s state) {
	t.finds(Pulse, t.own, t.m.l.singles[t.b].pin).to(s)
}
