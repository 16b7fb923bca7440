"""Predictions of a scene: windows equal the whole scene, regions are exact, holes stay and change nothing around them."""

import weakref
from collections.abc import Mapping
from functools import cache
from itertools import islice
from pathlib import Path

import keras
import numpy as np
import pytest

from common.pixels.degrade import degrade, gaussian_blur_sigmas
from common.pixels.radiometry import dn_to_scaled_reflectance
from common.pixels.sentinel2 import BANDS_BY_GSD, JOINT, Gsd, input_gsds, sharpened_bands
from common.pixels.windows import Window
from common.rasters.bands import read_bands
from common.scenes.reflectance import band_offsets
from common.scenes.scene import Scene
from common.scenes.tile_list import open_scene
from superres.networks.build import build_network
from superres.networks.catalogue import NETWORKS
from superres.networks.margin import margin_px
from superres.networks.units import DN_DIVISOR
from superres.prediction.ranks import RankGroup
from superres.prediction.result import result_dn
from superres.prediction.scene import ScenePrediction
from superres.prediction.sharpening import Sharpener
from superres.prediction.strip import Strip
from superres.prediction.windows import compile_model
from tests.support.calibrations import made_calibration
from tests.support.checks import set_random_weights
from tests.support.fake_safe import textured_pixels, with_nodata, write_safe
from tests.support.tiny_training import tiny_joint_network, tiny_network

SIZE = 120
WHOLE = Window(0, 0, SIZE, SIZE)
REACH = tiny_network().reach
compiled = cache(compile_model)  # once for each model of this module


@pytest.fixture(scope="module")
def models() -> dict[int, keras.Model]:
    """A network for each GSD, with random weights for which far pixels matter."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(NETWORKS, "tiny", tiny_network())
        models = {gsd: build_network("tiny", gsd) for gsd in (20, 60)}
    for model in models.values():
        set_random_weights(model)
        model.get_layer("block01_conv2").kernel.assign(10 * model.get_layer("block01_conv2").kernel)
        last = model.get_layer("last")
        last.kernel.assign(0.02 * last.kernel)
        last.bias.assign(0 * last.bias)
    return models


@pytest.fixture(autouse=True)
def tiny(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(NETWORKS, "tiny", tiny_network())


def scene_of(folder: Path, pixels: Mapping[str, np.ndarray], **options: object) -> Scene:
    return open_scene(write_safe(folder, size=SIZE, pixels=pixels, **options))


@pytest.fixture(scope="module")
def pixels() -> dict[str, np.ndarray]:
    return textured_pixels(np.random.default_rng(5), SIZE)


@pytest.fixture(scope="module")
def scene(pixels, tmp_path_factory) -> Scene:
    return scene_of(tmp_path_factory.mktemp("scene"), pixels)


ALL_BANDS = (*BANDS_BY_GSD[10], *BANDS_BY_GSD[20], *BANDS_BY_GSD[60])


def sharpened(scene: Scene, models: dict[int, keras.Model], region: Window = WHOLE, **options: object) -> np.ndarray:
    """Sharpen a region: (rows, cols, bands) uint16 DN."""
    return np.concatenate(list(prediction(scene, models, region, **options).strips()))


def prediction(
    scene: Scene, models: dict[int, keras.Model], region: Window = WHOLE, calibrated: bool = False, **options: object
) -> ScenePrediction:
    sharpeners = [
        Sharpener(
            scene, gsd, margin_px("tiny", gsd), compiled(model), {gsd: made_calibration(gsd, ())} if calibrated else {}
        )
        for gsd, model in models.items()
    ]
    return ScenePrediction(scene, sharpeners, region, **options)


def at_once(scene: Scene, model: keras.Model, gsd: Gsd) -> np.ndarray:
    """Predict the whole scene at once, with the plainest code: float DN."""
    inputs = {
        f"input_{g}m": dn_to_scaled_reflectance(
            read_bands(scene, BANDS_BY_GSD[g]), scene.quantification, band_offsets(scene, BANDS_BY_GSD[g])
        )[None]
        / DN_DIVISOR
        for g in input_gsds(gsd)
    }
    return np.asarray(model(inputs))[0] * DN_DIVISOR - band_offsets(scene, sharpened_bands(gsd))


@pytest.mark.parametrize("options", [{"window_px": 42}, {"window_px": 48, "consistent": True}])
def test_a_joint_network_sharpens_all_bands_in_one_pass(
    scene: Scene, options: dict, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Windows give the result of the whole scene. Corrected bands, degraded, are the bands of the product, for both GSDs."""
    monkeypatch.setitem(NETWORKS, "joint", tiny_joint_network())
    model = build_network("joint", JOINT)
    set_random_weights(model, spread=0.05)
    sharpener = Sharpener(scene, JOINT, margin_px("joint", JOINT), compiled(model))
    whole = ScenePrediction(scene, [sharpener], WHOLE, **options)
    assert whole.bands == sharpened_bands(JOINT)
    stored = np.concatenate(list(whole.strips()))
    if not whole.correction:
        check_stored(stored, at_once(scene, model, JOINT))
    else:
        assert all(after.max() < 0.1 * before.max() for before, after in whole.correction.residuals().values())
    fewer = ScenePrediction(scene, [sharpener], Window(13, 7, 50, 60), ("B01", "B05"), **options)
    check_same(np.concatenate(list(fewer.strips())), stored[13:63, 7:67][..., [6, 0]])


