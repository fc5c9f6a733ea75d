#!/bin/sh
# Installs what the tests and the demo need on Debian 12, and says what and why.
# Nothing is installed that is there already. Run by `make test`, `make demo`,
# `make deb` and `make test-rig`.
#
#   setup.sh test   what `make test` needs
#   setup.sh demo   what `make demo` and `make build` need
#   setup.sh deb    what `make deb` needs, for either architecture
#   setup.sh rig    what `make test-rig` and `make test-acceptance` need
set -eu

say() { printf 'setup: %s\n' "$*"; }
die() { printf 'setup: %s\n' "$*" >&2; exit 1; }

command -v go >/dev/null 2>&1 || die "go is not on the PATH: install Go 1.26 or later first"

want=""
need() { # need COMMAND PACKAGE WHY
	command -v "$1" >/dev/null 2>&1 && return 0
	say "$2 is missing: $3"
	want="$want $2"
}

case "${1:-test}" in
test)
	need gcc gcc "the race detector of 'go test -race' is linked by a C compiler"
	need systemd-analyze systemd "it says how far the daemon's unit bounds it"
	[ -e /usr/include/stdlib.h ] || { say "libc6-dev is missing: the race detector needs the C library's headers"; want="$want libc6-dev"; }
	;;
demo) ;;
deb)
	need git git "the package's version and dates are the commit's"
	need dh debhelper "it makes the package"
	need dpkg-buildpackage dpkg-dev "it runs the package's build"
	need lintian lintian "it checks the package against Debian's policy"
	;;
rig)
	PATH="$PATH:/usr/sbin:/sbin"
	need qemu-system-x86_64 qemu-system-x86 "the virtual machine"
	need mmdebstrap mmdebstrap "it makes the Debian that the machine runs"
	need systemd-nspawn systemd-container "it runs a system in a container"
	need modprobe kmod "it finds the drivers that the machine boots with"
	need swtpm swtpm "the virtual machine's TPM, to which keys are sealed"
	need mke2fs e2fsprogs "it makes the machine's disk"
	;;
*) die "unknown: $1 (test, demo, deb or rig)" ;;
esac

[ -n "$want" ] || exit 0
command -v apt-get >/dev/null 2>&1 || die "no apt-get here: install these by hand:$want"
as_root=""
if [ "$(id -u)" != 0 ]; then
	command -v sudo >/dev/null 2>&1 || die "not root and no sudo: as root, run: apt-get install$want"
	as_root="sudo"
fi
say "installing:$want"
$as_root apt-get update -qq
# shellcheck disable=SC2086 # a list of packages
DEBIAN_FRONTEND=noninteractive $as_root apt-get install -y -qq --no-install-recommends $want
