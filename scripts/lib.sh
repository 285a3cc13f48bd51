# shellcheck shell=bash
# Shared by the scripts in this folder; to be sourced, not run. Sets `root` to the top of the checkout.

# shellcheck disable=SC2034  # for those who source this
root="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)"

say() { printf '%s\n' "$*"; }
warn() { printf '%s\n' "$*" >&2; }
die() { warn "error: $*"; exit 1; }

# The usage text of a script is the comment at its top, up to the first line that is not one.
usage() { sed -n '2,/^[^#]/{/^#/s/^# \{0,1\}//p}' "$1"; }

# as_root COMMAND…: runs it as root, through sudo when we are somebody else.
as_root() {
    if [ "$(id -u)" -eq 0 ]; then
        "$@"
    elif command -v sudo >/dev/null; then
        sudo "$@"
    else
        die "this needs root and there is no sudo: $*"
    fi
}

# node_is_recent: true when there is a node of version 18 or later, and npm.
node_is_recent() {
    command -v node >/dev/null && command -v npm >/dev/null || return 1
    [ "$(node -p 'process.versions.node.split(".")[0]' 2>/dev/null || echo 0)" -ge 18 ]
}

# build_jobs: compilers to run at once; each may take 1.5 GB.
build_jobs() {
    local cores memory
    cores="$(nproc)"
    memory="$(awk '/^MemAvailable:/ {print int($2 / 1500000)}' /proc/meminfo 2>/dev/null || echo 1)"
    [ "$memory" -ge 1 ] || memory=1
    if [ "$cores" -lt "$memory" ]; then echo "$cores"; else echo "$memory"; fi
}

# node_modules DIR: installs what DIR/package-lock.json says, unless that is what is there.
node_modules() {
    local dir="$1" stamp
    stamp="$(sha256sum <"$dir/package-lock.json" | cut -c1-16)"
    if [ -e "$dir/node_modules/.installed-$stamp" ]; then
        say "$dir: up to date"
        return 0
    fi
    (cd "$dir" && npm ci --no-audit --no-fund) || return 1
    touch "$dir/node_modules/.installed-$stamp"
}
