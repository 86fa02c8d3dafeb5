#!/bin/sh
# Times the start up to a visible window, and the starter model's first picture: startup.sh [PROGRAM]
# Needs Xvfb, xvfb-run, xwininfo (Debian: xvfb xauth x11-utils) and dbus-run-session. SPDX-License-Identifier: Apache-2.0
set -eu

runs=5
program=$(readlink -f -- "${1:-build/app/velatura}")

if [ "${2:-}" != --inside ]; then
  home=$(mktemp -d)
  trap 'rm -rf "$home"' EXIT
  env -u WAYLAND_DISPLAY HOME="$home" XDG_DATA_HOME="$home/data" XDG_CONFIG_HOME="$home/config" XDG_CACHE_HOME="$home/cache" \
    XDG_STATE_HOME="$home/state" dbus-run-session -- xvfb-run -a -s '-screen 0 1400x1000x24' sh "$0" "$program" --inside
  exit
fi

now () {
  date +%s%3N
}

# until_visible PID: waits for a mapped window of the program; fails if the program ends first.
until_visible () {
  until xwininfo -root -tree 2>/dev/null | grep -qi '"velatura'; do
    kill -0 "$1" || exit 1
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
