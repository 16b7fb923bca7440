"""Zips and tars of every kind hold the same files; harmful, damaged and unfinished ones are refused in one line."""

import io
import struct
import tarfile
import zipfile
from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from osgeo import gdal

from common.errors import ProductError
from common.files.archives import open_archive, refuse_unfinished

gdal.UseExceptions()

LONG = "a" * 90 + "/" + "b" * 90 + ".xml"  # longer than the 100 characters of a name in the first tar format
FILES = {"top.txt": b"one", LONG: b"two" * 1000}


def write_zip(path: Path, files: Mapping[str, bytes], method: int = zipfile.ZIP_STORED) -> Path:
    with zipfile.ZipFile(path, "w", method) as archive:
        for name, content in files.items():
            member = zipfile.ZipInfo()
            member.filename, member.compress_type = name, method  # the constructor would change backslashes
            archive.writestr(member, content)
    return path


def write_tar(path: Path, files: Mapping[str, bytes], tar_format: int = tarfile.PAX_FORMAT) -> Path:
    with tarfile.open(path, "w", format=tar_format) as archive:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return path


def contents(path: Path) -> dict[str, bytes]:
    """The files as Python and as GDAL read them; both must agree."""
    with open_archive(path) as archive:
        found = {name: archive.read_metadata(name) for name in archive.members}
        for name, content in found.items():
            file = gdal.VSIFOpenL(archive.gdal_path(name), "rb")
            assert bytes(gdal.VSIFReadL(1, len(content) + 1, file)) == content
            gdal.VSIFCloseL(file)
    return found


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_zip(tmp_path: Path, method: int) -> None:
    assert contents(write_zip(tmp_path / "a.zip", FILES, method)) == FILES


def test_names_of_windows_and_of_the_current_folder(tmp_path: Path) -> None:
    windows = {name.replace("/", "\\"): content for name, content in FILES.items()} | {"folder\\": b""}
    assert contents(write_zip(tmp_path / "a.zip", windows)) == FILES
    assert contents(write_zip(tmp_path / "b.zip", {f"./{name}": text for name, text in FILES.items()})) == FILES


@pytest.mark.parametrize("tar_format", [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
@pytest.mark.parametrize("prefix", ["", "./"])
def test_tar(tmp_path: Path, tar_format: int, prefix: str) -> None:
    """GDAL 3.6 does not know the long names of the pax format, so that its paths must do without names."""
    path = write_tar(tmp_path / "a.tar", {prefix + name: content for name, content in FILES.items()}, tar_format)
    assert contents(path) == FILES


def test_tar_that_ends_with_a_zip_is_a_tar(tmp_path: Path) -> None:
    inner = write_zip(tmp_path / "inner.zip", FILES).read_bytes()
    assert contents(write_tar(tmp_path / "a.tar", {"inner.zip": inner})) == {"inner.zip": inner}


@pytest.mark.parametrize("name", ["../evil", "a/../../evil", "/etc/evil", "..\\evil", "C:\\evil", "\\evil"])
@pytest.mark.parametrize("write", [write_zip, write_tar])
def test_name_that_leads_out(tmp_path: Path, name: str, write) -> None:
    with pytest.raises(ProductError, match=r"evil.* outside the product folder; do not use"):
        contents(write(tmp_path / "a", {name: b""}))


@pytest.mark.parametrize("name", ["a\nb", "\udce9", "\x1b[2J"])
def test_name_that_cannot_be_printed(tmp_path: Path, name: str) -> None:
    with pytest.raises(ProductError, match=r"holds '.*', a name that cannot be printed; unpack it") as raised:
        contents(write_tar(tmp_path / "a.tar", {name: b""}))
    assert str(raised.value).isprintable()


def test_two_files_of_one_name(tmp_path: Path) -> None:
    path = write_zip(tmp_path / "a.zip", {"a/b": b"1", "a\\b": b"2", "c": b"3"})
    with pytest.raises(ProductError, match=r"a\.zip holds a/b twice; unpack it"):
        contents(path)


def test_methods_that_gdal_does_not_read(tmp_path: Path) -> None:
    path = write_zip(tmp_path / "a.zip", FILES, zipfile.ZIP_BZIP2)
    with pytest.raises(
        ProductError, match=r"top\.txt, compressed by method 12 of zip; expected none or deflate: unpack"
    ):
        contents(path)
    with tarfile.open(tmp_path / "a.tar.gz", "w:gz") as archive:
        archive.addfile(tarfile.TarInfo("a"))
    with pytest.raises(ProductError, match=r"a\.tar\.gz is compressed by gzip: .* unpack it, and give the folder\."):
        contents(tmp_path / "a.tar.gz")


def test_link_in_a_tar(tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "a.tar", "w") as archive:
        link = tarfile.TarInfo("link")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        archive.addfile(link)
    with pytest.raises(ProductError, match="holds link as a link or with holes, not as plain bytes; unpack it"):
        contents(tmp_path / "a.tar")


def test_metadata_that_expand_without_end(tmp_path: Path) -> None:
    path = write_zip(tmp_path / "a.zip", {"a.xml": bytes(2**24 + 1)}, zipfile.ZIP_DEFLATED)
    assert path.stat().st_size < 2**16
    with pytest.raises(ProductError, match=r"a\.xml of .*a\.zip is larger than 16 MiB; real metadata are not"):
        contents(path)


@pytest.mark.parametrize("name", ["X.SAFE.zip.part", "X.zip.crdownload", "X.SAFE.incomplete", "X.zip.PARTIAL"])
def test_downloads_that_are_not_finished(tmp_path: Path, name: str) -> None:
    """Their end may be there before their middle, so that they may look complete."""
    path = write_zip(tmp_path / name, FILES)
    with pytest.raises(ProductError, match=r"is a download that is not finished, as its ending \.\w+ says; finish it"):
        contents(path)
    refuse_unfinished(tmp_path / "part")


def test_no_file(tmp_path: Path) -> None:
    with pytest.raises(ProductError, match="is no file and no folder"):
        contents(tmp_path / "none")


@pytest.fixture(scope="module")
def archives(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """A zip, a zip of Windows and a tar of small files."""
    folder = tmp_path_factory.mktemp("archives")
    files = {"X.SAFE/a.xml": b"<a/>", "X.SAFE/GRANULE/b/c.jp2": b"pixels"}
    windows = {name.replace("/", "\\"): content for name, content in files.items()}
    return {
        "zip": write_zip(folder / "a", files, zipfile.ZIP_DEFLATED).read_bytes(),
        "windows": write_zip(folder / "b", windows).read_bytes(),
        "tar": write_tar(folder / "c", files).read_bytes()[: 6 * 512],
    }


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    kind=st.sampled_from(["zip", "windows", "tar"]), changes=st.lists(st.tuples(st.integers(0), st.binary(max_size=8)))
)
@example(kind="zip", changes=[(14, struct.pack("<I", 1))])
def test_damaged_archives(archives: dict[str, bytes], tmp_path: Path, kind: str, changes: list) -> None:
    """Any change of bytes leaves an archive that reads, or one ProductError."""
    content = bytearray(archives[kind])
    for place, new in changes:
        place %= len(content)
        content[place : place + len(new)] = new
    (tmp_path / "archive").write_bytes(content)
    try:
        with open_archive(tmp_path / "archive") as archive:
            for name in archive.members:
                archive.read_metadata(name)
    except ProductError as error:
        assert "\n" not in str(error)
