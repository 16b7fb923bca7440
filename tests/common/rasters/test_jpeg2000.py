"""JPEG 2000 files that are cut short are refused before they are decoded."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from common.errors import ProductError
from common.rasters.files import open_band
from common.rasters.jpeg2000 import require_complete_jpeg2000
from common.scenes.tile_list import open_scene
from tests.support.fake_layouts import tar_product
from tests.support.fake_safe import band_file, expected_dn


def test_jpeg2000_whose_end_was_never_written(product: Path) -> None:
    path = band_file(product, "B02")
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2] + bytes(len(content) - len(content) // 2))
    with pytest.raises(ProductError, match=r"_B02\.jp2 has no end marker of JPEG 2000"):
        open_band(open_scene(product), "B02")


@pytest.mark.parametrize(
    "content",
    [
        b"hello",
        b"\0\0\0\x0cjP  \r\n\x87\n",
        bytes(1000),
        b"\0\0\0\1jP  " + bytes(99),
        b"\0\0\0\1jp2c" + b"\xff" * 99,
    ],
)
def test_file_that_is_no_jpeg2000(product: Path, content: bytes) -> None:
    band_file(product, "B02").write_bytes(content)
    with pytest.raises(ProductError, match=r"is cut short at \d+ bytes or is no JPEG 2000 file"):
        open_band(open_scene(product), "B02")


@pytest.mark.parametrize("form", ["to the end of the file", "64 bit"])
def test_other_forms_of_the_codestream_box(product: Path, form: str) -> None:
    path = band_file(product, "B02")
    head, _, codestream = path.read_bytes().partition(b"jp2c")
    if form == "64 bit":
        box = (1).to_bytes(4, "big") + b"jp2c" + (len(codestream) + 16).to_bytes(8, "big")
    else:
        box = bytes(4) + b"jp2c"
    path.write_bytes(head[:-4] + box + codestream)
    np.testing.assert_array_equal(open_band(open_scene(product), "B02").ReadAsArray(), expected_dn("B02", 240, 240))
    path.write_bytes(head[:-4] + box + codestream[:-2])
    with pytest.raises(ProductError, match=r"is cut short|has no end marker of JPEG 2000"):
        open_band(open_scene(product), "B02")


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_jpeg2000_cut_anywhere(fake_product: Path, tmp_path: Path, data: st.DataObject) -> None:
    content = band_file(fake_product, "B02").read_bytes()
    path = tmp_path / "B02.jp2"
    path.write_bytes(content[: data.draw(st.integers(1, len(content) - 1))])
    with pytest.raises(ProductError, match=r"B02\.jp2 is cut short at \d+ bytes"):
        require_complete_jpeg2000(str(path), path.stat().st_size)


def test_file_in_a_tar(product: Path, tmp_path: Path) -> None:
    """A tar has no checksums, so that its JPEG 2000 files are checked like files in a folder."""
    scene = open_scene(tar_product(product, tmp_path / "a.tar"))
    np.testing.assert_array_equal(open_band(scene, "B02").ReadAsArray(), expected_dn("B02", 240, 240))
    path = band_file(product, "B02")
    path.write_bytes(path.read_bytes()[:-2] + bytes(2))
    scene = open_scene(tar_product(product, tmp_path / "b.tar"))
    with pytest.raises(ProductError, match=r"b\.tar has no end marker of JPEG 2000"):
        open_band(scene, "B02")
