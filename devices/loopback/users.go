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

// owner is whose a connection is, where the kernel could tell.
type owner struct {
	uid  uint32
	told bool
}

// allow reports whether a connection is served. One that is nobody's known is:
// it may have been anybody's, somebody's on the list too. An error means that it
// could not be found out, which is no.
func (u Users) allow(o owner) (bool, error) {
	if u.Any || !o.told {
		return true, nil
	}
	return u.allows(o.uid)
}

// allows reports whether a user may connect.
func (u Users) allows(uid uint32) (bool, error) {
	if slices.Contains(u.UIDs, uid) {
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
