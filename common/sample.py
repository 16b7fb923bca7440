"""The small real sample: six Sentinel-2 patches of BigEarthNet (1.2 km each) and their Sentinel-1 partners.

    python common/sample.py    fetches the sample and prints its folder

The folder holds `BigEarthNet-S2`, `BigEarthNet-S1`, and the tile lists `train.txt` and `test.txt` for super-resolution.
"""

import argparse
import logging
import shutil
import sys
import tarfile
import zipfile
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from common.errors import DownloadError
from common.files.archives import name_inside
from common.files.atomic import make_folder, move_into_place, temporary_folder, whole_file, write_text
from common.files.downloads import SAMPLE, cache_folder, fetch_wheel
from common.runs import cli

logger = logging.getLogger(__name__)

ARCHIVES = {
    "BigEarthNet-S2": "bigearthnet_common/BigEarthNet-S2-Example.tar.bz2",
    "BigEarthNet-S1": "bigearthnet_common/BigEarthNet-S1-Example.tar.bz2",
}
# The patch for testing: the sample holds no other patch of its acquisition or its tile.
HELD_OUT = "S2A_MSIL2A_20170613T101031_87_48"


def build_parser() -> argparse.ArgumentParser:
    """Return the parser of the command."""
    return cli.new_parser("Fetch the small real sample and print its folder.", "python common/sample.py")


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code."""
    return cli.run_command(lambda arguments: print(fetch_sample()), build_parser(), argv)


def fetch_sample() -> Path:
    """Return the folder of the sample in the cache; download and unpack it if it is not there.

    Raises:
        DownloadError: the sample cannot be downloaded, or lacks a file.
    """
    folder = cache_folder() / "sample"
    if not folder.exists():
        wheel = fetch_wheel(SAMPLE)
        with temporary_folder(folder) as temporary:
            unpack(wheel, Path(temporary) / "sample")
            with suppress(OSError):  # another process was faster; the check below covers its folder too
                move_into_place(Path(temporary) / "sample", folder)
    missing = [name for name in (*ARCHIVES, "train.txt", "test.txt") if not (folder / name).exists()]
    if missing:
        raise DownloadError(f"{folder} lacks {', '.join(missing)}; rename this folder and run the command again.")
    return folder


def unpack(wheel: Path, folder: Path) -> None:
    """Unpack both archives of the wheel, and write the tile lists."""
    with zipfile.ZipFile(wheel) as archive:
        for name, member in ARCHIVES.items():
            with archive.open(member) as stream, tarfile.open(fileobj=stream, mode="r:bz2") as tar:
                unpack_patches(tar, folder / name)
    names = sorted(path.name for path in (folder / "BigEarthNet-S2").iterdir())
    if HELD_OUT not in names:
        raise DownloadError(f"{wheel.name} lacks the patch {HELD_OUT}; report this.")
    write_text(folder / "train.txt", "".join(f"BigEarthNet-S2/{name}\n" for name in names if name != HELD_OUT))
    write_text(folder / "test.txt", f"BigEarthNet-S2/{HELD_OUT}\n")


def unpack_patches(tar: tarfile.TarFile, folder: Path) -> None:
    """Write the files of a tar as <folder>/<patch>/<file>. Only the last two parts of their names count.

    Raises:
        ProductError: a name leads out of the tar.
    """
    for member in tar:
        if member.isfile():
            target = folder.joinpath(*Path(name_inside(Path(folder.name), member.name)).parts[-2:])
            make_folder(target.parent)
            with whole_file(target) as temporary, open(temporary, "wb") as file:
                shutil.copyfileobj(tar.extractfile(member), file)


if __name__ == "__main__":
    sys.exit(main())