def check_stored(stored: np.ndarray, exact: np.ndarray) -> None:
    """Check that `stored` is `exact`, rounded, up to errors of 1e-3 DN."""
    assert stored.dtype == np.uint16
    assert np.abs(stored - exact.clip(1, 65534)).max() <= 0.501


def check_same(stored: np.ndarray, expected: np.ndarray) -> None:
    """Check that both are equal, except for a few values close to a half, which may be rounded up or down."""
    assert np.abs(stored.astype(int) - expected).max() <= 1
    assert np.mean(stored != expected) < 0.002


@pytest.mark.parametrize("window_px", [12, 42, 600])
@pytest.mark.parametrize("gsd", [20, 60])
def test_windows_equal_the_whole_scene(scene, models, gsd, window_px):
    exact = at_once(scene, models[gsd], gsd)
    check_stored(sharpened(scene, {gsd: models[gsd]}, window_px=window_px), exact)


def test_values_before_rounding(scene, models):
    """Windows differ from the whole scene by less than 1e-3 DN."""
    whole_scene = prediction(scene, models, window_px=36)
    for gsd, model in models.items():
        strips = [whole_scene._predict_strip(read, lambda: None) for read in whole_scene._read_own_columns()]
        estimate = np.concatenate([strip.estimates[gsd] for strip in strips])
        np.testing.assert_allclose(estimate, at_once(scene, model, gsd), atol=1e-3)


@pytest.mark.parametrize(
    "region", [Window(0, 0, 6, 6), Window(7, 13, 61, 50), Window(59, 61, 61, 59), Window(113, 114, 7, 6)]
)
def test_regions_are_cut_from_the_whole(scene, models, region):
    whole = sharpened(scene, models)
    part = sharpened(scene, models, region, window_px=30)
    check_same(part, whole[region.slices])


def test_both_gsds_and_the_10m_bands(scene, models):
    whole_scene = prediction(scene, models, bands=ALL_BANDS, window_px=48)
    assert whole_scene.bands == ALL_BANDS
    advances = []
    stored = np.concatenate(list(whole_scene.strips(lambda: advances.append(None))))
    np.testing.assert_array_equal(stored[..., :4], read_bands(scene, BANDS_BY_GSD[10]))
    np.testing.assert_array_equal(stored[..., 4:10], sharpened(scene, {20: models[20]}, window_px=48))
    np.testing.assert_array_equal(stored[..., 10:], sharpened(scene, {60: models[60]}, window_px=48))
    assert len(advances) == whole_scene.window_count == 2 * 9


@pytest.mark.parametrize("consistent", [False, True])
def test_bands_that_are_chosen_equal_those_of_all(scene, models, consistent):
    """Networks that are not needed are absent, and change nothing."""
    bands = ("B11", "B02", "B05")
    every = sharpened(scene, models, window_px=48, bands=ALL_BANDS, consistent=consistent)
    some = sharpened(scene, {20: models[20]}, window_px=48, bands=bands, consistent=consistent)
    check_same(some, every[..., [ALL_BANDS.index(band) for band in bands]])


