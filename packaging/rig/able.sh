#!/bin/sh
# Says whether this machine can run the rig (docs/rig.md), and if it cannot, what it lacks.
set -u

lacks() { echo "$*"; exit 1; }

[ "$(id -u)" = 0 ] || lacks "this is not root"
[ "$(uname -m)" = x86_64 ] || lacks "the processor is $(uname -m), not x86_64"
[ -c /dev/fuse ] || lacks "there is no /dev/fuse"
losetup --find >/dev/null 2>&1 || lacks "there are no loop devices"
unshare --mount --pid --net --uts --ipc --cgroup --fork mount -t tmpfs none /mnt 2>/dev/null || lacks "there are no namespaces, or nothing can be mounted in them"
