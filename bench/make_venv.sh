#!/bin/sh
# Makes the peers' environment: make_venv.sh PYTHON DIRECTORY
set -eu
python=$1
venv=$2
here=$(dirname "$0")

echo "Installing the peers into $venv: about 5 minutes, once"
[ -x "$venv/bin/python" ] || "$python" -m venv "$venv"
install() {
    "$venv/bin/python" -m pip install -qq --disable-pip-version-check "$@"
}
install --no-deps --require-hashes -r "$here/requirements/peers.lock"
# torch has builds for many kinds of machine under one version. On Linux pip takes the
# one for CUDA, which is several GB and computes the same on a CPU. A CPU build that is
# in $venv already is kept, and PIP_EXTRA_INDEX_URL with PyTorch's index of CPU builds
# makes pip prefer one. So there is no hash for it, and it isn't in the lock file.
install torch==2.13.0
