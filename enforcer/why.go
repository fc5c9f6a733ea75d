package enforcer

import (
	"errors"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"tillwarden/enforcer/policy"
)

// Bounds of reasons in people's words.
const (
	MaxWhy    = 200 // bytes
	minWhy    = 8
	maxDigits = 8 // in a row: a card number has more
)

// Why is the reason that people give for an approval: a code of the site's
// list, the own words, or both. The zero Why is none.
type Why struct {
	Code uint16 // from 1
	Text string
}

// WhyCode is one reason of a site's list. Codes go to the journal: what one means
// should not change, and a code that is no longer used should not come back.
type WhyCode struct {
	Code uint16
	Name string
}

// MaxWhyCode is the highest code that a list may have: two digits at a keypad.
const MaxWhyCode = 99

// ShippedWhyCodes is the list where a site has none of its own.
func ShippedWhyCodes() []WhyCode {
	return []WhyCode{
		{1, "the customer changed their mind"},
		{2, "wrong item or quantity was scanned"},
		{3, "the price is not the shelf's"},
		{4, "damaged, spoiled or out of date"},
		{5, "goodwill towards the customer"},
		{6, "another shop's price is matched"},
		{7, "returned without its receipt"},
		{8, "wrong tender or amount was keyed"},
		{9, "change is needed"},
		{10, "the cash is counted or checked"},
		{11, "trouble with the printer or the drawer"},
		{12, "training"},
		{99, "other; the manager knows"},
	}
}

// missing reports whether a function wants another reason than this one. Words
// stand for a code where people could write them; a code never stands for words.
func (w Why) missing(mode policy.ReasonMode, known func(code uint16) bool) bool {
	code := w.Code != 0 && w.Code <= MaxWhyCode && (known == nil || known(w.Code))
	if w.Code != 0 && !code {
		return true // one that means nothing goes to no journal
	}
	switch mode {
	case policy.ReasonNone:
		return false
	case policy.ReasonCode:
		return !code && w.Text == ""
	}
	return w.Text == ""
}

// CheckWhy says what is wrong with a reason in people's words: a line of 8 to 200
// bytes, with nothing in it that could be a card's number.
func CheckWhy(why string) error {
	switch {
	case len(why) < minWhy || len(why) > MaxWhy:
		return fmt.Errorf("a reason of %d bytes, and it takes %d to %d: say why", len(why), minWhy, MaxWhy)
	case !utf8.ValidString(why) || strings.ContainsFunc(why, func(r rune) bool { return !unicode.IsPrint(r) }) || strings.TrimSpace(why) != why:
		return errors.New("the reason is not one line of printable text")
	}
	if longNumber(why) {
		return errors.New("the reason has a long number in it, and no such number goes to the journal")
	}
	return nil
}

// longNumber reports whether a text has a number in it that could be a card's,
// in groups or not.
func longNumber(text string) bool {
	run := 0
	for _, r := range text {
		switch {
		case unicode.IsDigit(r):
			if run++; run > maxDigits {
				return true
			}
		case r != ' ' && r != '-':
			run = 0
		}
	}
	return false
}
