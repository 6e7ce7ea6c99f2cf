#!/usr/bin/env bash
# Measures yolop-run on a folder beside a script with OpenVINO and OpenCV: bench/peers/end_to_end.sh [ARGUMENT of
# end_to_end.py…]
#
# Installs both from the package index into the virtual environment of bench/peers/run.sh, build/peers-venv or $PEERS_VENV,
# the first time. What is printed, and how it is measured: bench/peers/end_to_end.py --help.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)
venv=${PEERS_VENV:-$root/build/peers-venv}
python=$venv/bin/python

if [[ ! -x $python ]]; then
    python3 -m venv "$venv"
fi
if ! "$python" -c "import numpy, openvino, cv2" 2>/dev/null; then
    echo "end_to_end.sh: installing OpenVINO and OpenCV into $venv" >&2
    "$python" -m pip install --quiet --disable-pip-version-check -r "$here/requirements-end-to-end.txt" >&2
fi
exec "$python" "$here/end_to_end.py" "$@"
