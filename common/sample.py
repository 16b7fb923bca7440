"""The small real sample: six Sentinel-2 patches of BigEarthNet (1.2 km each) and their Sentinel-1 partners.

    python common/sample.py    fetches it and prints its folder

The folder gets `BigEarthNet-S2`, `BigEarthNet-S1`, and the lists `train.txt` and `test.txt` for super-resolution.
"""

import argparse
import logging
import shutil
import sys
import tarfile
import tempfile
import zipfile
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from common.errors import DownloadError
from common.files.atomic import write_text
from common.files.downloads import SAMPLE, cache_folder, fetch_wheel
from common.runs import cli

logger = logging.getLogger(__name__)

ARCHIVES = {
    "BigEarthNet-S2": "bigearthnet_common/BigEarthNet-S2-Example.tar.bz2",
    "BigEarthNet-S1": "bigearthnet_common/BigEarthNet-S1-Example.tar.bz2",
}
# From an acquisition and a tile of which nothing else is in the sample.
HELD_OUT = "S2A_MSIL2A_20170613T101031_87_48"


def build_parser() -> argparse.ArgumentParser:
    """The command's options."""
    return cli.new_parser("Fetch the small real sample and print its folder.", "python common/sample.py")


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit code."""
    return cli.run_command(lambda arguments: print(fetch_sample()), build_parser(), argv)


def fetch_sample() -> Path:
    """The sample's folder in the cache, made where it is not there yet.

    Raises:
        DownloadError: it cannot be had.
    """
    folder = cache_folder() / "sample"
    if not folder.exists():
        wheel = fetch_wheel(SAMPLE)
        with tempfile.TemporaryDirectory(dir=folder.parent) as temporary:
            unpack(wheel, Path(temporary) / "sample")
            with suppress(OSError):  # another process was faster; what it made is checked as well
                (Path(temporary) / "sample").replace(folder)
    missing = [name for name in (*ARCHIVES, "train.txt", "test.txt") if not (folder / name).exists()]
    if missing:
        raise DownloadError(f"{folder} lacks {', '.join(missing)}; delete it and it is made again.")
    return folder


def unpack(wheel: Path, folder: Path) -> None:
    """Unpack both archives of the wheel, and write the lists."""
    with zipfile.ZipFile(wheel) as archive:
        for name, member in ARCHIVES.items():
            with archive.open(member) as stream, tarfile.open(fileobj=stream, mode="r:bz2") as tar:
                unpack_patches(tar, folder / name)
    names = sorted(path.name for path in (folder / "BigEarthNet-S2").iterdir())
    if HELD_OUT not in names:
        raise DownloadError(f"{wheel.name} lacks the patch {HELD_OUT}; delete it and try again.")
    write_text(folder / "train.txt", "".join(f"BigEarthNet-S2/{name}\n" for name in names if name != HELD_OUT))
    write_text(folder / "test.txt", f"BigEarthNet-S2/{HELD_OUT}\n")


def unpack_patches(tar: tarfile.TarFile, folder: Path) -> None:
    """Write the files of a tar as <folder>/<patch>/<file>, whatever folders they lie in there."""
    for member in tar:
        if member.isfile():
            target = folder.joinpath(*Path(member.name).parts[-2:])
            target.parent.mkdir(parents=True, exist_ok=True)
            with open(target, "wb") as file:
                shutil.copyfileobj(tar.extractfile(member), file)


if __name__ == "__main__":
    sys.exit(main())
