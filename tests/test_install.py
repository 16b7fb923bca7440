"""Parts of `install.sh`. `make test` runs the whole script."""

import shutil
import subprocess
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parent.parent


def test_the_fingerprint_needs_neither_gdal_config_nor_mpirun(tmp_path: Path) -> None:
    """`./install.sh --mpi4py` works without them; a command that is missing must not end the script."""
    for name in ("cat", "head", "sha256sum"):
        (tmp_path / name).symlink_to(shutil.which(name))
    text = (REPOSITORY / "install.sh").read_text().replace('cd "$(dirname "$0")"', "").replace('main "$@"', "")
    for joined_by in ("openmpi", "system"):
        lines = f"{text}\nPATH={tmp_path} PYTHON=: JOINED_BY={joined_by}\nfingerprint\necho done"
        done = subprocess.run(["bash", "-c", lines], cwd=REPOSITORY, text=True, capture_output=True)
        assert done.returncode == 0, done.stderr
        assert len(done.stdout.split()[0]) == 64 and done.stdout.endswith("done\n")
