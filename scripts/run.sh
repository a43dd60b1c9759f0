#!/bin/sh
# Runs one of these scripts on the pinned Node, after installing what package-lock.json names where that was not done yet.
set -eu
cd "$(dirname "$0")/.."
mark=node_modules/.package-lock.json
if [ ! -x node_modules/.bin/node ] || [ ! -e "$mark" ] || [ package-lock.json -nt "$mark" ]; then
  echo "installing packages (npm install)" >&2
  # Not npm ci: that wants the optional packages of every platform to be in the lock, and a registry mirror may lack some.
  # What the lock names is installed as it names it, digest checked, and the lock stays as it is.
  npm install --no-save --no-audit --no-fund --loglevel=error >&2
  touch "$mark"
fi
exec node_modules/.bin/node "$@"
