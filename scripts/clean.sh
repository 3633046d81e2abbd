#!/bin/sh
# Stop Horad and remove all it has made in this folder.
set -eu

cd "$(dirname "$0")/.."
unset HORAD_HOME

if [ -e .horad/postgres ]; then
    if [ ! -x .venv/bin/horad ]; then
        echo "A database may be running in .horad, and .venv, which can stop it, is not there: run 'make env' first." >&2
        exit 1
    fi
    .venv/bin/horad stop
fi
for path in "$(readlink -f .horad/postgres || true)" .horad .venv api/web/vendor api/web/node_modules; do
    if [ -n "$path" ] && [ -e "$path" ]; then
        echo "Removing $path"
        rm -rf "$path"
    fi
done
