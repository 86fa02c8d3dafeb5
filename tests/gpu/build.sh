#!/usr/bin/env bash
# Builds libvelatura-kernels.so and bench from nothing but a compiler and libc: no meson, no GLib, no GTK.
# SPDX-License-Identifier: Apache-2.0
#
#   build.sh [--arch 90a,80] [--jobs N] [--output FOLDER] [--emulated | --host]
#
# --arch: compute capabilities; without it that of the card that is there. --emulated: the same kernels run by the processor, with g++
# instead of nvcc. --host: the plain loops alone. FOLDER is build-gpu of the project unless said otherwise.
set -euo pipefail

root=$(cd -- "$(dirname -- "$(readlink -f -- "$0")")/../.." && pwd)
output=$root/build-gpu
kind=cuda
arch=
jobs=$(nproc)

while [ $# -gt 0 ]; do
  case $1 in
    --arch) arch=$2; shift 2 ;;
    --jobs) jobs=$2; shift 2 ;;
    --output) output=$2; shift 2 ;;
    --emulated) kind=emulated; shift ;;
    --host) kind=host; shift ;;
    *) sed -n '2,9s/^# \{0,1\}//p' "$0" >&2; exit 2 ;;
  esac
done
mkdir -p "$output"
output=$(cd -- "$output" && pwd)
cd -- "$root"
find "$output" -maxdepth 1 \( -name '*.o' -o -name '*.log' \) -delete

fail () {
  printf 'build.sh: %s\n' "$*" >&2
  exit 1
}

find_nvcc () {
  local nvcc
  for nvcc in "${NVCC:-}" "$(command -v nvcc || true)" /usr/local/cuda/bin/nvcc; do
    if [ -n "$nvcc" ] && [ -x "$nvcc" ]; then
      printf '%s' "$nvcc"
      return
    fi
  done
  fail 'there is no nvcc; set NVCC, or try --emulated'
}

# The first card's capability; Hopper's own instructions have a name of their own.
find_arch () {
  local found
  found=$(nvidia-smi --query-gpu=compute_cap --format=csv,noheader 2>/dev/null | head -n 1 | tr -d '. ')
  [ -n "$found" ] || fail 'there is no card to ask; say --arch'
  [ "$found" != 90 ] || found=90a
  printf '%s' "$found"
}

# Folders where a Python package of NVIDIA's keeps headers (include) or libraries (lib), if any.
wheel_folders () {
  python3 - "$1" <<'END' 2>/dev/null || true
import glob, os, sys, sysconfig
for site in {sysconfig.get_paths()["purelib"], *sys.path}:
    for folder in sorted(glob.glob(os.path.join(site, "nvidia", "*", sys.argv[1]))):
        print(folder)
END
}

# compile COMMAND…: in the background, at most $jobs at once. What it says goes into a log beside the object, its last argument.
running=0
compile () {
  if [ "$running" -ge "$jobs" ]; then
    wait -n || fail_with_logs
    running=$((running - 1))
  fi
  "$@" >"${*: -1}.log" 2>&1 &
  running=$((running + 1))
}

fail_with_logs () {
  cat "$output"/*.log >&2
  fail 'a file does not compile'
}

finish () {
  while [ "$running" -gt 0 ]; do
    wait -n || fail_with_logs
    running=$((running - 1))
  done
  cat "$output"/*.o.log >"$output/build.log"
}

# object SOURCE: where its object goes
object () {
  local name=${1//\//-}
  printf '%s' "$output/${name%.*}.o"
}

warnings=(-Wall -Wextra -Wno-unused-parameter -Wno-missing-field-initializers)
c=(gcc -std=gnu17 -O2 -fPIC -ffp-contract=off -I"$root" "${warnings[@]}" -c)
cpp=(g++ -x c++ -std=c++17 -O2 -fPIC -fno-rtti -fno-exceptions -ffp-contract=off -I"$root" "${warnings[@]}"
  -DVEL_CUDA_TABLE=vel_kernels_emulated '-DVEL_CUDA_NAME="emulated"' -c)
plain=(kernels/kernels.c kernels/reference/*.c tests/gpu/shim.c)
program=(tests/gpu/bench*.c tests/cases/*.c)
begun=$SECONDS

for source in "${plain[@]}" "${program[@]}"; do
  compile "${c[@]}" "$source" -o "$(object "$source")"
done

library=("${plain[@]}")
case $kind in
  cuda)
    nvcc=$(find_nvcc)
    [ -n "$arch" ] || arch=$(find_arch)
    cuda=("$nvcc" -std=c++17 -O3 -Xcompiler -fPIC -Xptxas -v -I"$root")
    for one in ${arch//,/ }; do
      cuda+=("-gencode=arch=compute_$one,code=sm_$one")
    done
    sources=(kernels/cuda/*.cu tests/gpu/clock-cuda.cu)
    if ! printf '#include <cublasLt.h>\n' | "$nvcc" -E -x cu - >/dev/null 2>&1; then
      headers=$(wheel_folders include | while read -r folder; do [ ! -e "$folder/cublasLt.h" ] || printf '%s' "$folder"; done)
      [ -n "$headers" ] || fail 'there is no cublasLt.h'
      cuda+=(-I"$headers")
    fi
    for source in "${sources[@]}"; do
      compile "${cuda[@]}" -c "$source" -o "$(object "$source")"
    done
    library+=("${sources[@]}")
    link=("$nvcc" -shared)
    ;;
  emulated)
    sources=()
    for source in kernels/cuda/*.cu kernels/cuda/emulator/*.cpp; do
      case $source in
        */lt.cu | */runtime-cuda.cu) ;;
        *) sources+=("$source") ;;
      esac
    done
    for source in "${sources[@]}"; do
      compile "${cpp[@]}" "$source" -o "$(object "$source")"
    done
    compile "${c[@]}" -DVEL_WITH_EMULATED tests/gpu/clock-host.c -o "$(object tests/gpu/clock-host.c)"
    library+=("${sources[@]}" tests/gpu/clock-host.c)
    link=(g++ -shared)
    ;;
  host)
    compile "${c[@]}" tests/gpu/clock-host.c -o "$(object tests/gpu/clock-host.c)"
    library+=(tests/gpu/clock-host.c)
    link=(gcc -shared)
    ;;
esac
finish

objects=()
for source in "${library[@]}"; do
  objects+=("$(object "$source")")
done
"${link[@]}" -o "$output/libvelatura-kernels.so" "${objects[@]}" -lm -ldl -lpthread
objects=()
for source in "${program[@]}"; do
  objects+=("$(object "$source")")
done
gcc -o "$output/bench" "${objects[@]}" -L"$output" -lvelatura-kernels -Wl,-rpath,"\$ORIGIN" -lm

# What the compiler says of each kernel is in build.log; memory that registers spill to is worth a line.
spills=$(grep -c ' [1-9][0-9]* bytes spill' "$output/build.log" || true)
kernels=$(grep -c 'Compiling entry function' "$output/build.log" || true)
printf '{"step": "build", "kind": "%s", "arch": "%s", "seconds": %d, "kernels": %d, "with_spills": %d}\n' "$kind" "$arch" \
  $((SECONDS - begun)) "$kernels" "$spills"
