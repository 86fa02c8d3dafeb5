#!/usr/bin/env bash
# Builds the kernels, checks them on the card that is there, and measures them beside PyTorch.  SPDX-License-Identifier: Apache-2.0
#
#   measure.sh [options] [STEP…]
#
#   --output FOLDER    results.jsonl, log and summary.md go there (build-gpu/results)
#   --build FOLDER     where the library is built (build-gpu)
#   --arch LIST        compute capabilities instead of the card's own, as for build.sh
#   --python PYTHON    one that has torch, and diffusers for whole networks (python3)
#   --velatura PROGRAM the whole program, for the step "program" (velatura)
#   --types LIST       precisions (bf16)
#   --emulated         on the processor: tiny networks and the kernels run by the emulator, to try this script
#
# VELATURA_COMMIT: what this version is called in the results, where git does not know.
#
# Steps: build self check bench machine ops networks compile program, and for looking closer memory races profile. Without one: all of the
# first line but compile and program, some minutes. Everything is written as it is known; what is stopped has lost nothing.
# shellcheck disable=SC2317 # steps are called by their names
set -uo pipefail

here=$(cd -- "$(dirname -- "$(readlink -f -- "$0")")" && pwd)
root=$(cd -- "$here/../.." && pwd)
build=$root/build-gpu
output=
arch=
python=python3
velatura=velatura
types=bf16
emulated=
steps=()

while [ $# -gt 0 ]; do
  case $1 in
    --output) output=$2; shift 2 ;;
    --build) build=$2; shift 2 ;;
    --arch) arch=$2; shift 2 ;;
    --python) python=$2; shift 2 ;;
    --velatura) velatura=$2; shift 2 ;;
    --types) types=$2; shift 2 ;;
    --emulated) emulated=yes; shift ;;
    -*) sed -n '2,18s/^# \{0,1\}//p' "$0" >&2; exit 2 ;;
    *) steps+=("$1"); shift ;;
  esac
done
[ ${#steps[@]} -gt 0 ] || steps=(build self check bench machine ops networks)
output=${output:-$build/results}
results=$output/results.jsonl
log=$output/log
failed=0

bench=("$build/bench")
compare=("$python" "$here/compare.py" --library "$build/libvelatura-kernels.so")
unets=(sd15 sdxl)
decoders=(vae512 vae1024)
if [ -n "$emulated" ]; then
  bench+=(--table emulated --small --seconds 0)
  compare+=(--table emulated --dry-run --seconds 0.01 --rounds 1)
  unets=(tiny tiny-xl)
  decoders=(tiny-vae)
fi

# cuBLASLt, where it came as a Python package.
libraries=$("$python" - <<'END' 2>/dev/null
import glob, os, sys
found = [path for site in sys.path for path in glob.glob(os.path.join(site, "nvidia", "*", "lib", "libcublasLt.so*"))]
print(":".join(map(os.path.dirname, found)))
END
)
export LD_LIBRARY_PATH=${LD_LIBRARY_PATH:+$LD_LIBRARY_PATH:}$libraries

# run NAME SECONDS COMMAND…: what it prints are results, what it complains of goes into the log.
run () {
  local name=$1 limit=$2 begun=$SECONDS status
  shift 2
  printf '\n== %s: %s\n' "$name" "$*" >>"$log"
  timeout --kill-after=10 "$limit" "$@" >>"$results" 2>>"$log"
  status=$?
  printf '{"step": "ended", "name": "%s", "status": %d, "seconds": %d}\n' "$name" "$status" $((SECONDS - begun)) >>"$results"
  printf '%-28s %4d s%s\n' "$name" $((SECONDS - begun)) "$([ "$status" -eq 0 ] || printf '  ended with %d' "$status")"
  if [ "$status" -ne 0 ]; then
    failed=1
    tail -n 5 "$log"
  fi
  return "$status"
}

step_build () {
  local options=(--output "$build")
  [ -z "$arch" ] || options+=(--arch "$arch")
  [ -z "$emulated" ] || options+=(--emulated)
  run build 400 "$here/build.sh" "${options[@]}"
}

step_self () {
  run selftest 60 "${bench[@]}" selftest
  run info 60 "${bench[@]}" info
}

# A process for each: what breaks one leaves the others alone.
step_check () {
  local family
  for family in linear conv attention norm elementwise layout; do
    run "check $family" 120 "${bench[@]}" check "$family"
  done
}

step_bench () {
  local op type
  for type in ${types//,/ }; do
    run "ceilings $type" 60 "${bench[@]}" --type "$type" ceilings
    for op in conv linear attention group_norm layer_norm other; do
      run "bench $op $type" 120 "${bench[@]}" --type "$type" time "$op"
    done
  done
}

step_machine () {
  run 'compare selftest' 120 "${compare[@]}" selftest
  run machine 120 "${compare[@]}" machine
}

step_ops () {
  local type
  for type in ${types//,/ }; do
    run "ops $type" 240 "${compare[@]}" --type "$type" ops
  done
}

step_networks () {
  local type name
  for type in ${types//,/ }; do
    for name in "${unets[@]}" "${decoders[@]}"; do
      run "network $name $type" 180 "${compare[@]}" --type "$type" network "$name"
    done
  done
}

step_compile () {
  local type name
  for type in ${types//,/ }; do
    for name in "${unets[@]}" "${decoders[@]}"; do
      run "compile $name $type" 520 "${compare[@]}" --type "$type" --against compile --no-check network "$name"
    done
  done
}

# The processor computes in fp32 only.
step_program () {
  local type=${emulated:+fp32}
  run program 400 "${compare[@]}" --type "${type:-${types%%,*}}" --velatura "$velatura" --folder "$build" program
}

# sanitize TOOL FAMILY…: the small cases under one of compute-sanitizer's tools; what it found goes into the log.
sanitize () {
  local tool=$1 family
  shift
  for family; do
    run "$tool $family" 300 compute-sanitizer --tool "$tool" --error-exitcode 1 --log-file "$build/sanitizer.log" \
      "${bench[@]}" check "$family"
    cat "$build/sanitizer.log" >>"$log"
  done
}

step_memory () {
  sanitize memcheck linear conv attention norm elementwise layout
}

step_races () {
  sanitize racecheck linear conv attention norm
}

# The card's clocks stay as they are.
step_profile () {
  local op
  for op in conv linear attention group_norm; do
    run "profile $op" 200 ncu --clock-control none --section SpeedOfLight --section Occupancy --section LaunchStats --csv \
      --log-file "$output/profile-$op.csv" "${bench[@]}" --type "${types%%,*}" once "$op"
  done
}

for step in "${steps[@]}"; do
  if ! declare -F "step_$step" >/dev/null; then
    printf 'measure.sh: there is no step %s\n' "$step" >&2
    exit 2
  fi
done
mkdir -p "$output" "$build"
for step in "${steps[@]}"; do
  "step_$step" || true
  [ -x "$build/bench" ] || break
done
"$python" "$here/compare.py" summary "$results" | tee "$output/summary.md"
exit "$failed"
