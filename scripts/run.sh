#!/bin/sh
# Runs one of these scripts on the pinned Node, after installing what package-lock.json names where that was not done yet.
set -eu
cd "$(dirname "$0")/.."
mark=node_modules/.package-lock.json
if [ ! -x node_modules/.bin/node ] || [ ! -e "$mark" ] || [ package-lock.json -nt "$mark" ]; then
  echo "installing packages (npm ci)" >&2
  npm ci --no-audit --no-fund --loglevel=error >&2
  touch "$mark"
fi
exec node_modules/.bin/node "$@"
