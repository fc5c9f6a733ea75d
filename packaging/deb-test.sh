#!/bin/sh
# Checks the Debian package of this commit: `make deb-test`.
#
#   - built twice, in two folders, at other times, with other settings, and without
#     what the first build had compiled, it is the same, byte for byte;
#   - lintian has no error and no warning;
#   - what is in it is whole: programs that run and say its version, a manual page
#     for each verb, completions that their shells can read, an SBOM of the modules
#     that are linked; nothing that anybody may write, nothing of this machine.
#
#   deb-test.sh [PACKAGE]    PACKAGE: only look through this one; of another machine's
#                            kind its programs are not run
#
# What it does when it is installed, upgraded, removed and purged is the rig's matter.
set -eu

cd "$(dirname "$0")/.."
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT INT TERM
say() { printf 'deb-test: %s\n' "$*"; }
die() { printf 'deb-test: %s\n' "$*" >&2; exit 1; }
twice() {
	[ -z "$(git status --porcelain)" ] || say "what is not committed is left out"

	git clone -q . "$work/here"
	git clone -q . "$work/a/longer/way/there"
	say "building the first time"
	one=$("$work/here/packaging/deb.sh")
	say "building the second time, from nothing"
	two=$(cd "$work/a/longer/way/there" && umask 077 && TZ=Pacific/Auckland LANG=tr_TR.UTF-8 USER=somebody HOME="$work" \
		GOPATH="$(go env GOPATH)" GOMODCACHE="$(go env GOMODCACHE)" GOCACHE="$work/cache" packaging/deb.sh)
	cmp "$one" "$two" || die "two builds of the same commit differ: diffoscope $one $two says where"
	say "two builds are the same: $(sha256sum "$one" | cut -c1-16)"
}

one=${1:-}
[ -n "$one" ] || twice

# shellcheck disable=SC2046 # no option without root
lintian $([ "$(id -u)" != 0 ] || echo --allow-root) --fail-on error,warning "${one%.deb}.changes" || die "lintian complains"

tree=$work/tree
dpkg-deb -x "$one" "$tree"
version=$(dpkg-deb -f "$one" Version)
here=
[ "$(dpkg-deb -f "$one" Architecture)" != "$(dpkg --print-architecture)" ] || here=yes
for command in usr/bin/tillwarden usr/sbin/tillwardend; do
	[ -z "$here" ] || [ "$("$tree/$command" --version)" = "$(basename $command) $version" ] || die "$command says another version: $("$tree/$command" --version)"
done
readelf -l "$tree/usr/sbin/tillwardend" | grep -q INTERP && die "the daemon needs a loader, which the unit does not let in"
open=$(find "$tree" ! -type l -perm /022)
[ -z "$open" ] || die "anybody may write: $open"
found=$(dpkg-deb -c "$one" | awk '$2 != "root/root" {print $6}')
[ -z "$found" ] || die "not root's: $found"
if grep -rlaF -e "$work" -e "$(go env GOMODCACHE)/" -e "$(go env GOROOT)/" "$tree"; then die "that names folders of this machine"; fi

if [ -n "$here" ]; then
	pages=0
	for verb in $("$tree/usr/bin/tillwarden" __complete '' 2>/dev/null | sed -n 's/^\([a-z][a-z-]*\)\t.*/\1/p'); do
		case $verb in help | completion) continue ;; esac
		[ -e "$tree/usr/share/man/man1/tillwarden-$verb.1.gz" ] || die "tillwarden $verb has no manual page"
		pages=$((pages + 1))
	done
	[ $pages -ge 20 ] || die "only $pages verbs were found"
fi
for page in man1/tillwarden.1 man5/tillwarden.toml.5 man5/tillwarden-policy.5 man5/tillwarden-journal.5 man8/tillwardend.8; do
	zcat "$tree/usr/share/man/$page.gz" | grep -q '^\.TH' || die "$page is no manual page"
done
bash -n "$tree/usr/share/bash-completion/completions/tillwarden"
for file in usr/share/zsh/vendor-completions/_tillwarden usr/share/fish/vendor_completions.d/tillwarden.fish \
	lib/udev/rules.d/60-tillwarden.rules usr/lib/sysusers.d/tillwarden.conf usr/lib/tmpfiles.d/tillwarden.conf \
	usr/lib/cups/backend/tillwarden usr/share/tillwarden/tillwarden.toml usr/share/tillwarden/presets/catalogue.hcl \
	usr/share/tillwarden/presets/e3.test.hcl usr/share/tillwarden/presets/aura.test.hcl; do
	[ -s "$tree/$file" ] || die "$file is missing or empty"
done

sbom=$tree/usr/share/doc/tillwarden/tillwarden.cdx.json
for binary in usr/bin/tillwarden usr/sbin/tillwardend usr/lib/cups/backend/tillwarden; do
	go version -m "$tree/$binary" | awk '$1 == "dep" {print "pkg:golang/" $2 "@" $3}' >"$work/modules"
	while read -r module; do
		grep -qF "\"$module\"" "$sbom" || die "$binary has $module, and the SBOM does not"
	done <"$work/modules"
done
say "the package is whole: $version, ${here:+$pages verbs, }$(grep -c '"bom-ref"' "$sbom") parts in the SBOM"
