#!/bin/sh
# Every language in LINGUAS is complete, and every file with strings is in POTFILES.
# SPDX-License-Identifier: Apache-2.0
# usage: translations.sh SOURCE_ROOT
set -eu
cd "$1"
failed=0
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# Files that mark strings. N_ and _ are in C; translatable="yes" is in .ui.
grep -rlE '(^|[^A-Za-z0-9_])(N?_|ngettext) ?\("' app engine ui plugins --include='*.c' > "$work/found" || :
grep -rl 'translatable="yes"' ui --include='*.ui' >> "$work/found" || :
for file in $(sort -u "$work/found"); do
  grep -qxF "$file" po/POTFILES || {
    echo "not in po/POTFILES: $file"
    failed=1
  }
done

grep -v '^#' po/POTFILES > "$work/files"
sed -i -E '/\.desktop\.in$/d; /\.metainfo\.xml\.in$/d; /\.gschema\.xml$/d' "$work/files"
xgettext --from-code=UTF-8 --keyword=_ --keyword=N_ --keyword=C_:1c,2 --keyword=ngettext:1,2 --add-comments --files-from="$work/files" \
  -o "$work/all.pot" 2> "$work/errors" || {
  cat "$work/errors"
  exit 1
}
for language in $(grep -v '^#' po/LINGUAS); do
  msgfmt --check --statistics -o /dev/null "po/$language.po" 2> "$work/statistics" || failed=1
  cat "$work/statistics"
  ! grep -qE 'fuzzy|untranslated' "$work/statistics" || failed=1
  # every string of the sources has a translation
  msgcmp "po/$language.po" "$work/all.pot" 2> "$work/missing" || failed=1
  grep -v 'this message is not used' "$work/missing" || :
done
exit $failed
