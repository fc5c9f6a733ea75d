#!/bin/sh
# Runs every fuzz target of the tree, one after the other, each for the time
# given (60s). What a target finds, go puts under its package's testdata/fuzz.
set -eu
time=${1:-60s}
status=0
found=0
said=$(mktemp)
trap 'rm -f "$said"' EXIT
for dir in $(git ls-files '*_test.go' | xargs grep -l '^func Fuzz' | xargs -n1 dirname | sort -u); do
	for target in $(grep -ho '^func Fuzz[A-Za-z0-9_]*' "$dir"/*_test.go | sed 's/^func //' | sort -u); do
		found=$((found + 1))
		printf '== %s %s for %s\n' "$dir" "$target" "$time"
		go test "./$dir" -run '^$' -fuzzminimizetime 10x -fuzz "^$target\$" -fuzztime "$time" 2>&1 | tee "$said"
		grep -q '^FAIL' "$said" || continue
		# Go ends a run that found nothing with this, where its time is over just
		# as a worker answers. A finding names its input.
		if grep -q '^    context deadline exceeded$' "$said" && ! grep -q 'Failing input written' "$said"; then
			echo "   (nothing found: the time was over in mid-answer)"
		else
			status=1
		fi
	done
done
[ "$found" -gt 0 ] || { echo "no fuzz target found" >&2; exit 1; }
exit $status
