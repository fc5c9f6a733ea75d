package sandbox

import "os"

func debian() (string, error) { return os.Getenv("TILLWARDEN_RIG_ROOT"), nil }
