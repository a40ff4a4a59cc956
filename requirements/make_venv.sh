#!/bin/sh
# Makes .venv with everything that training, tests and lint need: make_venv.sh DIRECTORY
# With a second argument it installs that lock alone: make_venv.sh .venv-docs docs
set -eu
venv=$1
lock=${2:-develop}
here=$(dirname "$0")

# A pyenv shim is found by name and may still not run: ask each for its version.
python=
found=
for candidate in python3.11 python3.12 python3.13 python3 python; do
    version=$("$candidate" -c 'import sys; print("%d.%d" % sys.version_info[:2])' \
        2>/dev/null) || continue
    case $version in
        3.11 | 3.12 | 3.13)
            python=$candidate
            break
            ;;
        *) found=${found:-"$candidate is $version"} ;;
    esac
done
if [ -z "$python" ]; then
    echo "make: Python 3.11, 3.12 or 3.13 is needed (${found:-no python3 found}). Install one, such as python3.11, and run make again." >&2
    exit 2
fi

# Debian keeps venv's other half, ensurepip, in a package of its own.
if ! "$python" -c 'import ensurepip, venv' 2>/dev/null; then
    package=python$version-venv
    if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
        echo "Installing the Debian package $package, once"
        log=$(mktemp)
        if ! { apt-get update && DEBIAN_FRONTEND=noninteractive \
            apt-get install -y --no-install-recommends "$package"; } >"$log" 2>&1; then
            echo "make: apt-get could not install $package (see $log). Install it by hand and run make again." >&2
            exit 2
        fi
        rm -f "$log"
    else
        echo "make: $python cannot make virtual environments. Run: sudo apt-get install $package" >&2
        exit 2
    fi
fi

echo "Installing from $lock.lock into $venv: about 2 minutes, once"
[ -x "$venv/bin/python" ] || "$python" -m venv --clear "$venv"
# Our own lock lists everything with its hash, so pip must not fetch a build tool
# beside it: the build tools come first, and builds use them.
install() {
    "$venv/bin/python" -m pip install -qq --disable-pip-version-check \
        --no-build-isolation "$@"
}
install --require-hashes -r "$here/build.lock"
install --require-hashes -r "$here/$lock.lock"
if [ "$lock" = develop ]; then
    install --no-deps --editable "$here/.."
fi
