#!/bin/sh
# Folders are layers and layers only look down: app > ui > engine > kernels, and plugins see nothing but plugins/.
# SPDX-License-Identifier: Apache-2.0
#
#   layers.sh FOLDER            prints every include that breaks this, and fails if there is one
#   layers.sh --planted FOLDER  plants such includes in a copy and fails if one is not found
set -eu

GTK='<(gtk|gdk|gsk|graphene|pango|adwaita|cairo)[./-]'
GLIB='<(glib|gio|gmodule|gobject)[./-]'

# refuse FOLDER ALLOWED FORBIDDEN: includes in quotes must match ALLOWED, those in angle brackets must not match FORBIDDEN.
refuse () {
  [ -d "$root/$1" ] || return 0
  { grep -rnE --include='*.[ch]' --include='*.cu' --include='*.cuh' '^[[:space:]]*#[[:space:]]*include' "$root/$1" || true; } |
    grep -E "include[[:space:]]*(\"|$3)" | grep -vE "include[[:space:]]*\"($2)" | sed "s|^$root/||; s|\$| -- $1 must not see this|" || true
}

offenders () {
  root=$1
  refuse kernels 'kernels/' "$GTK|$GLIB"
  refuse plugins 'plugins/' '<[a-z]+/|<[a-z]+-|<(glib|gtk|adwaita|png|zlib|jansson|sqlite3|libdeflate)'
  refuse engine 'engine/|kernels/|plugins/plugin\.h"|config\.h"' "$GTK"
  refuse ui 'ui/|engine/|resources/|config\.h"' '<<'
  refuse app 'app/|ui/|engine/|kernels/|config\.h"' '<<'
}

check () {
  found=$(offenders "$1")
  [ -z "$found" ] && return 0
  printf '%s\n' "$found"
  return 1
}

# plant FOLDER LINE: this line in a file of this folder of the copy must be found.
plant () {
  printf '%s\n' "$2" >"$copy/$1/planted.c"
  if check "$copy" >/dev/null; then
    printf 'not found: %s in %s\n' "$2" "$1"
    status=1
  fi
  rm "$copy/$1/planted.c"
}

if [ "$1" != --planted ]; then
  check "${1%/}"
  exit
fi

copy=$(mktemp -d)
trap 'rm -rf "$copy"' EXIT
for layer in kernels engine ui app plugins; do
  cp -R "$2/$layer" "$copy/$layer"
done
status=0
check "$copy" || status=1
plant kernels '#include "engine/error.h"'
plant kernels '#include <glib.h>'
plant kernels '  # include "kernels.h"'
plant engine '#include "ui/window.h"'
plant engine '#include "app/flags.h"'
plant engine '#include <gtk/gtk.h>'
plant engine '#include "error.h"'
plant ui '#include "app/application.h"'
plant ui '#include "kernels/kernels.h"'
plant plugins '#include <glib.h>'
plant plugins '#include "engine/error.h"'
exit "$status"
