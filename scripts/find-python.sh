#!/bin/sh
# Print the first Python of this machine that is new enough.
set -eu

for name in python3 python3.14 python3.13 python3.12 python3.11; do
    if "$name" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
        echo "$name"
        exit 0
    fi
done
echo "Horad needs Python 3.11 or newer; this machine has $(python3 --version 2>/dev/null || echo 'no python3')." >&2
exit 1
