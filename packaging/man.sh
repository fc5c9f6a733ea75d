#!/bin/sh
# Makes the manual pages and the shells' completions.
#
#   man.sh TILLWARDEN VERSION FOLDER    TILLWARDEN: the command line, for this machine
#
# Pages bear the date of SOURCE_DATE_EPOCH, so that the same commit gives the same.
set -eu

tillwarden=$1 version=$2 out=$3
root=$(cd "$(dirname "$0")/.." && pwd)
go=${GO:-go}
date=$(date -u -d "@${SOURCE_DATE_EPOCH:?}" +%Y-%m-%d)
mkdir -p "$out/man" "$out/completions"
source=$(mktemp -d)
trap 'rm -rf "$source"' EXIT

"$tillwarden" manual "$source"
cd "$root"
$go run ./packaging/man "$root" "$source"
cp packaging/man/*.[0-9].md "$source"
for page in "$source"/*.md; do
	name=$(basename "$page" .md) # tillwarden-policy.1
	{
		printf '%% %s %s "%s" "tillwarden %s" "tillwarden"\n\n' "$(printf %s "${name%.*}" | tr a-z A-Z)" "${name##*.}" "$date" "$version"
		cat "$page"
	} >"$page.in"
	$go tool -modfile=packaging/tools/tools.mod go-md2man -in "$page.in" -out "$out/man/$name"
done

for shell in bash zsh fish; do
	"$tillwarden" completion "$shell" >"$out/completions/tillwarden.$shell"
done