@pytest.mark.parametrize("consistent", [False, True])
def test_no_strip_is_kept_while_the_next_one_is_predicted(scene, models, consistent, monkeypatch):
    """The arrays of a strip of a full tile have 600 MB. The correction copies the rows that it needs again."""
    whole = prediction(scene, models, calibrated=True, consistent=consistent, window_px=96)
    predict_strip, predict_dn, made = whole._predict_strip, whole._predict_dn, []

    def remember(*images: np.ndarray) -> None:
        made.extend(map(weakref.ref, images))

    def predict_strip_after_all_are_freed(*arguments: object, **options: object) -> Strip:
        assert [reference() for reference in made if reference() is not None] == []
        strip = predict_strip(*arguments, **options)
        remember(*strip.estimates.values(), *strip.errors.values())
        return strip

    def predict_dn_after_all_are_freed(*arguments: object, **options: object) -> tuple[Window, np.ndarray]:
        assert [reference() for reference in made if reference() is not None] == []
        window, dn = predict_dn(*arguments, **options)
        remember(dn)
        return window, dn

    def remembered_dn(*arguments: object) -> np.ndarray:
        dn = result_dn(*arguments)
        remember(dn)
        return dn

    monkeypatch.setattr(whole, "_predict_strip", predict_strip_after_all_are_freed)
    monkeypatch.setattr(whole, "_predict_dn", predict_dn_after_all_are_freed)
    monkeypatch.setattr("superres.prediction.scene.result_dn", remembered_dn)
    for strip in whole.strips():
        del strip
    assert len(made) == 2 * (4 + 1 if consistent else 1)  # two strips with two GSDs


@pytest.mark.parametrize("consistent", [False, True])
def test_inputs_that_end_too_early_are_an_error(scene, models, consistent, monkeypatch):
    """They must not end the prediction as if it was complete."""
    whole = prediction(scene, models, consistent=consistent, window_px=96)
    all_inputs = whole._inputs
    monkeypatch.setattr(whole, "_inputs", lambda read: islice(all_inputs(read), 3))  # of two networks for two windows
    with pytest.raises(ValueError, match="not enough values to unpack"):
        list(whole.strips())


def test_offsets_are_kept(scene, models, pixels, tmp_path):
    """The same reflectance stored with offset -1000 gives the same result, 1000 DN higher."""
    higher = scene_of(tmp_path, {band: image + np.uint16(1000) for band, image in pixels.items()}, baseline="04.00")
    assert set(higher.offsets.values()) == {-1000}
    without_offset = sharpened(scene, models, window_px=60)
    with_offset = sharpened(higher, models, window_px=60)
    unclipped = without_offset > 1
    assert unclipped.mean() > 0.9
    difference = with_offset[unclipped].astype(int) - without_offset[unclipped]
    np.testing.assert_allclose(difference, 1000, atol=1)


@pytest.mark.parametrize("bias, stored", [(100, 65534), (-100, 1)])
def test_results_are_clipped(scene, models, bias, stored):
    """No value overflows, or becomes nodata or saturated."""
    model = keras.models.clone_model(models[20])
    model.set_weights(models[20].get_weights())
    model.get_layer("last").bias.assign(np.full(6, bias, np.float32))
    assert (sharpened(scene, {20: model}) == stored).all()


# --- pixels without data


HOLE = Window(36, 48, 24, 36)


def near(window: Window, distance: int) -> np.ndarray:
    """Mark the pixels of a window and those within a distance from it."""
    mask = np.zeros((SIZE, SIZE), bool)
    mask[window.grown(distance, SIZE, SIZE).slices] = True
    return mask


def test_nodata_stays_and_changes_only_pixels_near_it(scene, models, pixels, tmp_path):
    holed = scene_of(tmp_path, with_nodata(pixels, HOLE.row, HOLE.col, HOLE.height, HOLE.width))
    stored = sharpened(holed, models, window_px=30, bands=ALL_BANDS)
    np.testing.assert_array_equal(stored == 0, np.repeat(near(HOLE, 0)[..., None], 12, axis=2))
    whole = sharpened(scene, models, window_px=30, bands=ALL_BANDS)
    untouched = ~near(HOLE, REACH + 6)
    assert np.mean(stored[untouched] != whole[untouched]) < 0.002
    beside = near(HOLE, REACH) & ~near(HOLE, 0)
    spread = whole[..., 4:].astype(float).std()
    assert np.abs(stored[beside] - whole[beside].astype(float)).mean() < 0.5 * spread
    check_same(stored, sharpened(holed, models, window_px=600, bands=ALL_BANDS))


