# What ./run, ./check and .ci/run share: packages, the build, the vocabulary. To be sourced, with $here the project's folder.
# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=sh

build=${here:?}/build

say () {
  printf '%s\n' "$*" >&2
}

# Shows what a command said only if it failed.
quietly () {
  log=$(mktemp)
  if "$@" >"$log" 2>&1 </dev/null; then
    rm -f "$log"
  else
    status=$?
    cat "$log" >&2
    rm -f "$log"
    return "$status"
  fi
}

# column NUMBER KIND…: the names of a column of packages.txt, on one line.
column () {
  number=$1
  shift
  for kind; do
    awk -v kind="$kind" -v number="$number" '$1 == kind && $number != "-" { printf "%s ", $number }' "$here/scripts/packages.txt"
  done
}

# Names of packages that are not installed.
missing_packages () {
  # shellcheck disable=SC2046 # one word a package
  {
    dpkg-query -W -f '${db:Status-Status} ${Package}\n' $(column 2 "$@") 2>/dev/null || true
    printf 'wanted %s\n' $(column 2 "$@")
  } | awk '$1 == "installed" { there[$2] = 1 } $1 == "wanted" && !there[$2] { print $2 }'
}

# install_packages KIND…: asks apt only if something is missing.
install_packages () {
  if ! command -v apt-get >/dev/null 2>&1 || ! command -v dpkg-query >/dev/null 2>&1; then
    say 'This system is not Debian-like. Please install these packages, then build with meson (see HACKING.md):'
    say "  Fedora: sudo dnf install $(column 3 "$@")"
    say "  Arch:   sudo pacman -S --needed $(column 4 "$@")"
    exit 1
  fi
  # shellcheck disable=SC2046
  set -- $(missing_packages "$@")
  [ $# -gt 0 ] || return 0
  as_root=
  if [ "$(id -u)" -ne 0 ]; then
    # Without a terminal nobody could answer sudo's question.
    if ! command -v sudo >/dev/null 2>&1 || { ! [ -t 0 ] && ! sudo -n true 2>/dev/null; }; then
      say 'Some packages have to be installed first. As root, please run:'
      say "  apt-get update && apt-get install --no-install-recommends $*"
      exit 1
    fi
    as_root='sudo'
    say 'To install packages sudo may ask for your password.'
    sudo true
  fi
  say "Installing $# packages: $*"
  # The lists may be absent (a new machine) or old (a name that is gone): fetched only then.
  if ! quietly apt_install "$@" 2>/dev/null; then
    quietly $as_root apt-get -q update || true
    quietly apt_install "$@" || { say 'The packages could not be installed.'; exit 1; }
  fi
}

apt_install () {
  $as_root env DEBIAN_FRONTEND=noninteractive apt-get -q -y -o DPkg::Lock::Timeout=600 install --no-install-recommends "$@"
}

# The option that says for which kinds of card the CUDA backend is compiled: those that are here; without one a single kind, so that its
# code is known to compile. Nothing without a CUDA compiler.
gpu_targets () {
  command -v nvcc >/dev/null 2>&1 || return 0
  found=$(nvidia-smi --query-gpu=compute_cap --format=csv,noheader 2>/dev/null | tr -d '. ' | grep -x '[0-9]*' | sed 's/^90$/90a/' |
    sort -u | paste -sd, -) || found=
  printf '%s' "-Dgpu_arch=${found:-80}"
}

# Configures once, then brings ./build up to date; one build at a time.
build_program () {
  # A build folder that came along in a copy of the project still points at the original.
  if [ -f "$build/built-from" ] && [ "$(cat "$build/built-from")" != "$here" ]; then
    rm -rf "$build"
  fi
  if ! [ -f "$build/build.ninja" ]; then
    say 'Building Velatura; the first time takes a minute or two.'
    # shellcheck disable=SC2046 # one option or none
    quietly meson setup $(gpu_targets) "$build" "$here" || { say 'Velatura could not be configured.'; exit 1; }
    printf '%s\n' "$here" >"$build/built-from"
  fi
  quietly flock "$build" ninja -C "$build" || { say 'Velatura could not be built.'; exit 1; }
}

vocabulary=${XDG_DATA_HOME:-$HOME/.local/share}/velatura/vocabulary/bpe_simple_vocab_16e6.txt.gz

# The standard CLIP vocabulary, which most models need and few bring, from the Python package open_clip_torch.
take_vocabulary () {
  mkdir -p "${vocabulary%/*}" &&
    timeout 120 python3 -m pip --disable-pip-version-check --timeout 15 --retries 1 -q download --no-deps --only-binary :all: -d "$1" open_clip_torch &&
    python3 - "$1" "$vocabulary" <<'PYTHON'
import glob, gzip, os, sys, zipfile
folder, wanted = sys.argv[1:]
wheel = glob.glob(os.path.join(folder, "open_clip_torch-*.whl"))[0]
data = zipfile.ZipFile(wheel).read("open_clip/" + os.path.basename(wanted))
assert gzip.decompress(data).count(b"\n") > 48894, "the vocabulary is too short"
temporary = "%s.%d" % (wanted, os.getpid())
with open(temporary, "wb") as file:
    file.write(data)
os.rename(temporary, wanted)
PYTHON
}

# Tried at most once a day; everything else works without it.
fetch_vocabulary () {
  tried=${XDG_CACHE_HOME:-$HOME/.cache}/velatura/vocabulary-tried
  today=$(date +%Y-%m-%d)
  if [ -f "$vocabulary" ] || [ "$(cat "$tried" 2>/dev/null)" = "$today" ]; then
    return 0
  fi
  folder=$(mktemp -d)
  if ! quietly take_vocabulary "$folder" 2>/dev/null; then
    say 'Note: the standard CLIP vocabulary could not be fetched; models that bring none need --tokenizer until it can.'
    { mkdir -p "${tried%/*}" && printf '%s\n' "$today" >"$tried"; } 2>/dev/null || true
  fi
  rm -rf "$folder"
}
