package policy

import "strings"

// WorkGroup is a set of operators with the same access. What Marks does not
// name is blank.
type WorkGroup struct {
	Name     string
	Scope    Scope
	Reviewed uint32 // the catalogue version that somebody last went through for this work group
	SignOn   SignOnMethod
	Approve  SignOnMethod // what its operators show to approve for others
	Marks    map[ID]Mark
	Limits   map[ID]Limit // of what it gives
}

// WorkGroupInfo is what a compiled policy tells of a work group.
type WorkGroupInfo struct {
	Name     string
	Scope    Scope
	Reviewed uint32
	SignOn   SignOnMethod
	Approve  SignOnMethod
}

// Restriction says of a work group that only operators of the Editors may hand
// it out, or edit the operators who hold it.
type Restriction struct {
	WorkGroup string
	Editors   []string
}

// Policy is a policy as people write it.
type Policy struct {
	Catalogue    Catalogue
	WorkGroups   []WorkGroup
	Restrictions []Restriction
	// RegisterGroups are what limits call sets of registers.
	RegisterGroups []RegisterGroup
}

// FoldName is a name without what people do not see as a difference: case and
// the number of spaces. Two work groups of one policy never fold to the same.
func FoldName(name string) string {
	return strings.ToLower(strings.Join(strings.Fields(name), " "))
}
