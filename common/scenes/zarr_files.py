"""The files of a Zarr product, format 2 or 3, given as its folder or its zip: JSON and names of chunks; no pixels.

Each group and each array has JSON files of its own: `.zattrs`, `.zgroup` and `.zarray` in format 2, `zarr.json` in
format 3. They are read one by one, so that a product needs no consolidated metadata. JSON is plain text, so that no
Zarr package is needed.
"""

import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple

from common.errors import ProductError, some_of
from common.files.archives import Archive, open_archive, read_metadata_file
from common.files.limits import parse_json
from common.files.read_errors import describe_failed_read, describe_missing

_ROOT_FILES = {".zgroup": 2, "zarr.json": 3}  # file of the root group -> Zarr format
_CHUNK = re.compile(r"(?:c[./])?(\d{1,9})[./](\d{1,9})")
DOWNLOAD_AGAIN = "download the product again"


class ArrayInfo(NamedTuple):
    """The metadata of an array.

    Attributes:
        shape: pixels of each axis.
        chunks: pixels of a chunk along each axis.
        dtype: such as `<u2` in format 2 or `uint16` in format 3.
        fill_value: value of missing chunks as stored in JSON; None if there is none.
        is_sharded: each stored chunk holds smaller chunks.
        attributes: what the producer wrote about the array.
    """

    shape: tuple[int, ...]
    chunks: tuple[int, ...]
    dtype: str
    fill_value: Any
    is_sharded: bool
    attributes: Mapping[str, Any]

    @property
    def chunk_counts(self) -> tuple[int, ...]:
        """Number of chunks along each axis."""
        return tuple(-(-size // chunk) for size, chunk in zip(self.shape, self.chunks, strict=True))


@dataclass(frozen=True)
class ZarrFiles:
    """The files of one Zarr product. Names are relative to the product, with `/`.

    Attributes:
        path: folder or zip that was opened.
        folder_name: name of the product folder; of the zip if the zip holds no folder.
        gdal_prefix: GDAL opens this text followed by a name.
        zarr_format: 2 or 3.
        read: name -> content of the file; None if there is no such file.
        list_names: folder -> names of all files in it, relative to that folder; ProductError if one cannot be read.
    """

    path: Path
    folder_name: str
    gdal_prefix: str
    zarr_format: int
    read: Callable[[str], bytes | None]
    list_names: Callable[[str], Iterator[str]]

    def attributes(self, group: str = "") -> Mapping[str, Any]:
        """Return the attributes of a group; empty if there are none.

        Raises:
            ProductError: the JSON file is damaged or larger than 16 MiB.
        """
        if self.zarr_format == 2:
            return as_mapping(self._json(_join(group, ".zattrs")))
        return as_mapping(self._json(_join(group, "zarr.json")).get("attributes"))

    def array(self, name: str) -> ArrayInfo | None:
        """Return the metadata of an array; None if there is no such array.

        Raises:
            ProductError: its JSON files are damaged, or its axes have no positive sizes.
        """
        if self.zarr_format == 2:
            metadata = self._json(_join(name, ".zarray"))
            attributes = self.attributes(name)
            chunks, dtype, is_sharded = metadata.get("chunks"), metadata.get("dtype"), False
        else:
            metadata = self._json(_join(name, "zarr.json"))
            attributes = as_mapping(metadata.get("attributes"))
            chunks = as_mapping(as_mapping(metadata.get("chunk_grid")).get("configuration")).get("chunk_shape")
            dtype, is_sharded = metadata.get("data_type"), "sharding" in str(metadata.get("codecs"))
        if not metadata:
            return None
        sizes = _sizes(metadata.get("shape")), _sizes(chunks)
        if not all(sizes) or len(sizes[0]) != len(sizes[1]):
            raise ProductError(
                f"{self.path}: array {name} has the shape {shown(metadata.get('shape'))} in chunks of "
                f"{shown(chunks)}; expected positive sizes: {DOWNLOAD_AGAIN}."
            )
        return ArrayInfo(*sizes, str(dtype), metadata.get("fill_value"), is_sharded, attributes)

    def count_missing_chunks(self, name: str, info: ArrayInfo) -> int:
        """Return how many chunks of an array with two axes are not stored.

        Raises:
            ProductError: the system refuses to read a chunk; readers would take it for one that is not stored.
        """
        rows, cols = info.chunk_counts
        present = {(int(match[1]), int(match[2])) for match in map(_CHUNK.fullmatch, self.list_names(name)) if match}
        return rows * cols - sum(row < rows and col < cols for row, col in present)

    def _json(self, name: str) -> Mapping[str, Any]:
        """Return the JSON object in a file; empty if there is no such file."""
        content = self.read(name)
        if content is None:
            return {}
        try:
            metadata = parse_json(content)
        except ValueError as error:
            raise ProductError(f"{name} of {self.path} is no readable JSON ({error}); {DOWNLOAD_AGAIN}.") from error
        if not isinstance(metadata, dict):
            raise ProductError(f"{name} of {self.path} holds no JSON object; {DOWNLOAD_AGAIN}.")
        return metadata


def is_zarr(path: Path) -> bool:
    """Return whether a path is a Zarr product: a folder or zip with the file of a root group, or a name in `.zarr`."""
    if path.name.endswith((".zarr", ".zarr.zip")):
        return True
    if path.is_dir():
        return any((path / name).is_file() for name in _ROOT_FILES)
    try:
        with open_archive(path) as archive:
            return bool(_find_roots(archive.members))
    except ProductError:
        return False


def zarr_around(path: Path) -> Path:
    """Return the Zarr product that a path leads into, its outermost group; the path itself if there is none."""
    groups = [folder for folder in path.resolve().parents if any((folder / name).is_file() for name in _ROOT_FILES)]
    return groups[-1] if groups else path


@contextmanager
def open_zarr(path: Path) -> Iterator[ZarrFiles]:
    """Find the files of a Zarr product, and keep its zip open in the `with` block.

    Raises:
        ProductError: path is no folder and no complete zip, or holds no Zarr group or several.
    """
    if path.is_dir():
        yield _folder_files(path)
        return
    with open_archive(path) as archive:
        yield _zip_files(archive)


def as_mapping(value: Any) -> Mapping[str, Any]:
    """Return a JSON object as it is, and an empty mapping for anything else."""
    return value if isinstance(value, dict) else {}


def shown(value: Any) -> str:
    """Return a JSON value as a message shows it, in at most 60 characters."""
    text = str(value)
    return text if len(text) <= 60 else f"{text[:60]}..."


def _folder_files(path: Path) -> ZarrFiles:
    zarr_format = next((number for name, number in _ROOT_FILES.items() if os.path.lexists(path / name)), None)
    if zarr_format is None:
        raise ProductError(f"{path} has no .zgroup and no zarr.json; give the .zarr folder itself, or its .zarr.zip.")

    def read(name: str) -> bytes | None:
        file = path / name
        if not os.path.islink(file) and not file.is_file():
            return None
        try:
            return read_metadata_file(file)
        except OSError as error:
            raise ProductError(f"{file} {describe_failed_read(error)}.") from error

    def refuse(error: OSError) -> None:
        raise ProductError(f"{error.filename} {describe_failed_read(error)}.") from error

    def list_names(folder: str) -> Iterator[str]:
        for parent, _, names in os.walk(path / folder, onerror=refuse):
            for file in (Path(parent, name) for name in names):
                if not os.access(file, os.R_OK, effective_ids=True):  # GDAL would read it as nodata without a word
                    broken_link = describe_missing(file, "")
                    reason = (
                        f"{broken_link}; correct the link" if broken_link else "cannot be read; check its permissions"
                    )
                    raise ProductError(f"{file} {reason}.")
                yield file.relative_to(path / folder).as_posix()

    return ZarrFiles(path, path.resolve().name, f"{path}/", zarr_format, read, list_names)


def _zip_files(archive: Archive) -> ZarrFiles:
    path = archive.path
    if archive.is_tar:
        raise ProductError(
            f"{path} is a tar of a Zarr product, which cannot be read in place; unpack it, and give the folder."
        )
    roots = _find_roots(archive.members)
    if not roots:
        raise ProductError(f"{path} has no .zgroup and no zarr.json; give the .zarr.zip of a product.")
    if len(roots) > 1:
        raise ProductError(
            f"{path} holds {len(roots)} Zarr products ({some_of(roots)}); unpack it, and give one of them."
        )
    prefix, _, root_file = roots[0].rpartition("/")
    prefix = f"{prefix}/" if prefix else ""
    zarr_format = _ROOT_FILES[root_file]
    if zarr_format == 3 and archive.members[roots[0]].filename != roots[0]:  # zarr-python looks for names with `/`
        raise ProductError(
            f"{path} holds names such as {archive.members[roots[0]].filename}; unpack it, and give the folder."
        )

    def read(name: str) -> bytes | None:
        return archive.read_metadata(prefix + name) if prefix + name in archive.members else None

    def list_names(folder: str) -> Iterator[str]:
        start = f"{prefix}{folder}/"
        return (name.removeprefix(start) for name in archive.members if name.startswith(start))

    return ZarrFiles(
        path=path,
        folder_name=PurePosixPath(prefix).name or path.name.removesuffix(".zip"),
        gdal_prefix=archive.gdal_path(prefix),
        zarr_format=zarr_format,
        read=read,
        list_names=list_names,
    )


def _find_roots(names: Iterable[str]) -> list[str]:
    """Return the files of root groups: those in the fewest folders."""
    groups = [name for name in names if PurePosixPath(name).name in _ROOT_FILES]
    fewest = min((name.count("/") for name in groups), default=0)
    return sorted(name for name in groups if name.count("/") == fewest)


def _join(folder: str, name: str) -> str:
    return f"{folder}/{name}" if folder else name


def _sizes(value: Any) -> tuple[int, ...]:
    """Return a JSON list of positive whole numbers; empty if the value is no such list."""
    is_list = isinstance(value, list) and all(type(size) is int and size > 0 for size in value)
    return tuple(value) if is_list else ()
