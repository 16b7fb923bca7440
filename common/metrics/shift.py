"""The shift of an estimated image against the truth, by phase correlation. NumPy, SciPy and scikit-image.

Images are (rows, cols, bands), masks (rows, cols) bool, True where a pixel is valid.
"""

import numpy as np
from scipy.fft import fft2, irfft2, rfft2

from common.metrics.blocks import cut_blocks, whole_blocks
from common.metrics.image_pairs import check_shapes, require_finite

SHIFT_BLOCK = 32  # px; shifts of a few pixels leave most of a block in common
STEPS = 100  # in a pixel


def shift_per_band(truth: np.ndarray, estimate: np.ndarray, mask: np.ndarray | None = None) -> np.ndarray | None:
    """Return by how many rows and columns each band of the estimate is shifted, (bands, 2); None without a whole block.

    Positive values point down and to the right; 0 is perfect. Shifts of up to 2 pixels are found to 0.1 pixel.

    Phase correlation: the shift is the peak of the inverse transform of E[X Y*] / |E[X Y*]|^(1/2), found in steps of 1 / 100
    pixel by an upsampled transform. E is the mean over blocks of 32 x 32 pixels, without their mean and under a Hann window.
    The root is the difference to plain phase correlation, which divides by |E[X Y*]|: a smooth estimate has hardly more than
    noise at most frequencies, and their phase would decide. A constant band has a shift of 0.

    Raises:
        ValueError: shapes differ, or a value in a valid block is not finite.

    References:
        Kuglin and Hines 1975 (phase correlation); Donohue et al. 2007 (the root: partial whitening);
        Guizar-Sicairos et al. 2008, doi:10.1364/OL.33.000156 (the peak).
    """
    check_shapes(truth, estimate, mask)
    valid = np.ones(truth.shape[:2], bool) if mask is None else mask
    cross, count = 0.0, 0
    for blocks in cut_blocks((truth, estimate), SHIFT_BLOCK, whole_blocks(valid, SHIFT_BLOCK)):
        x, y = np.split(_spectra(blocks), 2, axis=-1)
        cross = cross + (x * y.conj()).sum(axis=0)
        count += len(x)
    if not count:
        return None
    weighted = np.exp(1j * np.angle(cross)) * np.sqrt(np.abs(cross))
    return np.array([_shift(weighted[..., band]) for band in range(weighted.shape[-1])])


def _spectra(blocks: np.ndarray) -> np.ndarray:
    """Return the transforms of blocks (blocks, 32, 32, bands): one half, (blocks, 32, 17, bands) complex."""
    taper = np.hanning(SHIFT_BLOCK + 2)[1:-1]
    require_finite(blocks.sum(axis=(0, 1, 2)))
    blocks = (blocks - blocks.mean(axis=(1, 2), keepdims=True)) * np.outer(taper, taper)[..., None]
    return rfft2(blocks.astype(np.float32), axes=(1, 2))


def _shift(half_spectrum: np.ndarray) -> np.ndarray:
    """Return the rows and columns by which the estimate is shifted, (2,), from its spectrum (32, 17) against the truth's."""
    from skimage.registration import phase_cross_correlation

    if not half_spectrum.any():
        return np.zeros(2)
    spectrum = fft2(irfft2(half_spectrum, (SHIFT_BLOCK, SHIFT_BLOCK)))
    towards_truth, _, _ = phase_cross_correlation(
        spectrum, np.ones_like(spectrum), space="fourier", upsample_factor=STEPS, normalization=None
    )
    return 0.0 - towards_truth
