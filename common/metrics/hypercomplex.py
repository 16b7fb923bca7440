"""Q2n, the quality of a multispectral image in one number: a UIQ whose pixels are hypercomplex numbers. NumPy only.

The bands of a pixel are the components of a hypercomplex number z. Bands are padded to 2, 4, 8 .. components. In each block

    Q = |cov(x,y)| / (dev x dev y) * 2 dev x dev y / (var x + var y) * 2 |mean x| |mean y| / (|mean x|^2 + |mean y|^2)

with cov(x,y) = E[(x - mean x)(y - mean y)*] and var x = E[|x - mean x|^2]. Q2n is the mean over blocks. Dimensionless, 0 to 1;
1 is perfect, higher is better. A shift of colour lowers it even if each band alone is as contrasted as the truth.

The formula alone does not say how bands of different brightness count. This is done as in the authors' code (`q2n.m` in the
toolbox of Vivone et al. 2021), from which published values come: in each block, each band of x and y is brought to mean 1 and
deviation 1 by mean and deviation of x, so that all bands have equal weight; padded components are 1. Not as in that code:
values are not rounded to integers; rows and columns that fill no block are left out, not filled up by mirroring; and a band
that is constant in a block of x is divided by 1 DN, not by 2e-16.

References:
    Garzelli and Nencini 2009, doi:10.1109/LGRS.2009.2022650; Alparone et al. 2004, doi:10.1109/LGRS.2004.836784 (Q4);
    Vivone et al. 2021, doi:10.1109/MGRS.2020.3019315.
"""

from functools import cache

import numpy as np

from common.metrics.blocks import BlockMean, BlockMoments, whole_blocks
from common.metrics.image_pairs import check_shapes, quotient

Q2N_BLOCK = 32  # px, as in the authors' code


def q2n(truth: np.ndarray, estimate: np.ndarray, mask: np.ndarray | None = None, side: int = Q2N_BLOCK) -> float | None:
    """Return Q2n of an estimate, see the top of this module; None if no block is wholly valid.

    Raises:
        ValueError: shapes differ, or a value in a valid block is not finite.
    """
    check_shapes(truth, estimate, mask)
    valid = np.ones(truth.shape[:2], bool) if mask is None else mask
    blocks = BlockMean(block_q2n, side)
    blocks.add((truth, estimate), whole_blocks(valid, side))
    mean = blocks.mean()
    return None if mean is None else float(mean)


def block_q2n(moments: BlockMoments) -> np.ndarray:
    """Return Q of each block, (blocks,); `moments` are those of the bands of x, then of y."""
    bands = moments.means.shape[1] // 2
    deviations = np.sqrt(np.diagonal(moments.covariances, axis1=1, axis2=2)[:, :bands])
    scale = np.where(deviations > 0, deviations, 1.0)
    shifts = (moments.means[:, bands:] - moments.means[:, :bands]) / scale  # of the means, which are 1 for x
    both = np.concatenate([scale, scale], axis=1)
    covariances = moments.covariances / (both[:, :, None] * both[:, None, :])

    padding = _components(bands) - bands
    square_x, square_y = float(bands + padding), np.square(1 + shifts).sum(axis=1) + padding
    luminance = 2 * np.sqrt(square_x * square_y) / (square_x + square_y)
    variances = np.trace(covariances, axis1=1, axis2=2)
    modulus = _hypercomplex_modulus(covariances[:, :bands, bands:])
    return luminance * quotient(2 * modulus, variances, 1.0)


def _hypercomplex_modulus(covariances: np.ndarray) -> np.ndarray:
    """Return |E[x y*]| of centred x and y from the covariance of their components: (blocks, bands, bands) to (blocks,)."""
    bands = covariances.shape[1]
    components = _components(bands)
    padded = np.zeros((len(covariances), components, components))
    padded[:, :bands, :bands] = covariances
    padded[:, :, 1:] *= -1  # y*
    units = np.arange(components)
    signed = padded * product_signs(components)
    return np.sqrt(sum(signed[:, units, units ^ unit].sum(axis=1) ** 2 for unit in units))


def _components(bands: int) -> int:
    """Return the least power of 2 that is at least `bands`."""
    return 1 << (bands - 1).bit_length()


@cache
def product_signs(components: int) -> np.ndarray:
    """Return the signs of the products of unit numbers, (components, components): e_i e_j = sign[i, j] e_(i xor j).

    Cayley-Dickson construction: (a, b)(c, d) = (ac - d*b, da + bc*).
    """
    if components == 1:
        return np.ones((1, 1))
    half = product_signs(components // 2)
    conjugate = np.where(np.arange(components // 2) > 0, -1.0, 1.0)
    return np.block([[half, half.T], [half * conjugate, -(conjugate[:, None] * half).T]])
