"""The pansharpening methods by name. This module imports no NumPy, so that options can name the methods without delay.

A method is a module with a function `fit`: moments for each coarse band, and the settings -> a function that sharpens this
scene, or parts of it.
"""

from collections.abc import Callable, Sequence
from importlib import import_module
from typing import TYPE_CHECKING

from common.patches.settings import PatchSettings

if TYPE_CHECKING:
    import numpy as np

    from superres.pansharpening.moments import Moments

# By input name (`input_10m`, ...), each (rows / factor, cols / factor, bands) float32, reflectance * 10000.
Images = dict[str, "np.ndarray"]
# Images -> the sharpened bands on the grid of `input_10m`, (rows, cols, bands) float32, reflectance * 10000.
Sharpen = Callable[[Images], "np.ndarray"]
Fit = Callable[[Sequence["Moments"], PatchSettings], Sharpen]

METHODS = {
    "gsa": "superres.pansharpening.gsa",
    "mtf-glp-hpm": "superres.pansharpening.mtf_glp_hpm",
    "atprk": "superres.pansharpening.atprk",
    "ressr": "superres.pansharpening.ressr",
    "local-regression": "superres.pansharpening.local_regression",
}  # name -> module
WITHOUT_STATISTICS = ("local-regression",)  # methods that need no moments of the scene


def find_fit(name: str) -> Fit:
    """Return the function `fit` of the method with a name of METHODS."""
    return import_module(METHODS[name]).fit
