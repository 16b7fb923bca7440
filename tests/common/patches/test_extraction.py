"""Cutting the patches of a scene: the right pixels, nodata left out and counted, attributes."""

from pathlib import Path

import numpy as np
import pytest

from common.errors import ProductError
from common.patches.degraded_scene import degrade_scene
from common.patches.extraction import extract_patches, images_of, make_patch_file
from common.patches.file import PatchFile
from common.patches.sampling import candidate_positions
from common.patches.settings import PatchSettings
from common.pixels import degrade
from common.pixels.sentinel2 import input_gsds
from common.pixels.windows import Window
from common.scenes.scene import Scene
from common.scenes.tile_list import open_scene
from tests.support.fake_safe import L2A_BANDS, with_nodata, write_safe
from tests.support.patches import native_dn, safe_pixels

SETTINGS_20M = PatchSettings(20, 40)


def check_content(arrays: dict[str, np.ndarray], rows: int, cols: int, settings: PatchSettings) -> None:
    """Check the patches of a default fake product of rows x cols px at the target's GSD against its known pixels."""
    factor, size = settings.scale_factor, settings.patch_px
    whole = {"target": native_dn(settings.gsd, rows, cols)}
    used = [length - length % factor for length in (rows, cols)]
    for gsd in input_gsds(settings.gsd):
        step = settings.gsd // gsd
        image = native_dn(gsd, rows * step, cols * step)[: used[0] * step, : used[1] * step]
        whole[f"input_{gsd}m"] = degrade.degrade_to_dn(image, factor, (1 / factor,) * image.shape[2])
    assert set(arrays) == {*whole, "row", "col", "block"}
    for name, image in whole.items():
        step = 1 if name == "target" else used[0] // image.shape[0]
        for patch, row, col in zip(arrays[name], arrays["row"] // step, arrays["col"] // step, strict=True):
            expected = image[row : row + size // step, col : col + size // step]
            np.testing.assert_array_equal(patch, expected, err_msg=name)
    for corner in (arrays["row"], arrays["col"]):
        assert not (corner % factor).any()


def test_content_at_20m(scene: Scene) -> None:
    arrays, left_out = extract_patches(scene, SETTINGS_20M)
    check_content(arrays, 200, 200, SETTINGS_20M)
    assert left_out == 0
    shapes = {name: (array.shape[1:], str(array.dtype)) for name, array in arrays.items()}
    assert shapes == {
        "input_10m": ((32, 32, 4), "uint16"),
        "input_20m": ((16, 16, 6), "uint16"),
        "target": ((32, 32, 6), "uint16"),
        "row": ((), "int32"),
        "col": ((), "int32"),
        "block": ((), "int16"),
    }
    assert {len(array) for array in arrays.values()} == {40}
    assert len(set(zip(arrays["row"].tolist(), arrays["col"].tolist(), strict=True))) == 40


def test_content_at_60m_in_l2a_after_baseline_4(scene_60m: Scene) -> None:
    arrays, _ = extract_patches(scene_60m, PatchSettings(60, 500))
    check_content(arrays, 100, 122, PatchSettings(60, 500))
    assert arrays["input_10m"].shape == (2, 96, 96, 4)
    assert arrays["input_20m"].shape == (2, 48, 48, 6)
    assert arrays["input_60m"].shape == (2, 16, 16, 2)
    assert arrays["target"].shape == (2, 96, 96, 2)
    assert sorted(arrays["col"]) == [0, 24]


@pytest.mark.parametrize("gsd", [10, 20, 60])
def test_content_for_a_joint_network(gsd: int, scene_60m: Scene) -> None:
    """Each patch is a part of the degraded scene, with whole pixels of all inputs. Only at 60 m all targets are known."""
    settings = PatchSettings(gsd, 6, joint=True)
    arrays, _ = extract_patches(scene_60m, settings)
    degraded = degrade_scene(scene_60m, settings)
    images = degraded.inputs | ({"target": degraded.target} if gsd == 60 else {})
    assert set(arrays) == {*images, "row", "col", "block"} == {*images_of(settings), "row", "col", "block"}
    for name, image in images.items():
        step = degraded.valid.shape[0] // image.shape[0]
        assert not (arrays["row"] % step).any() and not (arrays["col"] % step).any()
        for patch, row, col in zip(arrays[name], arrays["row"] // step, arrays["col"] // step, strict=True):
            np.testing.assert_array_equal(patch, image[row : row + 48 // step, col : col + 48 // step], err_msg=name)


def test_first_patches_of_a_bigger_draw_are_a_smaller_draw(scene: Scene) -> None:
    many, _ = extract_patches(scene, PatchSettings(20, 60))
    some, _ = extract_patches(scene, PatchSettings(20, 25))
    for name in some:
        np.testing.assert_array_equal(some[name], many[name][:25])


def left_out_by_hand(hole: Window, hole_gsd: int, gsd: int, size: int, cut: PatchSettings) -> np.ndarray:
    """Return which positions in a scene of size x size px see a hole, given in pixels of its own GSD: (N,) bool.

    A patch consists of whole coarse pixels. It sees its own pixels, and as many around them as the blur reaches.
    """
    reach = degrade.blur_reach(1 / cut.scale_factor)
    step = gsd // hole_gsd
    seen = []
    for row, col, _ in candidate_positions(size, size, cut):
        top, left, side = row * step - reach, col * step - reach, cut.patch_px * step + 2 * reach
        seen.append(
            top < hole.row + hole.height
            and hole.row < top + side
            and left < hole.col + hole.width
            and hole.col < left + side
        )
    return np.array(seen)


def test_patches_that_see_nodata_are_left_out_and_counted(tmp_path: Path) -> None:
    hole = Window(96, 150, 12, 60)  # its upper edge lies two pixels of 20 m below a patch
    pixels = with_nodata(safe_pixels(240), hole.row, hole.col, hole.height, hole.width)
    holed = open_scene(write_safe(tmp_path, pixels=pixels))
    cut = PatchSettings(20, 500)
    arrays, left_out = extract_patches(holed, cut)
    seen = left_out_by_hand(hole.coarsened(2), 20, 20, 120, cut)
    assert 0 < left_out < len(seen)
    assert left_out == seen.sum()
    assert len(arrays["row"]) == len(seen) - left_out
    for name in ("input_10m", "input_20m", "target"):
        assert arrays[name].min() >= 1000


@pytest.mark.parametrize("band, gsd", [("B02", 10), ("B12", 20)])
@pytest.mark.parametrize("value", [0, 65535])
def test_one_invalid_pixel_of_one_band_leaves_a_position_out(tmp_path: Path, band: str, gsd: int, value: int) -> None:
    pixels = safe_pixels(240)
    pixels[band][65, 51] = value
    holed = open_scene(write_safe(tmp_path, pixels=pixels))
    cut = PatchSettings(20, 500)
    arrays, left_out = extract_patches(holed, cut)
    seen = left_out_by_hand(Window(65, 51, 1, 1), gsd, 20, 120, cut)
    assert left_out == seen.sum() > 0
    positions = candidate_positions(120, 120, cut)[~seen, :2]
    assert sorted(zip(arrays["row"], arrays["col"], strict=True)) == sorted(map(tuple, positions))


@pytest.mark.parametrize(
    "size, gsd, message",
    [
        (60, 20, r"has 30 x 30 px at 20 m, too few for a patch of 32 px; take it out of the list"),
        (240, 60, r"has 36 x 36 px at 60 m, too few for a patch of 96 px; take it out of the list"),
        (24, 60, r"has 4 x 4 px at 60 m, fewer than 6; leave it out"),
    ],
)
def test_a_scene_too_small_for_a_patch_is_an_error(tmp_path: Path, size: int, gsd: int, message: str) -> None:
    with pytest.raises(ProductError, match=message):
        extract_patches(open_scene(write_safe(tmp_path, size=size)), PatchSettings(gsd, 5))


def test_a_scene_without_valid_pixels_is_an_error(tmp_path: Path) -> None:
    pixels = {band: np.zeros_like(dn) for band, dn in safe_pixels(120).items()}
    empty = open_scene(write_safe(tmp_path, size=120, pixels=pixels))
    with pytest.raises(ProductError, match="has no patch of 32 px without nodata at 20 m; take it out of the list"):
        extract_patches(empty, PatchSettings(20, 5))


def test_attributes_of_a_patch_file(scene_60m: Scene, tmp_path: Path) -> None:
    make_patch_file(scene_60m, PatchSettings(60, 3, seed=5), tmp_path / "patches.h5")
    file = PatchFile(tmp_path / "patches.h5")
    expected = {
        "schema_version": 2,
        "complete": True,
        "seed": 5,
        "scene": scene_60m.name,
        "level": "L2A",
        "baseline": "04.00",
        "scale_factor": 6,
        "degradation": "gaussian",
        "quantification_value": 10000,
        "nodata": 0,
        "bands_10m": "B02,B03,B04,B08",
        "bands_20m": "B05,B06,B07,B8A,B11,B12",
        "bands_60m": "B01,B09",
        "patches_requested": 3,
        "patches_with_nodata": 0,
        "patch_px": 96,
        "scene_px": "100 x 122",
        "upper_left": "600000, 5300040",
        "radiometric_offsets": file.attributes["radiometric_offsets"],
    }
    assert "B05 -1000" in file.attributes["radiometric_offsets"]
    assert {name: file.attributes[name] for name in expected} == expected
    assert list(file.attributes["offsets"]) == [-1000] * 12
    assert set(file.attributes) == {
        *expected,
        "offsets",
        "created_utc",
        "code_revision",
        "command",
        "checksum",
        "source_files",
        "seal",
    }


def test_l1c_before_baseline_4_has_no_offsets(scene: Scene, tmp_path: Path) -> None:
    make_patch_file(scene, SETTINGS_20M, tmp_path / "patches.h5")
    file = PatchFile(tmp_path / "patches.h5")
    assert list(file.attributes["offsets"]) == [0] * 10
    assert (file.attributes["level"], file.attributes["bands_60m"]) == ("L1C", "")


def test_degradation_by_mtf_is_softer(scene: Scene) -> None:
    gaussian, _ = extract_patches(scene, PatchSettings(20, 5))
    mtf, _ = extract_patches(scene, PatchSettings(20, 5, "mtf"))
    assert len(mtf["row"]) == 5
    assert (mtf["input_10m"] != gaussian["input_10m"]).any()


def test_l2a_bands_of_20m_are_the_native_ones(tmp_path: Path) -> None:
    """L2A folders at 20 m also hold resampled 10 m bands, with other DN."""
    resampled = open_scene(write_safe(tmp_path, level="L2A", size=120, resampled=True))
    arrays, _ = extract_patches(resampled, PatchSettings(20, 3))
    check_content(arrays, 60, 60, PatchSettings(20, 3))
    assert set(resampled.band_paths) == set(L2A_BANDS)
