package sandbox

import (
	"errors"
	"os"
)

// debian is the folder of a Debian 12 with systemd, dbus and udev.
func debian() (string, error) {
	root := os.Getenv("TILLWARDEN_RIG_ROOT")
	if root == "" {
		return "", errors.New("TILLWARDEN_RIG_ROOT is to name the folder of a Debian 12 with systemd and dbus, as mmdebstrap makes it")
	}
	return root, nil
}
