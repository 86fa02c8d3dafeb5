#!/bin/sh
# Runs a command with a display, a session bus and a home of its own, all gone afterwards.
# SPDX-License-Identifier: Apache-2.0
# usage: display.sh COMMAND [ARGUMENT...]
set -eu

for tool in Xvfb dbus-run-session; do
  command -v "$tool" >/dev/null || {
    echo "1..0 # SKIP $tool is not installed"
    exit 77
  }
done

home=$(mktemp -d)
display=
trap 'test -z "$display" || kill "$display" 2>/dev/null || :; rm -rf "$home"' EXIT
trap 'exit 1' HUP INT TERM
mkdir -m 700 "$home/run"
mkdir -p "$home/data" "$home/state" "$home/cache" "$home/config" "$home/pictures"
printf 'XDG_PICTURES_DIR="%s/pictures"\n' "$home" > "$home/config/user-dirs.dirs"

# Xvfb picks a free number and writes it down when it is ready.
mkfifo "$home/number"
Xvfb -displayfd 3 -screen 0 1600x1000x24 -nolisten tcp 3> "$home/number" > "$home/xvfb.log" 2>&1 &
display=$!
read -r number < "$home/number"

env -u WAYLAND_DISPLAY -u GTK_THEME -u GTK_MODULES \
  HOME="$home" XDG_RUNTIME_DIR="$home/run" XDG_DATA_HOME="$home/data" XDG_STATE_HOME="$home/state" XDG_CACHE_HOME="$home/cache" \
  XDG_CONFIG_HOME="$home/config" DISPLAY=":$number" GDK_BACKEND=x11 GSK_RENDERER=cairo GTK_A11Y=test GSETTINGS_BACKEND=memory \
  dbus-run-session -- "$@"
