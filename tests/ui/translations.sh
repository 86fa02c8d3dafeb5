#!/bin/sh
# Every language in LINGUAS is complete, every file with strings is in POTFILES, and no sentence for people is left out.
# SPDX-License-Identifier: Apache-2.0
# usage: translations.sh SOURCE_ROOT
set -eu
cd "$1"
failed=0
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# Files that mark strings. N_ and _ are in C; translatable="yes" is in .ui.
grep -rlE '(^|[^A-Za-z0-9_])(N?_|C_|ngettext) ?\("' app engine ui plugins --include='*.c' > "$work/found" || :
grep -rl 'translatable="yes"' ui --include='*.ui' >> "$work/found" || :
for file in $(sort -u "$work/found"); do
  grep -qxF "$file" po/POTFILES || {
    echo "not in po/POTFILES: $file"
    failed=1
  }
done

# Functions that make sentences, and which argument it is: a literal there that is not marked stays English in every language. What
# `velatura debug` says is for developers.
find app engine ui -name '*.c' ! -name 'debug*.c' > "$work/sources"
xgettext --from-code=UTF-8 --no-wrap --keyword --keyword=g_set_error:4 --keyword=g_set_error_literal:4 --keyword=vel_context_fail:3 \
  --keyword=vel_json_fail:2 --keyword=vel_png_damaged:3 --keyword=damaged:3 --keyword=fail:3 --keyword=png_error:2 --keyword=note:2 \
  --keyword=problem:2 --keyword=add_problem:2 --keyword=vel_verb_misused:1 --keyword=vel_report_note:2 --keyword=vel_settings_note:2 --files-from="$work/sources" \
  --force-po -o "$work/unmarked.pot" 2> "$work/errors" || {
  cat "$work/errors"
  exit 1
}
awk '/^#: / { place = substr ($0, 4) }
  /^msgid / { text = $0; sub (/^msgid /, "", text); words = text; gsub (/%[-0-9.]*[lz]?[a-z]/, "", words)
    if (words ~ /[A-Za-z]/) print "not marked for translation: " place ": " text }' "$work/unmarked.pot" > "$work/unmarked"
if [ -s "$work/unmarked" ]; then
  cat "$work/unmarked"
  failed=1
fi

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
