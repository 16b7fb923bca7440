"""Cut patches: the right pixels, no leakage between blocks, nodata left out and counted, the cache used or refused."""

import logging
from pathlib import Path

import h5py
import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from common.errors import PatchFileError, ProductError, SettingError
from common.patches import cache as patches
from common.patches.cache import prepare_patch_files
from common.patches.file import PatchFile
from common.patches.sampling import block_windows, candidate_positions, extract_patches
from common.patches.settings import PatchSettings
from common.patches.split import SceneBlocks, choose_validation
from common.pixels import degrade
from common.pixels.sentinel2 import BANDS_BY_GSD, input_gsds
from common.pixels.windows import Window
from common.scenes.scene import Scene
from common.scenes.tile_list import open_scene
from tests.support.fake_safe import L2A_BANDS, expected_dn, with_nodata, write_safe

few = settings(max_examples=25, deadline=None)
SIZE = 400  # px at 10 m: 200 px at 20 m, two blocks a side
settings_20m = PatchSettings(20, 40)


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Scene:
    return open_scene(write_safe(tmp_path_factory.mktemp("l1c"), size=SIZE))


@pytest.fixture(scope="module")
def scene_60m(tmp_path_factory: pytest.TempPathFactory) -> Scene:
    """L2A of baseline 04.00 with 100 x 122 px at 60 m, of which 96 x 120 are used, room for two patches."""
    folder = tmp_path_factory.mktemp("l2a")
    return open_scene(write_safe(folder, level="L2A", baseline="04.00", size=(600, 732)))


def native(gsd: int, rows: int, cols: int) -> np.ndarray:
    """What `fake_safe` writes for all bands of a GSD, (rows, cols, bands) uint16."""
    return np.stack([expected_dn(band, rows, cols) for band in BANDS_BY_GSD[gsd]], axis=-1)


