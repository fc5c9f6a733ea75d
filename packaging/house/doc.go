// Package house holds the tree to its plan: which package may import which,
// with the reason, and that each package says in one comment what it is.
//
// It has no code that runs in the product; its tests read the source.
package house
