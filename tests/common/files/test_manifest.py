"""The checksums in `manifest.safe`, as ESA writes it in all baselines."""

import hashlib
import logging
import os
from pathlib import Path

import pytest

from common.errors import ProductError
from common.files.manifest import Entry, find_entry
from tests.support.manifests import write_manifest

IMAGE = "GRANULE/a/IMG_DATA/R10m/b.jp2"


@pytest.fixture
def image(tmp_path: Path) -> Path:
    """An image in the deepest folder of a product."""
    path = tmp_path / IMAGE
    path.parent.mkdir(parents=True)
    path.write_bytes(b"pixels")
    return path


def test_entry_of_an_image(image: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_manifest(tmp_path)
    expected = Entry(6, "MD5", hashlib.md5(b"pixels").hexdigest())
    assert find_entry(image) == expected
    monkeypatch.chdir(tmp_path)
    assert find_entry(Path(IMAGE)) == expected


def test_digests_are_in_lower_case(image: Path, tmp_path: Path) -> None:
    write_manifest(tmp_path, "SHA3-256")
    assert find_entry(image) == Entry(6, "SHA3-256", hashlib.sha3_256(b"pixels").hexdigest())


def test_a_changed_manifest_is_read_again(image: Path, tmp_path: Path) -> None:
    manifest = write_manifest(tmp_path)
    find_entry(image)
    image.write_bytes(b"others")
    write_manifest(tmp_path)
    os.utime(manifest, ns=(1, 1))
    assert find_entry(image).digest == hashlib.md5(b"others").hexdigest()


@pytest.mark.parametrize("form", ["no manifest", "another file", "no checksum"])
def test_a_file_without_an_entry(image: Path, tmp_path: Path, form: str, caplog: pytest.LogCaptureFixture) -> None:
    if form != "no manifest":
        manifest = write_manifest(tmp_path)
        old, new = ("b.jp2", "c.jp2") if form == "another file" else ("checksum", "other")
        manifest.write_text(manifest.read_text().replace(old, new))
    assert find_entry(image) is None
    assert not caplog.text


@pytest.mark.parametrize(
    "content", ["", "<XFDU", "<html></html>", '<a><byteStream size="many"><fileLocation/></byteStream></a>']
)
def test_a_damaged_manifest_says_so_at_most(
    image: Path, tmp_path: Path, content: str, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "manifest.safe").write_text(content)
    caplog.set_level(logging.WARNING)
    assert find_entry(image) is None
    assert find_entry(image) is None
    assert len(caplog.records) == (content in ("", "<XFDU"))
    assert "the files of the product are not compared with it" in caplog.text or not caplog.records


def test_a_manifest_that_is_a_link_to_nowhere_is_not_taken_for_missing(image: Path, tmp_path: Path) -> None:
    (tmp_path / "manifest.safe").symlink_to("gone")
    with pytest.raises(
        ProductError, match=r"manifest\.safe is a link to \S+/gone, which does not exist; correct the link\.$"
    ):
        find_entry(image)
    write_manifest(tmp_path)  # through the link
    assert (tmp_path / "gone").is_file()
    assert find_entry(image)


@pytest.mark.real_data
@pytest.mark.parametrize(
    ("product", "name", "algorithm"),
    [
        ("esa_S2B_MSIL2A_20210122T133229_N0214_R081_T22HBD_20210122T155500.SAFE", "MTD_MSIL2A.xml", "MD5"),
        ("S2A_MSIL1C_20210908T042701_N0301_R133_T46RER_20210908T070248.SAFE", "MTD_MSIL1C.xml", "SHA3-256"),
        ("l1c_N0510_metadata_only", "MTD_MSIL1C.xml", "SHA3-256"),
    ],
)
def test_real_manifests_agree_with_their_product_xml(real_data: Path, product: str, name: str, algorithm: str) -> None:
    path = real_data / "safe_metadata" / product / name
    entry = find_entry(path)
    digest = {"MD5": hashlib.md5, "SHA3-256": hashlib.sha3_256}[algorithm](path.read_bytes()).hexdigest()
    assert entry == Entry(path.stat().st_size, algorithm, digest)