def test_nodata_of_a_single_band(models, pixels, tmp_path):
    """Nodata concerns that band alone, in a coarse band as in a 10 m band."""
    changed = {band: image.copy() for band, image in pixels.items()}
    changed["B11"][10:12, 20] = 0
    changed["B03"][90, 30] = 0
    stored = sharpened(scene_of(tmp_path, changed), models, window_px=60, bands=ALL_BANDS)
    names = (*BANDS_BY_GSD[10], *BANDS_BY_GSD[20], *BANDS_BY_GSD[60])
    for index, name in enumerate(names):
        expected = np.zeros((SIZE, SIZE), bool)
        if name == "B11":
            expected[20:24, 40:42] = True
        if name == "B03":
            expected[90, 30] = True
        np.testing.assert_array_equal(stored[..., index] == 0, expected, err_msg=name)


def test_scattered_holes_leave_no_seams(models, pixels, tmp_path):
    """A hole at the edge of a window's margin may be nearest to pixels beyond it."""
    rng = np.random.default_rng(2)
    changed = {
        band: np.where(rng.random(image.shape) < 0.3, 0, image).astype(np.uint16) for band, image in pixels.items()
    }
    for band in BANDS_BY_GSD[10][1:]:
        changed[band] = pixels[band]
    holed = scene_of(tmp_path, changed)
    stored = sharpened(holed, models, window_px=18)
    assert 0.25 < (stored == 0).mean() < 0.35
    check_same(stored, sharpened(holed, models, window_px=600))


def test_a_dark_lake_keeps_its_other_bands(models, pixels, tmp_path):
    """In L2A without offset, B08 has DN 0 in it. All other bands are as if B08 had reflectance 0.0001."""
    scenes = {}
    for dn in (0, 1):
        changed = {**pixels, "B08": pixels["B08"].copy()}
        changed["B08"][20:80, 30:100] = dn
        scenes[dn] = scene_of(tmp_path / str(dn), changed, level="L2A")
    dark, whole = (sharpened(scenes[dn], models, window_px=30, bands=ALL_BANDS) for dn in (0, 1))
    np.testing.assert_array_equal(np.argwhere((dark == 0).any(axis=(0, 1)))[:, 0], [3])
    assert (dark[20:80, 30:100, 3] == 0).all()
    assert np.abs(dark[..., 4:].astype(int) - whole[..., 4:]).max() < 20
    check_same(dark, sharpened(scenes[0], models, window_px=600, bands=ALL_BANDS))


def test_saturated_pixels(scene, models, pixels, tmp_path):
    """A saturated pixel stays saturated. For pixels near it, it is a hole, and not a reflectance of 6.5."""
    changed = {band: image.copy() for band, image in pixels.items()}
    changed["B12"][10, 20] = 65535
    changed["B02"][80, 60] = 65535
    for band in BANDS_BY_GSD[10]:
        changed[band][20, 40] = 0  # a pixel without data is not saturated
    stored = sharpened(scene_of(tmp_path, changed), {20: models[20]}, window_px=60)
    whole = sharpened(scene, {20: models[20]}, window_px=60)
    expected = np.zeros(stored.shape, bool)
    expected[20:22, 40:42, 5] = True
    expected[20, 40] = False
    np.testing.assert_array_equal(stored == 65535, expected)
    assert (stored[20, 40] == 0).all()
    assert (stored == 0).sum() == 6
    expected[20, 40] = True
    assert np.abs(stored[~expected].astype(int) - whole[~expected]).max() < 6000


def test_a_scene_without_data(models, pixels, tmp_path):
    empty = {band: np.zeros_like(image) for band, image in pixels.items()}
    assert (sharpened(scene_of(tmp_path, empty), models, window_px=60, consistent=True) == 0).all()


# --- consistency


