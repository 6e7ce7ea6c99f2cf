#!/usr/bin/env bash
# Measures octet beside ONNX Runtime, OpenVINO and ncnn: bench/peers/run.sh [ARGUMENT of compare.py…]
#
# Installs the peers from the package index into a virtual environment of their own, build/peers-venv or $PEERS_VENV,
# the first time. What is printed, and how it is measured: bench/peers/compare.py --help.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)
venv=${PEERS_VENV:-$root/build/peers-venv}
python=$venv/bin/python

has() { "$python" -c "import $1" 2>/dev/null; }

if [[ ! -x $python ]]; then
    python3 -m venv "$venv"
fi
if ! has "numpy, onnxruntime, openvino, ncnn"; then
    echo "run.sh: installing the peers into $venv" >&2
    "$python" -m pip install --quiet --disable-pip-version-check -r "$here/requirements.txt" >&2
fi
if [[ " $* " == *" --make "* || " $* " == *" --make="* ]]; then
    # Each is optional: make_models.py says what cannot be made without it.
    has "nncf, onnx, PIL" ||
        "$python" -m pip install --quiet --disable-pip-version-check -r "$here/requirements-make.txt" >&2 ||
        echo "run.sh: not all of requirements-make.txt could be installed" >&2
    # Without its dependency torch, which the program in the package does not need.
    [[ -n $(find "$venv" -path '*/pnnx/pnnx' -type f -print -quit) ]] ||
        "$python" -m pip install --quiet --disable-pip-version-check --no-deps pnnx >&2 ||
        echo "run.sh: pnnx could not be installed" >&2
fi
exec "$python" "$here/compare.py" "$@"
