#!/bin/sh
# Make .venv with Python 3.7 and the locked dependencies, or leave it alone if it is up to date.
#   scripts/setup_venv.sh LOCKFILE...
# Each lock file is installed with hashes checked; a copy of it inside .venv tells the next call that it is installed.
# If there is no Python 3.7, one is fetched into .python37 first. On a processor that TensorFlow 1.15 has no wheel for nothing is.
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

# Leave nothing in a folder but our mark, which stays throughout: what a kill leaves behind is still known as ours.
make_empty() {
    mkdir -p "$1"
    touch "$1/.avb_tf1"
    find "$1/" -mindepth 1 -maxdepth 1 ! -name .avb_tf1 -exec rm -rf {} +
}

# TensorFlow 1.15 has wheels for Python 3.7 and older only. Candidates are judged by running them: a python3.7 on PATH
# may be a version manager's shim that fails.
is_python37() {
    "$1" -c \
        'import ensurepip, sys, venv; sys.exit(sys.implementation.name != "cpython" or sys.version_info[:2] != (3, 7))' \
        >/dev/null 2>&1
}

# Set $python37.
find_python37() {
    if [ -n "${PYTHON37:-}" ]; then
        python37=$PYTHON37
        if is_python37 "$python37"; then return 0; fi
        echo "error: \$PYTHON37 is set to '$PYTHON37', which does not run as Python 3.7 with venv and ensurepip" >&2
        return 1
    fi
    conda_base=${CONDA_EXE:+$(dirname "$(dirname "$CONDA_EXE")")}
    for python37 in python3.7 \
        "${PYENV_ROOT:-$HOME/.pyenv}"/versions/3.7*/bin/python \
        "${CONDA_PREFIX:-/nonexistent}/bin/python" \
        "${conda_base:-/nonexistent}/bin/python" "${conda_base:-/nonexistent}"/envs/*/bin/python \
        "$HOME"/miniconda3/envs/*/bin/python "$HOME"/anaconda3/envs/*/bin/python \
        "$HOME"/miniforge3/envs/*/bin/python "$HOME"/.conda/envs/*/bin/python /opt/conda/envs/*/bin/python \
        python3 python .python37/python/cpython-3.7*/bin/python; do
        if is_python37 "$python37"; then return 0; fi
    done
    if command -v uv >/dev/null 2>&1; then
        python37=$(uv python find 3.7 2>/dev/null) || {
            echo "Asking $(command -v uv) for Python 3.7"
            uv python install 3.7 >/dev/null 2>&1 && python37=$(uv python find 3.7)
        } || python37=
        if [ -n "$python37" ] && is_python37 "$python37"; then return 0; fi
    fi
    fetch_python37
}

# A uv of our own, pinned, since newer ones no longer offer Python 3.7. What a kill left half-made is made anew.
fetch_python37() {
    echo "No Python 3.7 found: fetching uv, and with it one, into .python37"
    make_empty .python37
    none="no working Python 3.7 found, and"
    if quietly "$none python3 -m venv" python3 -m venv .python37/uv &&
        quietly "$none installing uv" pip_install .python37/uv/bin/python requirements-uv.lock &&
        quietly "$none uv's download of one" \
            env UV_PYTHON_INSTALL_DIR="$PWD/.python37/python" .python37/uv/bin/uv python install 3.7; then
        python37=$(echo .python37/python/cpython-3.7*/bin/python)
        if quietly "$none running the fetched one" "$python37" -c "import ensurepip, venv"; then return 0; fi
    fi
    cat >&2 <<'MESSAGE'
TensorFlow 1.15 needs Python 3.7. Ways to get it, then run make again:
  make:   fetches it, given internet and a python3 (3.8.4 or later) with venv (on Debian: apt-get install python3-venv)
  pyenv:  pyenv install 3.7                        (builds it from source)
  conda:  conda create -n py37 python=3.7          (found in conda's envs)
If you have one elsewhere: make PYTHON37=/path/to/python3.7 ...
MESSAGE
    return 1
}

machine=$(uname -m)
case $machine in
    x86_64 | amd64) ;;
    *)
        way="use an x86-64 machine"
        # Its wheels need AVX, which Rosetta had none of for years.
        if [ "$(uname -s)" = Darwin ]; then way="$way; Rosetta (arch -x86_64 make ...) is untried, and may lack AVX"; fi
        echo "error: TensorFlow 1.15 was built for x86-64 processors only, and this one is $machine: $way" >&2
        exit 1
        ;;
esac
for folder in .venv .python37; do
    if [ -n "$(ls -A "$folder" 2>/dev/null)" ] && [ ! -e "$folder/.avb_tf1" ]; then
        echo "error: $folder exists and was not made by this script; move it away first" >&2
        exit 1
    fi
done
if ! is_python37 .venv/bin/python || ! .venv/bin/python -m pip --version >/dev/null 2>&1; then
    find_python37 || exit 1
    echo "Creating .venv with $("$python37" --version) ($python37)"
    make_empty .venv
    "$python37" -m venv .venv
fi
# So that a script anywhere can import the package with .venv/bin/python.
echo "$PWD" > "$(.venv/bin/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')/avb_tf1.pth"
for lock in "$@"; do
    if ! cmp -s "$lock" ".venv/.installed-$lock"; then
        echo "Installing $lock into .venv"
        quietly "installing $lock" pip_install .venv/bin/python "$lock" || exit 1
        cp "$lock" ".venv/.installed-$lock"
    fi
done
