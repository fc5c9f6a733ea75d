// Package source reads policies as people write them, in HCL, and says what is
// wrong with them: where, what, and what may have been meant.
//
// Guarantees: what it returns without an error compiles, and equal content
// compiles to equal bytes however it is spread over files. A policy file holds
// names, numbers, yes or no, and lists of them. There are no variables, no
// functions and no templates, so that reading a file cannot do anything but
// read it, and its work is bounded by its length.
//
// It is for the command line only. A register never parses it: it loads the
// compiled, signed form.
package source
