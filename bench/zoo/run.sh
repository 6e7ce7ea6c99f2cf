#!/usr/bin/env bash
# Measures octet on a folder of networks beside ONNX Runtime INT8: bench/zoo/run.sh [ARGUMENT of compare.py…]
#
# Uses the peers' virtual environment, build/peers-venv or $PEERS_VENV, made by bench/peers/run.sh, or makes it.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
venv=${PEERS_VENV:-$here/../../build/peers-venv}
python=$venv/bin/python
[[ -x $python ]] || python3 -m venv "$venv"
"$python" -c "import numpy, onnxruntime, PIL" 2>/dev/null ||
    "$python" -m pip install --quiet --disable-pip-version-check -r "$here/requirements.txt" >&2
exec "$python" "$here/compare.py" "$@"
