package sandbox

import "tillwarden/packaging/rig"

// debian is the folder of a Debian 12 with systemd, dbus and udev.
func debian() (string, error) { return rig.Root() }
