#!/bin/sh
# Times the start up to a visible window, and the starter model's first picture: startup.sh [PROGRAM]
# Needs Xvfb, dbus-run-session and xwininfo (Debian: xvfb dbus x11-utils). SPDX-License-Identifier: Apache-2.0
set -eu

runs=5
program=$(readlink -f -- "${1:-build/app/velatura}")

if [ "${2:-}" != --inside ]; then
  exec sh "${0%/*}/../ui/display.sh" sh "$0" "$program" --inside
fi

now () {
  date +%s%3N
}

# The program's windows that are on the screen, but for the helpers of one pixel that GTK makes.
visible () {
  for id in $(xwininfo -root -tree | awk '/"[Vv]elatura/ && !/ 1x1[+]/ { print $1 }'); do
    xwininfo -id "$id" | grep IsViewable
  done
}

# until_visible PID: fails if the program ends first.
until_visible () {
  until [ -n "$(visible 2>/dev/null)" ]; do
    kill -0 "$1" || { echo 'startup.sh: the program ended before its window was there' >&2; exit 1; }
    sleep 0.01
  done
}

median () {
  sort -n | awk '{ value[NR] = $1 } END { print value[int ((NR + 1) / 2)] }'
}

start_once () {
  begun=$(now)
  "$program" >/dev/null 2>&1 &
  until_visible $!
  echo $(($(now) - begun))
  kill $!
  wait $! 2>/dev/null || true
}

# With an empty page cache, where this is allowed.
if sync && echo 3 2>/dev/null >/proc/sys/vm/drop_caches; then
  printf 'window, cold: %d ms\n' "$(start_once)"
fi
start_once >/dev/null
printf 'window, warm: %d ms (median of %d)\n' "$(for _ in $(seq $runs); do start_once; done | median)" $runs

picture () {
  begun=$(now)
  "$program" generate --prompt 'a white swan on a lake at dusk' --seed 1 --steps 20 --quiet --force --output "$HOME/first.png"
  echo $(($(now) - begun))
}
printf 'first picture of the starter, 20 steps, the whole command: %d ms (median of %d)\n' "$(for _ in $(seq $runs); do picture; done | median)" $runs
