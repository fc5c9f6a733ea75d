#!/bin/sh
# Builds the Debian package from the files of this commit: `make deb`, or
# `make deb ARCH=arm64`. docs/packaging.md says how, and why so.
#
#   deb.sh [ARCH] [FOLDER]    ARCH: amd64 or arm64, else this machine's;
#                             FOLDER: where the package goes, else build/deb
#   deb.sh version            prints the version and ends
set -eu

die() { printf 'deb: %s\n' "$*" >&2; exit 1; }

cd "$(dirname "$0")/.."
root=$PWD
git rev-parse --verify -q HEAD >/dev/null || die "no git commit here: version and dates come from it"

# A tag's version is the tag. Other commits come after the last tag, or before the
# first release; then by time, so that a later commit is a newer version to apt.
version() {
	if tag=$(git describe --tags --exact-match --match 'v[0-9]*' 2>/dev/null); then
		v=${tag#v}
	else
		at=$(git log -1 --format=%cd --date=format-local:%Y%m%d.%H%M%S)
		commit=$(git rev-parse --short=7 HEAD)
		if tag=$(git describe --tags --abbrev=0 --match 'v[0-9]*' 2>/dev/null); then
			v=${tag#v}+git$at.$commit
		else
			v=0.1.0~git$at.$commit
		fi
	fi
	[ -z "$(git status --porcelain)" ] || v=$v+dirty
	printf '%s\n' "$v" | tr -- '-_' '~~'
}

export TZ=UTC LC_ALL=C.UTF-8
[ "${1:-}" != version ] || { version; exit; }

arch=${1:-$(dpkg --print-architecture)}
case $arch in
amd64 | arm64) ;;
*) die "unknown architecture: $arch (amd64 or arm64)" ;;
esac
out=${2:-build/deb}
mkdir -p "$out"
out=$(cd "$out" && pwd)
version=$(version)
SOURCE_DATE_EPOCH=$(git log -1 --format=%ct)
export SOURCE_DATE_EPOCH

# debhelper builds in a home of its own; what Go has downloaded and built is kept.
GO=${GO:-go}
command -v "$GO" >/dev/null 2>&1 || die "no go on the PATH: install Go 1.26 or later"
GOCACHE=$($GO env GOCACHE) GOMODCACHE=$($GO env GOMODCACHE) GOPROXY=$($GO env GOPROXY) GOSUMDB=$($GO env GOSUMDB)
export GO GOCACHE GOMODCACHE GOPROXY GOSUMDB

# What git knows of is what is built: nothing that lies about gets in.
work=$(mktemp -d "${TMPDIR:-/tmp}/tillwarden-deb.XXXXXX")
trap 'rm -rf "$work"' EXIT INT TERM
tree=$work/tillwarden
mkdir "$tree"
git ls-files -z --cached --others --exclude-standard | (cd "$root" && tar --null --no-recursion -T - -cf -) | tar -xf - -C "$tree"
cp -R "$tree/packaging/debian" "$tree/debian"
cat >"$tree/debian/changelog" <<END
tillwarden ($version) unstable; urgency=medium

  * Built from commit $(git rev-parse HEAD).

 -- tillwarden maintainers <maintainers@tillwarden.invalid>  $(date -u -R -d "@$SOURCE_DATE_EPOCH")
END
# The same modes and times whoever checked the files out, and when.
chmod -R u=rwX,go=rX "$tree"
find "$tree" -exec touch -h -d "@$SOURCE_DATE_EPOCH" {} +

cd "$tree"
# Nothing of this machine in the package, and no signature: who hands it out signs.
# No C compiler either, which Debian takes to be wherever packages are built.
dpkg-buildpackage --build=binary --host-arch="$arch" --ignore-builtin-builddeps --unsigned-source --unsigned-changes >"$work/log" 2>&1 || {
	cat "$work/log" >&2
	die "dpkg-buildpackage failed"
}
for file in "$work"/*.deb "$work"/*.changes "$work"/*.buildinfo; do
	cp "$file" "$out/"
done
printf '%s\n' "$out/tillwarden_${version}_$arch.deb"
