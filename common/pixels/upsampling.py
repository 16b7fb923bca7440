"""Interpolation methods by name: the reach and the weights of each. Imports nothing, so that options can list them."""

NEAREST, BILINEAR, BICUBIC = "nearest", "bilinear", "bicubic"
REACH_PX = {NEAREST: 0, BILINEAR: 1, BICUBIC: 2}  # coarse pixels on each side that the interpolation uses
KEYS_A = -0.5  # Keys 1981, doi:10.1109/TASSP.1981.1163711


def interpolation_weight(distance: float, method: str) -> float:
    """Return the weight of a coarse pixel in the interpolated value.

    Args:
        distance: from the interpolated position to the pixel's centre, in coarse pixels.
        method: a key of REACH_PX. Bicubic is Keys 1981 with a = -0.5.
    """
    x = abs(distance)
    if method == NEAREST:
        return float(x < 0.5)
    if method == BILINEAR:
        return max(0.0, 1 - x)
    if x <= 1:
        return (KEYS_A + 2) * x**3 - (KEYS_A + 3) * x**2 + 1
    return KEYS_A * (x**3 - 5 * x**2 + 8 * x - 4) if x < 2 else 0.0
