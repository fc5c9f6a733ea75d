package api

import "fmt"

// Role is which socket a request came in by.
type Role uint8

// The roles.
const (
	RolePOS        Role = iota + 1 // the POS application
	RoleConsole                    // the pages and the command line of people at the register
	RoleTechnician                 // who sets the register up
)

// String is the role's word, as in socket names and sources.
func (r Role) String() string {
	switch r {
	case RolePOS:
		return "pos"
	case RoleConsole:
		return "console"
	case RoleTechnician:
		return "technician"
	}
	return fmt.Sprintf("role-%d", uint8(r))
}

// Roles lists the roles.
func Roles() []Role { return []Role{RolePOS, RoleConsole, RoleTechnician} }

// Caller is who asks: the socket's role, and the peer's uid as the kernel
// gave it when the connection was made. The uid is noted, never believed.
type Caller struct {
	Role Role
	UID  uint32
}

// Source is the caller as the journal notes it.
func (c Caller) Source() string { return fmt.Sprintf("socket:%s uid=%d", c.Role, c.UID) }
