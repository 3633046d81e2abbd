#!/bin/sh
# Install the system packages that are missing: for running Horad, with --for-tests for its tests too.
set -eu

python=$("$(dirname "$0")/find-python.sh")
missing=""
postgis="postgresql postgresql-NN-postgis-3"

need() { missing="$missing $*"; }

newest_server() {
    for initdb in /usr/lib/postgresql/*/bin/initdb; do
        [ -x "$initdb" ] && echo "$initdb" | cut -d/ -f5
    done | sort -n | tail -1
}

has_postgis() {
    for control in /usr/share/postgresql/*/extension/postgis.control; do
        version=$(echo "$control" | cut -d/ -f5)
        [ -x "/usr/lib/postgresql/$version/bin/initdb" ] && return 0
    done
    pg_config=$(command -v pg_config) && [ -f "$($pg_config --sharedir)/extension/postgis.control" ]
}

as_root() {
    if [ "$(id -u)" -eq 0 ]; then "$@"; else sudo "$@"; fi
}

refuse() {
    echo "Missing on this machine:$missing" | sed "s/-NN-postgis-3/& (NN: the number of its PostgreSQL)/" >&2
    echo "$1" >&2
    exit 1
}

apt_get() {
    if ! as_root env DEBIAN_FRONTEND=noninteractive apt-get -q -o DPkg::Lock::Timeout=300 "$@" >"$log" 2>&1 </dev/null; then
        tail -20 "$log" >&2
        refuse "apt-get $1 failed: see above."
    fi
}

# The private cluster is the only one Horad needs: keep a new PostgreSQL from starting one of its own on port 5432.
no_main_cluster=/etc/postgresql-common/createcluster.d/horad-install.conf
forbid_main_cluster() {
    as_root mkdir -p "$(dirname "$no_main_cluster")"
    echo "create_main_cluster = false" | as_root tee "$no_main_cluster" >/dev/null
}

clean_up() {
    rm -f "$log"
    [ ! -e "$no_main_cluster" ] || as_root rm "$no_main_cluster"
}

[ -n "${HORAD_DATABASE_URL:-}" ] || has_postgis || need "$postgis"
"$python" -c 'import ensurepip, venv' 2>/dev/null || need "$python-venv"
command -v npm >/dev/null || need nodejs npm
if [ "${1:-}" = "--for-tests" ]; then
    has_postgis || case "$missing" in *"$postgis"*) ;; *) need "$postgis" ;; esac
    command -v chromium >/dev/null || need chromium
    command -v osmium >/dev/null || need osmium-tool
    command -v ogrinfo >/dev/null || need gdal-bin
    [ -n "$(find /usr/lib* -name libatomic.so.1 2>/dev/null)" ] || need libatomic1
fi
[ -n "$missing" ] || exit 0

command -v apt-get >/dev/null || refuse "This is not Debian or Ubuntu: install these with the tools of your system, then try again."
[ "$(id -u)" -eq 0 ] || command -v sudo >/dev/null || refuse "There is no sudo: have an administrator install these, then try again."

log=$(mktemp)
trap clean_up EXIT
echo "System packages: reading the lists of packages"
apt_get update
case "$missing" in
*-NN-postgis-*)
    version=$(newest_server)
    [ -n "$version" ] || forbid_main_cluster
    : "${version:=$(apt-cache depends postgresql | sed -n 's/.*Depends: postgresql-\([0-9]*\)$/\1/p' | head -1)}"
    missing=$(echo "$missing" | sed "s/$postgis/postgresql-$version postgresql-$version-postgis-3/")
    ;;
esac
echo "System packages: installing$missing"
# shellcheck disable=SC2086
apt_get install --yes --no-install-recommends $missing