@pytest.mark.parametrize("gsd", [20, 60])
def test_a_corrected_result_degrades_to_the_input(scene, models, gsd):
    corrected = prediction(scene, {gsd: models[gsd]}, consistent=True, window_px=36)
    stored = np.concatenate(list(corrected.strips())).astype(np.float32)
    coarse = read_bands(scene, BANDS_BY_GSD[gsd])
    sigmas = gaussian_blur_sigmas(BANDS_BY_GSD[gsd], gsd // 10)
    missed = np.sqrt(np.square(degrade(stored, gsd // 10, sigmas) - coarse).mean(axis=(0, 1)))
    before, after = corrected.correction.residuals()[gsd]
    plain = sharpened(scene, {gsd: models[gsd]}).astype(np.float32)
    np.testing.assert_allclose(
        before, np.sqrt(np.square(degrade(plain, gsd // 10, sigmas) - coarse).mean(axis=(0, 1))), rtol=0.02
    )
    assert (after < 0.1 * before).all()
    np.testing.assert_allclose(missed, after, atol=0.3)  # rounding to DN


@pytest.mark.parametrize("region", [WHOLE, Window(7, 13, 61, 50)])
def test_corrected_windows_and_regions_equal_the_whole(scene, models, region):
    whole = sharpened(scene, models, consistent=True, window_px=600)
    part = sharpened(scene, models, region, consistent=True, window_px=18)
    check_same(part, whole[region.slices])


def test_corrected_scenes_keep_their_holes(models, pixels, tmp_path):
    holed = scene_of(tmp_path, with_nodata(pixels, HOLE.row, HOLE.col, HOLE.height, HOLE.width))
    stored = sharpened(holed, models, consistent=True, window_px=30)
    np.testing.assert_array_equal(stored == 0, np.repeat(near(HOLE, 0)[..., None], 8, axis=2))
    check_same(stored, sharpened(holed, models, consistent=True, window_px=600))


# --- expected errors


@pytest.mark.parametrize("consistent", [False, True])
def test_expected_errors_have_no_seams_and_change_no_estimate(models, pixels, tmp_path, consistent):
    """They are nodata where the result is nodata or saturated. The 10 m bands have none."""
    holed = {band: image.copy() for band, image in pixels.items()}
    holed["B05"][10:14, 20:30] = 0
    holed["B11"][40:42, 5:9] = 65535
    scene, bands = scene_of(tmp_path, holed), ("B11", "B02", "B05", "B01")
    options = {"bands": bands, "consistent": consistent, "calibrated": True}
    whole = sharpened(scene, models, window_px=600, **options)
    assert whole.shape == (SIZE, SIZE, 7)
    check_same(sharpened(scene, models, window_px=42, **options), whole)
    region = Window(7, 13, 61, 50)
    check_same(sharpened(scene, models, region, window_px=24, **options), whole[region.slices])
    result, errors = whole[..., [0, 2, 3]], whole[..., 4:]
    check_same(sharpened(scene, models, window_px=42, bands=bands, consistent=consistent), whole[..., :4])
    np.testing.assert_array_equal(errors == 0, (result == 0) | (result == 65535))
    assert errors.std() > 1


# --- ranks


def test_a_rank_that_does_not_write_keeps_no_strip(scene, models, monkeypatch):
    """Each rank receives the columns of all ranks, but only rank 0 needs them."""
    share = prediction(scene, models, consistent=True, window_px=60, rank_group=RankGroup(1, 2))
    join, joined = share._join, []

    def join_after_all_are_freed(strip: Strip) -> Strip:
        assert [reference() for reference in joined if reference() is not None] == []
        whole = join(strip)
        joined.append(weakref.ref(whole))
        return whole

    monkeypatch.setattr(share, "_join", join_after_all_are_freed)
    assert list(share.strips()) == []
    assert len(joined) == 2


@pytest.mark.parametrize("region", [WHOLE, Window(7, 13, 61, 50)])
@pytest.mark.parametrize("ranks", [1, 2, 3, 11])
def test_ranks_share_the_columns(scene, models, region, ranks):
    """Each column belongs to one rank, in whole windows; a rank may have no columns, but not rank 0, which writes."""
    shares = [
        prediction(scene, models, region, window_px=12, rank_group=RankGroup(rank, ranks)) for rank in range(ranks)
    ]
    area = shares[0].area
    assert shares[0].own_columns.width
    assert sum(share.own_columns.width for share in shares) == area.width
    assert sum(share.window_count for share in shares) == prediction(scene, models, region, window_px=12).window_count
    col = area.col
    for share in shares:
        assert (share.own_columns.row, share.own_columns.height, share.own_columns.col) == (area.row, area.height, col)
        assert (col - area.col) % 12 == 0 or not share.own_columns.width
        col += share.own_columns.width
    widths = [share.own_columns.width for share in shares if share.own_columns.width]
    assert max(widths) <= -(-area.width // 12 // ranks) * 12 + 12
