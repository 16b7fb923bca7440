"""Parts of `install.sh`. `make test` runs the whole script."""

import shutil
import subprocess
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parent.parent


def run_lines(lines: str, folder: Path) -> subprocess.CompletedProcess:
    """Run lines of bash after the functions of the script."""
    text = (REPOSITORY / "install.sh").read_text().replace('cd "$(dirname "$0")"', "").replace('main "$@"', "")
    return subprocess.run(["bash", "-c", f"{text}\n{lines}"], cwd=folder, text=True, capture_output=True)


def test_the_fingerprint_needs_neither_gdal_config_nor_mpirun(tmp_path: Path) -> None:
    """`./install.sh --mpi4py` works without them; a command that is missing must not end the script."""
    for name in ("cat", "head", "sha256sum"):
        (tmp_path / name).symlink_to(shutil.which(name))
    for joined_by in ("openmpi", "system"):
        done = run_lines(f"PATH={tmp_path} PYTHON=: JOINED_BY={joined_by}\nfingerprint\necho done", REPOSITORY)
        assert done.returncode == 0, done.stderr
        assert len(done.stdout.split()[0]) == 64 and done.stdout.endswith("done\n")


def test_a_failed_build_of_horovod_shows_its_output(tmp_path: Path) -> None:
    """`pip` stands in for one that finds the source, and whose compiler then fails."""
    source = tmp_path / "horovod-0.28.1" / "horovod"
    for name in (
        "tensorflow/xla_mpi_ops.cc",
        "../third_party/flatbuffers/include/flatbuffers/stl_emulation.h",
        "../setup.py",
    ):
        (source / name).parent.mkdir(parents=True, exist_ok=True)
        (source / name).write_text("\n")
    pip = tmp_path / ".venv" / "bin" / "pip"
    pip.parent.mkdir(parents=True)
    pip.write_text(
        '#!/usr/bin/env bash\n[ "$1" = wheel ] && { echo no member of std; exit 1; }\n'
        'while [ "$1" != -d ]; do shift; done; tar -czf "$2/horovod-0.28.1.tar.gz" horovod-0.28.1\n'
    )
    pip.chmod(0o755)
    done = run_lines(f"WHEELS={tmp_path}/wheels\nbuild_wheel key build_horovod", tmp_path)
    assert done.returncode == 1
    assert done.stderr.splitlines()[-2:] == [
        "no member of std",
        f"install: the build failed; its full output is in {tmp_path}/wheels/failed-build.log",
    ]
