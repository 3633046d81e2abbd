#!/bin/sh
# Make the Python environment in the folder given: exactly the packages of requirements.lock, and Horad itself.
set -eu

venv=$1
python=$("$(dirname "$0")/find-python.sh")

if ! "$venv/bin/python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
    echo "Python: creating $venv with $("$python" --version)"
    "$python" -m venv --clear "$venv"
fi
if ! "$venv/bin/uv" --version >/dev/null 2>&1; then
    echo "Python: installing uv, which installs the rest"
    "$venv/bin/python" -m ensurepip >/dev/null
    "$venv/bin/python" -m pip install --quiet --disable-pip-version-check uv
fi
# Trust whom the system trusts, as pip and npm do: behind a company's proxy that may be more than uv knows of itself.
if [ -s /etc/ssl/certs/ca-certificates.crt ]; then
    export UV_SYSTEM_CERTS=true UV_NATIVE_TLS=true
fi
echo "Python: installing the packages of requirements.lock"
VIRTUAL_ENV=$(cd "$venv" && pwd)
export VIRTUAL_ENV
"$venv/bin/uv" pip sync --quiet --compile-bytecode requirements.lock
"$venv/bin/uv" pip install --quiet --no-deps --editable .
