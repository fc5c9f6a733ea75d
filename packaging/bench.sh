#!/bin/sh
# Runs the benchmarks. Each subject is measured beside its floor in the same
# process, and reports their ratio as a metric of its own ("x-floor");
# docs/benchmarks.md says how to read them.
set -eu
exec go test -run '^$' -bench . -benchmem ${BENCHFLAGS:-} \
	$(git ls-files '*_test.go' | xargs grep -l '^func Benchmark' | xargs -n1 dirname | sort -u | sed 's|^|./|')
