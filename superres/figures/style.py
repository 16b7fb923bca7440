"""Style of the figures of super-resolution: colours and markers of methods, sizes of pictures, colours of errors.

Each function that draws a figure saves one PNG and needs no display. `common/figures/style.py` holds the style that both
applications share.
"""

import textwrap
from collections.abc import Sequence

import matplotlib
from matplotlib.colors import Colormap

from common.figures.style import METHOD_COLOURS
from common.pixels.upsampling import BICUBIC, BILINEAR
from common.scenes.scene import Scene

BASELINE_COLOURS = {BILINEAR: "#CCCCCC", BICUBIC: "#888888"}
MARKERS = "os^Dvp*X"
CELL_INCHES = 2.9  # width of a picture
TITLE_CHARACTERS = 32  # in a line above a picture
# The first triple whose bands are all there is shown as red, green, blue; if there is none, one band is shown in grey.
FALSE_COLOURS = (("B12", "B8A", "B05"), ("B08", "B04", "B03"))
STRETCH_PERCENTILES = (2, 98)  # shown black and white
NO_DATA_GREY = 0.73  # 0 is black, 1 is white
ERROR_PERCENTILE = 99.5  # upper end of the colour scale of error maps


def wrapped(name: str) -> str:
    """Return the name of a method, broken into lines that fit above a picture."""
    return "\n".join(textwrap.wrap(name, TITLE_CHARACTERS))


def band_label(scene: Scene, band: str, form: str = "{} {:.0f} nm") -> str:
    """Return a band with its wavelength in the scene, such as `B05 704 nm`; its name alone if that is unknown."""
    passband = scene.passband(band)
    return form.format(band, passband.wavelength_nm) if passband else band


def method_colours(methods: Sequence[str]) -> list[str]:
    """Return a colour for each method: greys for interpolation, then one colour after the other for networks."""
    networks = [method for method in methods if method not in BASELINE_COLOURS]
    colours = BASELINE_COLOURS | {name: METHOD_COLOURS[i % len(METHOD_COLOURS)] for i, name in enumerate(networks)}
    return [colours[method] for method in methods]


def error_colours() -> Colormap:
    """Return the colours of error maps: dark for small errors, grey for no data (NaN)."""
    return matplotlib.colormaps["inferno"].with_extremes(bad=(NO_DATA_GREY,) * 3)
