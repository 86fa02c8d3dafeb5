#!/bin/sh
# Sums up the last `meson test` of a build folder: count-tests.sh BUILD prints "N passed, N failed, N skipped (N cases)".
# Passed, failed and skipped are programs; cases are the lines with which they report what they tried.
# SPDX-License-Identifier: Apache-2.0
set -eu

results () {
  grep -Ec "\"result\": \"($1)\"" "$build/meson-logs/testlog.json" || true
}

build=$1
passed=$(results 'OK|EXPECTEDFAIL')
skipped=$(results 'SKIP|IGNORED')
all=$(results '[A-Z]+')
cases=$(grep -Ec '^(not )?ok [0-9]' "$build/meson-logs/testlog.txt" || true)
printf '%d passed, %d failed, %d skipped (%d cases)\n' "$passed" $((all - passed - skipped)) "$skipped" "$cases"
