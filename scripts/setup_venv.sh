#!/bin/sh
# Make .venv with Python 3.7 and the locked dependencies, or leave it alone if it is up to date.
#   scripts/setup_venv.sh LOCKFILE...
# Each lock file is installed with hashes checked; a copy of it inside .venv tells the next call that it is installed.
set -eu
cd "$(dirname "$0")/.."

# Run a command with its output held back; if it fails, say what failed and show the end of the output.
quietly() {
    what=$1
    shift
    output=$("$@" 2>&1) && return 0
    echo "error: $what failed:" >&2
    printf '%s\n' "$output" | tail -n 12 | sed 's|^|    |' >&2
    return 1
}

pip_install() {
    "$1" -m pip install --quiet --disable-pip-version-check --require-hashes --requirement "$2"
}

# TensorFlow 1.15 has wheels for Python 3.7 and older only. Candidates are judged by running them: a python3.7 on PATH
# may be a version manager's shim that fails.
is_python37() {
    "$1" -c \
        'import ensurepip, sys, venv; sys.exit(sys.implementation.name != "cpython" or sys.version_info[:2] != (3, 7))' \
        >/dev/null 2>&1
}

find_python37() {
    if [ -n "${PYTHON37:-}" ]; then
        if is_python37 "$PYTHON37"; then echo "$PYTHON37"; return 0; fi
        echo "error: \$PYTHON37 is set to '$PYTHON37', which does not run as Python 3.7 with venv and ensurepip" >&2
        return 1
    fi
    conda_base=${CONDA_EXE:+$(dirname "$(dirname "$CONDA_EXE")")}
    for candidate in python3.7 \
        "${PYENV_ROOT:-$HOME/.pyenv}"/versions/3.7*/bin/python \
        "${CONDA_PREFIX:-/nonexistent}/bin/python" \
        "${conda_base:-/nonexistent}/bin/python" "${conda_base:-/nonexistent}"/envs/*/bin/python \
        "$HOME"/miniconda3/envs/*/bin/python "$HOME"/anaconda3/envs/*/bin/python \
        "$HOME"/miniforge3/envs/*/bin/python "$HOME"/.conda/envs/*/bin/python /opt/conda/envs/*/bin/python \
        python3 python; do
        if is_python37 "$candidate"; then echo "$candidate"; return 0; fi
    done
    if command -v uv >/dev/null 2>&1; then
        candidate=$(uv python find 3.7 2>/dev/null) ||
            { uv python install 3.7 >&2 && candidate=$(uv python find 3.7); } || candidate=
        if [ -n "$candidate" ] && is_python37 "$candidate"; then echo "$candidate"; return 0; fi
    fi
    cat >&2 <<'MESSAGE'
error: no working Python 3.7 found, and TensorFlow 1.15 needs one. Three ways to get it, then run make again:
  uv:     pip install uv==0.5.0                    (make lets uv download Python 3.7; newer uv no longer offers it)
  pyenv:  pyenv install 3.7                        (builds it from source)
  conda:  conda create -n py37 python=3.7          (found in conda's envs)
If you have one elsewhere: make PYTHON37=/path/to/python3.7 ...
MESSAGE
    return 1
}

if [ -e .venv ] && [ ! -e .venv/.avb_tf1 ]; then
    echo "error: .venv exists and was not made by this script; move it away first" >&2
    exit 1
fi
if ! is_python37 .venv/bin/python || ! .venv/bin/python -m pip --version >/dev/null 2>&1; then
    python37=$(find_python37) || exit 1
    echo "Creating .venv with $("$python37" --version) ($python37)"
    rm -rf .venv
    mkdir .venv
    touch .venv/.avb_tf1
    "$python37" -m venv .venv
fi
for lock in "$@"; do
    if ! cmp -s "$lock" ".venv/.installed-$lock"; then
        echo "Installing $lock into .venv"
        quietly "installing $lock" pip_install .venv/bin/python "$lock" || exit 1
        cp "$lock" ".venv/.installed-$lock"
    fi
done
