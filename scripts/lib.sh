# Sourced by the scripts: where the repository is, how to build it quietly, how to say things.

set -euo pipefail

repo=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
logs=$repo/build/logs
mkdir -p "$logs"

# A compiler cache is welcome, never needed.
if command -v ccache >/dev/null; then
  export CMAKE_CXX_COMPILER_LAUNCHER=${CMAKE_CXX_COMPILER_LAUNCHER:-ccache}
  export CMAKE_C_COMPILER_LAUNCHER=${CMAKE_C_COMPILER_LAUNCHER:-ccache}
fi

say() { printf '%s\n' "$*" >&2; }
die() { say "$*"; exit 1; }

# quietly LOG COMMAND...: the output goes to build/logs/LOG.log, and its end to the screen if the command fails.
quietly() {
  local log=$logs/$1.log
  shift
  if ! "$@" >"$log" 2>&1; then
    say "--- failed: $*"
    tail -n "${ROOST_LOG_LINES:-60}" "$log" >&2
    say "--- the whole log: $log"
    return 1
  fi
}

# build PRESET [TARGET...]: configures and builds; without targets, everything.
build() {
  local preset=$1
  shift
  (
    cd "$repo" &&
    cmake --preset "$preset" &&
    cmake --build --preset "$preset" --parallel "$(nproc)" ${1:+--target "$@"}
  )
}

# Every C++ file, each ended by a NUL. Found rather than asked of git: a tarball is to pass too.
cpp_sources() {
  find "$repo"/{base,protocol,storage,runtime,device,host,tests} -name '*.h' -print0 -o -name '*.cc' -print0
}
