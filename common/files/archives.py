"""The files in a zip or a tar, read without unpacking. Their names have `/`, whatever system made the archive.

Pixels are read at random. An archive in which GDAL would have to decompress all bytes before them is refused.
"""

import re
import tarfile
import zipfile
import zlib
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO

from common.errors import ProductError, S2Error
from common.files.first_bytes import describe_content
from common.files.limits import MAX_METADATA_BYTES, read_regular_file
from common.files.read_errors import describe_refusal

_GDAL_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
_ENCRYPTED = 1  # bit in the flags of a file in a zip
# Some programs write the parts of a file in any order: such a file may have the end record of a zip, and holes.
_UNFINISHED = re.compile(r".*\.(part|partial|incomplete|crdownload|download|aria2|tmp)", re.IGNORECASE)
# Errors of zipfile and tarfile on damaged files. RuntimeError: encrypted; ValueError: an impossible offset or name.
_READ_ERRORS = (OSError, EOFError, RuntimeError, ValueError, zipfile.BadZipFile, tarfile.TarError, zlib.error)

Member = zipfile.ZipInfo | tarfile.TarInfo


@dataclass(frozen=True)
class Archive:
    """An open zip or tar.

    Attributes:
        path: of the archive.
        members: name with `/` -> the file as zipfile or tarfile know it; no folders.
        open_member: opens one of the members.
        is_tar: whether it is a tar.
    """

    path: Path
    members: Mapping[str, Member]
    open_member: Callable[[Member], IO[bytes]]
    is_tar: bool

    def read_metadata(self, name: str) -> bytes:
        """Return the content of a small file.

        Raises:
            ProductError: the file is damaged, or larger than 16 MiB.
        """
        with _as_product_error(f"{name} of {self.path}"), self.open_member(self.members[name]) as file:
            content = file.read(MAX_METADATA_BYTES + 1)
        if len(content) > MAX_METADATA_BYTES:
            raise ProductError(
                f"{name} of {self.path} is larger than {MAX_METADATA_BYTES // 2**20} MiB; real metadata are not: do not use "
                f"this product."
            )
        return content

    def gdal_path(self, name: str) -> str:
        """Return the path by which GDAL opens a file; in a zip, also a folder.

        A file in a tar is given by its place, because GDAL 3.6 does not know the long names of the pax format.
        """
        member = self.members.get(name)
        if isinstance(member, tarfile.TarInfo):
            return f"/vsisubfile/{member.offset_data}_{member.size},{self.path}"
        return f"/vsizip/{{{self.path}}}/{name}"


@contextmanager
def open_archive(path: Path) -> Iterator[Archive]:
    """Open a zip or a tar in the `with` block.

    Raises:
        ProductError: path is no zip and no tar, or is not whole; or it holds a name that leads out of it, two files of one
            name, or a file that GDAL cannot read in place.
    """
    refuse_unfinished(path)
    if not path.is_file():
        raise ProductError(f"{path} is no file and no folder; give a product.")
    is_tar = _is_tar(path)
    if not is_tar and not zipfile.is_zipfile(path):
        raise ProductError(f"{path} {describe_content(path)}.")
    with ExitStack() as stack:
        with _as_product_error(path):
            if is_tar:
                tar = stack.enter_context(tarfile.open(path, "r:"))
                files = [(_tar_name(path, member), member) for member in tar if not member.isdir()]
                archive = Archive(path, _by_name(path, files), tar.extractfile, is_tar=True)
            else:
                zipped = stack.enter_context(zipfile.ZipFile(path))
                files = [(_zip_name(path, item), item) for item in zipped.infolist() if not _is_folder(item)]
                archive = Archive(path, _by_name(path, files), zipped.open, is_tar=False)
        yield archive


def read_metadata_file(path: Path) -> bytes:
    """Return the content of a small file in a product folder.

    Raises:
        OSError: the system refuses to read it.
        ProductError: it is no regular file, or has more than 16 MiB, as no real one has.
    """
    try:
        return read_regular_file(path)
    except ValueError as error:
        raise ProductError(f"{path} cannot be read as metadata ({error}); do not use this product.") from error


def refuse_unfinished(path: Path) -> None:
    """Raise ProductError if the name of a file or folder says that its download is not finished."""
    if _UNFINISHED.fullmatch(path.name):
        raise ProductError(
            f"{path} is a download that is not finished, as its ending {path.suffix} says; finish it, or download it again."
        )


def _is_tar(path: Path) -> bool:
    """Return whether a file is an uncompressed tar. A tar that holds a zip may look like a zip, so ask this first."""
    try:
        with path.open("rb") as file:
            return file.read(262).endswith(b"ustar")
    except OSError:
        return False


def _is_folder(item: zipfile.ZipInfo) -> bool:
    return item.filename.endswith(("/", "\\"))


def _zip_name(path: Path, item: zipfile.ZipInfo) -> str:
    """Return the name of a file in a zip with `/`."""
    name = name_inside(path, item.filename)
    if item.flag_bits & _ENCRYPTED:
        raise ProductError(f"{path} is encrypted; unpack it with its password, and give the folder.")
    if item.compress_type not in _GDAL_METHODS:
        raise ProductError(
            f"{path} holds {name}, compressed by method {item.compress_type} of zip; expected none or deflate: "
            f"unpack it, and give the folder."
        )
    return name


def _tar_name(path: Path, member: tarfile.TarInfo) -> str:
    """Return the name of a file in a tar."""
    name = name_inside(path, member.name)
    if not member.isfile() or member.issparse():
        raise ProductError(
            f"{path} holds {name} as a link or with holes, not as plain bytes; unpack it, and give the folder."
        )
    return name


def name_inside(path: Path, name: str) -> str:
    """Return a name with `/`. Raise ProductError if it leads out of the archive: names in harmful archives do."""
    if not name.isprintable():
        raise ProductError(f"{path} holds {name!r}, a name that cannot be printed; unpack it, and give the folder.")
    inside = re.sub(r"^(\./+)+", "", name.replace("\\", "/"))
    if inside.startswith("/") or re.match("[A-Za-z]:", inside) or ".." in PurePosixPath(inside).parts:
        raise ProductError(f"{path} holds {name!r}, a name outside the product folder; do not use this archive.")
    return inside


def _by_name(path: Path, files: list[tuple[str, Member]]) -> dict[str, Member]:
    """Return name -> file. Raise ProductError if two files have one name: readers differ in which of them they take."""
    members = dict(files)
    if len(members) < len(files):
        ((twice, _),) = Counter(name for name, _ in files).most_common(1)
        raise ProductError(f"{path} holds {twice} twice; unpack it, and give the folder.")
    return members


@contextmanager
def _as_product_error(source: Path | str) -> Iterator[None]:
    """Turn the errors of damaged archives into one ProductError."""
    try:
        yield
    except S2Error:
        raise
    except _READ_ERRORS as error:
        text = "".join(filter(str.isprintable, str(error)))
        reason = describe_refusal(error) or f"cannot be read ({text}); download it again"
        raise ProductError(f"{source} {reason}.") from error
