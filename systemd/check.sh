#!/usr/bin/env bash
# Verifies the unit and holds its exposure below a ceiling. Usage: systemd/check.sh [CEILING]
# Exits with 77 (skipped) where systemd-analyze is missing; a unit that gets no score has failed.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
ceiling="${1:-1.5}"
command -v systemd-analyze >/dev/null || { echo "no systemd-analyze here"; exit 77; }

# Its exit status is its own opinion of the exposure; ours is the ceiling below.
report="$(systemd-analyze security --offline=true --no-pager depositd.service 2>&1)" || true
exposure="$(sed -n 's/.*Overall exposure level for .*: \([0-9.]*\) .*/\1/p' <<<"$report")"
[ -n "$exposure" ] || { echo "systemd-analyze gave no score:"; echo "$report"; exit 1; }
echo "exposure $exposure, ceiling $ceiling"
awk -v got="$exposure" -v ceiling="$ceiling" 'BEGIN { exit !(got <= ceiling) }' || { echo "$report"; exit 1; }

# `verify` wants the binary to exist: any program stands in for it.
folder="$(mktemp -d)"
trap 'rm -rf "$folder"' EXIT
sed "s#^ExecStart=/usr/bin/depositd#ExecStart=$(command -v true)#" depositd.service >"$folder/depositd.service"
problems="$(systemd-analyze verify --man=no "$folder/depositd.service" 2>&1 | grep -F depositd.service || true)"
[ -z "$problems" ] || { echo "$problems"; exit 1; }
