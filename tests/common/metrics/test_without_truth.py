"""D_lambda, D_s and QNR: against their formulas, and properties."""

import numpy as np
import pytest
from scipy.ndimage import zoom

from common.metrics.blocks import BlockMean, block_moments, cut_blocks, whole_blocks
from common.metrics.hypercomplex import q2n
from common.metrics.window_indices import uiq_per_band
from common.metrics.without_truth import FusedQuality, block_uiq
from tests.support.image_pairs import random_dn

SIDE, FACTOR = 8, 2
ALL = np.ones((2, 2), bool)


def uiq(x: np.ndarray, y: np.ndarray) -> float:
    """UIQ of two blocks, by its formula."""
    covariance = np.cov(x.ravel(), y.ravel())
    contrast = 2 * covariance[0, 1] / np.trace(covariance)
    return contrast * 2 * x.mean() * y.mean() / (x.mean() ** 2 + y.mean() ** 2)


def measured(fused, guides, coarse, degraded_guides, degraded, guide_of_band) -> dict[str, float]:
    """The indices of a scene that is added in two parts, its upper and its lower half."""
    of_coarse, quality = BlockMean(block_uiq, SIDE), FusedQuality(SIDE, FACTOR)
    for half in (0, 1):
        rows, fine_rows = (slice(half * side, (half + 1) * side) for side in (SIDE, SIDE * FACTOR))
        of_coarse.add((coarse[rows], degraded_guides[rows]), ALL[:1])
        quality.add(fused[fine_rows], guides[fine_rows], coarse[rows], degraded[rows], ALL[:1])
    return quality.metrics(of_coarse, guide_of_band)


def test_the_indices_are_their_formulas():
    fused, guides = random_dn(1, 32, 32, 3), random_dn(2, 32, 32, 2)
    coarse, degraded_guides, degraded = (random_dn(seed, 16, 16, bands) for seed, bands in ((3, 3), (4, 2), (5, 3)))
    guide_of_band = [1, 0, 1]

    def mean_uiq(x: np.ndarray, y: np.ndarray) -> float:
        cells = [
            (slice(top, top + len(x) // 2), slice(left, left + len(x) // 2))
            for top in (0, len(x) // 2)
            for left in (0, len(x) // 2)
        ]
        return np.mean([uiq(x[cell], y[cell]) for cell in cells])

    pairs = [(left, right) for left in range(3) for right in range(3) if left != right]
    d_lambda = np.mean(
        [abs(mean_uiq(fused[..., a], fused[..., b]) - mean_uiq(coarse[..., a], coarse[..., b])) for a, b in pairs]
    )
    d_s = np.mean(
        [
            abs(
                mean_uiq(fused[..., band], guides[..., guide])
                - mean_uiq(coarse[..., band], degraded_guides[..., guide])
            )
            for band, guide in enumerate(guide_of_band)
        ]
    )
    khan = 1 - q2n(coarse, degraded, side=SIDE)
    assert measured(fused, guides, coarse, degraded_guides, degraded, guide_of_band) == pytest.approx(
        {
            "d_lambda": d_lambda,
            "d_lambda_khan": khan,
            "d_s": d_s,
            "qnr": (1 - d_lambda) * (1 - d_s),
            "hqnr": (1 - khan) * (1 - d_s),
        }
    )
    assert min(d_lambda, d_s, khan) > 0


def test_a_result_that_is_like_its_input_is_perfect():
    """Every fine band is the coarse band, enlarged: all UIQ of two bands agree."""
    coarse, guide = random_dn(1, 16, 16, 3), random_dn(2, 16, 16, 1)
    fused, fine_guide = (image.repeat(2, axis=0).repeat(2, axis=1) for image in (coarse, guide))
    values = measured(fused, fine_guide, coarse, guide, coarse, [0, 0, 0])
    perfect = {"d_lambda": 0, "d_lambda_khan": 0, "d_s": 0, "qnr": 1, "hqnr": 1}
    assert values == pytest.approx(perfect, abs=2e-3)  # the sample covariance of 256 pixels is not that of 64


def test_a_bias_in_one_band_is_spectral_and_a_blur_is_spatial():
    rng = np.random.default_rng(0)
    coarse = zoom(rng.normal(3000, 900, (4, 4, 3)), (4, 4, 1), order=3)
    guide = coarse[..., :1] + 100
    fused, fine_guide = (image.repeat(2, axis=0).repeat(2, axis=1) for image in (coarse, guide))
    bias = np.array([0, 0, 2500.0])
    noise = rng.normal(0, 900, fused.shape)
    noise -= noise.reshape(16, 2, 16, 2, 3).mean(axis=(1, 3)).repeat(2, axis=0).repeat(2, axis=1)
    good = measured(fused, fine_guide, coarse, guide, coarse, [0, 0, 0])
    biased = measured(fused + bias, fine_guide, coarse, guide, coarse + bias, [0, 0, 0])
    noisy = measured(fused + noise, fine_guide, coarse, guide, coarse, [0, 0, 0])
    assert biased["d_lambda_khan"] > good["d_lambda_khan"] + 0.05
    assert noisy["d_lambda_khan"] == good["d_lambda_khan"]
    assert noisy["d_s"] > good["d_s"] + 0.05
    assert biased["hqnr"] < good["hqnr"] > noisy["hqnr"]


def test_uiq_of_blocks_equals_that_of_windows():
    """Of 8 x 8 pixels, the window of Wang and Bovik; a constant band is compared by its mean."""
    image = random_dn(1, 8, 8, 3).astype(float)
    image[..., 2] = 700
    (block,) = cut_blocks([image], 8, ALL[:1, :1])
    (values,) = block_uiq(block_moments(block))
    for band in range(3):
        assert values[band, band] == pytest.approx(1)
        np.testing.assert_allclose(values[band], uiq_per_band(image[..., [band] * 3], image), atol=1e-12)


@pytest.mark.parametrize(
    "valid", [np.zeros((16, 16), bool), np.ones((16, SIDE - 1), bool), np.ones((SIDE - 1, 16), bool)]
)
def test_without_a_block_there_are_no_indices(valid):
    image = random_dn(1, *valid.shape, 1)
    quality, of_coarse = FusedQuality(SIDE, FACTOR), BlockMean(block_uiq, SIDE)
    none = whole_blocks(valid, SIDE)
    of_coarse.add((image, image), none)
    quality.add(image.repeat(2, 0).repeat(2, 1), image.repeat(2, 0).repeat(2, 1), image, image, none)
    assert quality.metrics(of_coarse, [0]) == {}


def test_a_value_that_is_not_finite_is_an_error():
    with pytest.raises(ValueError, match="NaN or infinity"):
        BlockMean(block_uiq, 8).add([np.full((16, 16, 2), np.nan)], ALL)
