package loopback

import (
	"fmt"
	"os/user"
	"slices"
	"strconv"
)

// Users are who may connect: some by their own number, some by a group that
// they are in by the system's user database, as their own group or as one more.
// The zero value is nobody.
type Users struct {
	// Any is everybody on this machine: nobody is asked about.
	Any  bool
	UIDs []uint32
	GIDs []uint32
}

// allows reports whether a user may connect. An error means that it could not
// be found out, which is no.
func (u Users) allows(uid uint32) (bool, error) {
	if u.Any || slices.Contains(u.UIDs, uid) {
		return true, nil
	}
	if len(u.GIDs) == 0 {
		return false, nil
	}
	who, err := user.LookupId(strconv.FormatUint(uint64(uid), 10))
	if err != nil {
		return false, fmt.Errorf("the groups of user %d: %w", uid, err)
	}
	groups, err := who.GroupIds()
	if err != nil {
		return false, fmt.Errorf("the groups of user %d: %w", uid, err)
	}
	for _, g := range append(groups, who.Gid) {
		gid, err := strconv.ParseUint(g, 10, 32)
		if err == nil && slices.Contains(u.GIDs, uint32(gid)) {
			return true, nil
		}
	}
	return false, nil
}