def check_content(arrays: dict[str, np.ndarray], rows: int, cols: int, settings: PatchSettings) -> None:
    """Patches of a default fake product of rows x cols px at the target's GSD hold what belongs at their positions."""
    factor, size = settings.scale_factor, settings.patch_px
    whole = {"target": native(settings.gsd, rows, cols)}
    used = [length - length % factor for length in (rows, cols)]
    for gsd in input_gsds(settings.gsd):
        step = settings.gsd // gsd
        image = native(gsd, rows * step, cols * step)[: used[0] * step, : used[1] * step]
        whole[f"input_{gsd}m"] = degrade.degrade_to_dn(image, factor, (1 / factor,) * image.shape[2])
    assert set(arrays) == {*whole, "row", "col", "block"}
    for name, image in whole.items():
        step = 1 if name == "target" else used[0] // image.shape[0]
        for patch, row, col in zip(arrays[name], arrays["row"] // step, arrays["col"] // step, strict=True):
            expected = image[row : row + size // step, col : col + size // step]
            np.testing.assert_array_equal(patch, expected, err_msg=name)
    for corner in (arrays["row"], arrays["col"]):
        assert not (corner % factor).any()


def test_content_at_20m(scene):
    arrays, left_out = extract_patches(scene, settings_20m)
    check_content(arrays, SIZE // 2, SIZE // 2, settings_20m)
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


def test_content_at_60m_in_l2a_after_baseline_4(scene_60m):
    arrays, _ = extract_patches(scene_60m, PatchSettings(60, 500))
    check_content(arrays, 100, 122, PatchSettings(60, 500))
    assert arrays["input_10m"].shape == (2, 96, 96, 4)
    assert arrays["input_20m"].shape == (2, 48, 48, 6)
    assert arrays["input_60m"].shape == (2, 16, 16, 2)
    assert arrays["target"].shape == (2, 96, 96, 2)
    assert sorted(arrays["col"]) == [0, 24]


@few
@given(
    st.sampled_from([20, 60]),
    st.sampled_from(["gaussian", "mtf"]),
    st.integers(32, 700),
    st.integers(32, 700),
    st.integers(1, 3000),
)
def test_blocks_and_positions(gsd, degradation, rows, cols, count):
    cut = PatchSettings(gsd, count, degradation)
    factor, size = cut.scale_factor, cut.patch_px
    rows, cols = rows - rows % factor, cols - cols % factor
    reach = max(degrade.blur_reach(sigma) for sigma in cut.sigmas(gsd))
    blocks = block_windows(rows, cols, cut)
    painted = np.zeros((rows, cols), int)
    for block in blocks:
        assert not any(number % factor for number in (block.row, block.col, block.height, block.width))
        painted[block.grown(reach, rows, cols).slices] += 1
    assert painted.max() == 1  # no pixel is in two blocks, or mixed into two by the blur
    positions = candidate_positions(rows, cols, cut)
    assert not (positions[:, :2] % factor).any()
    for row, col, number in positions:
        block = blocks[number]
        assert block.row <= row
        assert row + size <= block.row + block.height
        assert block.col <= col
        assert col + size <= block.col + block.width
    assert bool(len(positions)) == (min(rows, cols) >= size)
    assert len(np.unique(positions, axis=0)) == len(positions)


@few
@given(
    st.sampled_from([20, 60]), st.integers(96, 1500), st.integers(96, 1500), st.floats(0.05, 0.6), st.integers(0, 99)
)
def test_training_and_validation_share_no_pixel(gsd, rows, cols, fraction, seed):
    cut = PatchSettings(gsd, 100)
    rows, cols = rows - rows % cut.scale_factor, cols - cols % cut.scale_factor
    reach = degrade.blur_reach(1 / cut.scale_factor)
    positions = candidate_positions(rows, cols, cut)
    blocks = SceneBlocks("scene", (10, 50, 11, 51), tuple(np.unique(positions[:, 2]).tolist()))
    assume(len(blocks.blocks) > 1)
    held_out = choose_validation([blocks], fraction, np.random.default_rng(seed))["scene"]
    painted = {True: np.zeros((rows, cols), bool), False: np.zeros((rows, cols), bool)}
    for row, col, block in positions:
        footprint = Window(row, col, cut.patch_px, cut.patch_px).grown(reach, rows, cols)
        painted[block in held_out][footprint.slices] = True
    assert painted[True].any()
    assert painted[False].any()
    assert not (painted[True] & painted[False]).any()


@pytest.mark.parametrize("gsd", [20, 60])
def test_more_patches_than_places_make_the_lattice_denser(gsd):
    size = PatchSettings(gsd, 1).patch_px
    spacings = []
    for count in (1, 10_000):
        positions = candidate_positions(3 * size, 3 * size, PatchSettings(gsd, count))
        spacings.append(np.diff(np.unique(positions[:, 0])).max())
    assert spacings == [size // 2, size // 4]


def test_first_patches_of_a_bigger_draw_are_a_smaller_draw(scene):
    many, _ = extract_patches(scene, PatchSettings(20, 60))
    some, _ = extract_patches(scene, PatchSettings(20, 25))
    for name in some:
        np.testing.assert_array_equal(some[name], many[name][:25])


def test_fewer_places_than_asked_for_are_all_used_and_told(scene, tmp_path, caplog):
    caplog.set_level(logging.INFO)
    asked = PatchSettings(20, 5000)
    places = candidate_positions(SIZE // 2, SIZE // 2, asked)
    (file,) = prepare_patch_files((scene,), asked, tmp_path)
    found = sorted(zip(file.arrays["row"], file.arrays["col"], file.arrays["block"], strict=True))
    assert found == sorted(map(tuple, places))
    assert f"{len(places)} patches of 32 px at 20 m; 5000 were asked for, there is no place for more" in caplog.text


def left_out_by_hand(hole: Window, hole_gsd: int, gsd: int, size: int, cut: PatchSettings) -> np.ndarray:
    """Which places of a scene of size x size px see a hole given in pixels of its GSD: (N,) bool.

    A patch consists of whole coarse pixels, so it sees what lies in it and as far around as the blur reaches.
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


def test_patches_that_see_nodata_are_left_out_and_counted(tmp_path):
    hole = Window(96, 150, 12, 60)  # its upper edge lies two pixels of 20 m below a patch
    pixels = with_nodata(
        {
            band: expected_dn(band, 240 * 10 // gsd, 240 * 10 // gsd)
            for gsd, bands in BANDS_BY_GSD.items()
            for band in bands
        },
        hole.row,
        hole.col,
        hole.height,
        hole.width,
    )
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
def test_one_pixel_of_one_band_is_enough(tmp_path, band, gsd, value):
    pixels = {b: expected_dn(b, 2400 // g, 2400 // g) for g, bands in BANDS_BY_GSD.items() for b in bands}
    pixels[band][65, 51] = value
    holed = open_scene(write_safe(tmp_path, pixels=pixels))
    cut = PatchSettings(20, 500)
    arrays, left_out = extract_patches(holed, cut)
    seen = left_out_by_hand(Window(65, 51, 1, 1), gsd, 20, 120, cut)
    assert left_out == seen.sum() > 0
    places = candidate_positions(120, 120, cut)[~seen, :2]
    assert sorted(zip(arrays["row"], arrays["col"], strict=True)) == sorted(map(tuple, places))


@pytest.mark.parametrize(
    "size, gsd, message",
    [
        (60, 20, r"has 30 x 30 px at 20 m, too few for a patch of 32 px; take it out of the list"),
        (240, 60, r"has 36 x 36 px at 60 m, too few for a patch of 96 px; take it out of the list"),
        (24, 60, r"has 4 x 4 px at 60 m, fewer than 6; leave it out"),
    ],
)
def test_scene_too_small(tmp_path, size, gsd, message):
    with pytest.raises(ProductError, match=message):
        extract_patches(open_scene(write_safe(tmp_path, size=size)), PatchSettings(gsd, 5))


def test_nodata_only(tmp_path):
    pixels = {
        band: np.zeros_like(expected_dn(band, 1200 // gsd, 1200 // gsd))
        for gsd, bands in BANDS_BY_GSD.items()
        for band in bands
    }
    empty = open_scene(write_safe(tmp_path, size=120, pixels=pixels))
    with pytest.raises(ProductError, match="has no patch of 32 px without nodata at 20 m; take it out of the list"):
        extract_patches(empty, PatchSettings(20, 5))


def test_attributes(scene_60m, tmp_path):
    (file,) = prepare_patch_files((scene_60m,), PatchSettings(60, 3, seed=5), tmp_path)
    expected = {
        "schema_version": 1,
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
        "scene_px": file.attributes["scene_px"],
        "upper_left": "600000, 5300040",
        "radiometric_offsets": file.attributes["radiometric_offsets"],
    }
    assert "B05 -1000" in file.attributes["radiometric_offsets"]
    assert {name: file.attributes[name] for name in expected} == expected
    assert list(file.attributes["offsets"]) == [-1000] * 12
    assert set(file.attributes) == {*expected, "offsets", "created_utc", "code_revision", "command", "checksum"}
    assert file.path == tmp_path / f"{scene_60m.name}-60m.h5"


def test_a_product_of_the_same_name_and_another_size_is_refused(tmp_path):
    small, large = (open_scene(write_safe(tmp_path / str(size), size=size)) for size in (120, 240))
    assert small.name == large.name
    prepare_patch_files((small,), PatchSettings(20, 2), tmp_path)
    with pytest.raises(PatchFileError, match="was made with scene_px 60 x 60, this run wants 120 x 120; delete it"):
        prepare_patch_files((large,), PatchSettings(20, 2), tmp_path)


def test_l1c_before_baseline_4_has_no_offsets(scene, tmp_path):
    (file,) = prepare_patch_files((scene,), settings_20m, tmp_path)
    assert list(file.attributes["offsets"]) == [0] * 10
    assert (file.attributes["level"], file.attributes["bands_60m"]) == ("L1C", "")


def test_degradation_by_mtf_is_softer(scene):
    gaussian, _ = extract_patches(scene, PatchSettings(20, 5))
    mtf, _ = extract_patches(scene, PatchSettings(20, 5, "mtf"))
    assert len(mtf["row"]) == 5
    assert (mtf["input_10m"] != gaussian["input_10m"]).any()


def test_equal_seeds_give_equal_files(scene, tmp_path):
    def checksum(name: str, seed: int) -> str:
        (file,) = prepare_patch_files((scene,), PatchSettings(20, 10, seed=seed), tmp_path / name)
        return file.attributes["checksum"]

    assert checksum("a", 1) == checksum("b", 1) != checksum("c", 2)


def test_a_file_that_is_there_is_used_again(scene, tmp_path):
    (first,) = prepare_patch_files((scene,), settings_20m, tmp_path)
    written = first.path.stat()
    (second,) = prepare_patch_files((scene,), settings_20m, tmp_path)
    assert (second.path.stat().st_mtime_ns, second.path.stat().st_ino) == (written.st_mtime_ns, written.st_ino)
    assert second.attributes["checksum"] == first.attributes["checksum"]


@pytest.mark.parametrize(
    "other, difference",
    [
        (PatchSettings(20, 41), "patches_requested 40, this run wants 41"),
        (PatchSettings(20, 40, seed=1), "seed 0, this run wants 1"),
        (PatchSettings(20, 40, "mtf"), "degradation gaussian, this run wants mtf"),
    ],
)
def test_a_file_of_other_settings_is_refused(scene, tmp_path, other, difference):
    (file,) = prepare_patch_files((scene,), settings_20m, tmp_path)
    before = file.path.read_bytes()
    with pytest.raises(PatchFileError, match=f"was made with {difference}; delete it, or give another --patch-cache"):
        prepare_patch_files((scene,), other, tmp_path)
    assert file.path.read_bytes() == before


def test_a_damaged_file_is_refused_before_any_work(scene, scene_60m, tmp_path, monkeypatch):
    monkeypatch.setattr(patches, "make_patch_file", lambda *_: pytest.fail("patches were cut"))
    (tmp_path / f"{scene.name}-20m.h5").write_bytes(b"\x89HDF\r\n\x1a\n and no more")
    with pytest.raises(
        PatchFileError, match=r"cut short or damaged, .*; move it away and superres-train makes it again"
    ):
        prepare_patch_files((scene_60m, scene), settings_20m, tmp_path)


def test_an_unfinished_file_never_counts(scene, tmp_path, monkeypatch):
    def stop(*_args, **_kwargs):
        raise KeyboardInterrupt

    monkeypatch.setattr(h5py.AttributeManager, "update", stop)  # the arrays are written, the attributes are not
    with pytest.raises(KeyboardInterrupt):
        prepare_patch_files((scene,), settings_20m, tmp_path)
    assert list(tmp_path.iterdir()) == []
    monkeypatch.undo()
    killed = tmp_path / f".node.1.partial.{scene.name}-20m.h5"  # what a process that is killed leaves
    killed.write_bytes(b"half a file")
    (file,) = prepare_patch_files((scene,), settings_20m, tmp_path)
    assert len(PatchFile(file.path)) == 40
    assert killed.read_bytes() == b"half a file"


def test_no_patches_asked_for(scene, tmp_path):
    with pytest.raises(SettingError, match="--patches-per-tile must be at least 1; got 0"):
        prepare_patch_files((scene,), PatchSettings(20, 0), tmp_path)


def test_the_cache_cannot_be_made(scene, tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(PatchFileError, match=r"cannot make the patch cache .*; give another --patch-cache"):
        prepare_patch_files((scene,), settings_20m, Path(tmp_path / "file" / "cache"))


def test_l2a_bands_of_20m_are_the_native_ones(tmp_path):
    """L2A folders at 20 m also hold resampled 10 m bands, with other DN."""
    resampled = open_scene(write_safe(tmp_path, level="L2A", size=120, resampled=True))
    arrays, _ = extract_patches(resampled, PatchSettings(20, 3))
    check_content(arrays, 60, 60, PatchSettings(20, 3))
    assert set(resampled.band_paths) == set(L2A_BANDS)
