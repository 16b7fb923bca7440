"""Figures of super-resolution, drawn from tables and arrays: learning curve, metrics, picture comparison.

Tables are those of a run folder (`history.csv`, `metrics.csv`); arrays are (rows, cols, bands) in DN. Each function
saves one PNG and needs no display. Colours are Okabe and Ito's, which colour-blind readers can tell apart.
"""

import textwrap
from collections.abc import Sequence

from common.figures.style import METHOD_COLOURS
from common.pixels.upsampling import BICUBIC, BILINEAR

BASELINE_COLOURS = {BILINEAR: "#CCCCCC", BICUBIC: "#888888"}
MARKERS = "os^Dvp*X"
CELL_INCHES = 2.9  # width of a picture
TITLE_CHARACTERS = 32  # above a picture
# The first triple that is complete is shown as red, green, blue; without one, the first band in grey.
FALSE_COLOURS = (("B12", "B8A", "B05"), ("B08", "B04", "B03"))
STRETCH_PERCENTILES = (2, 98)  # of the truth
NO_DATA_GREY = 0.73
ERROR_PERCENTILE = 99.5  # upper end of the colour scale of error maps


def wrapped(name: str) -> str:
    """The name of a method in lines that fit above a picture."""
    return "\n".join(textwrap.wrap(name, TITLE_CHARACTERS))


def method_colours(methods: Sequence[str]) -> list[str]:
    """Grey for interpolation, the next colour for each network."""
    networks = [method for method in methods if method not in BASELINE_COLOURS]
    colours = BASELINE_COLOURS | {name: METHOD_COLOURS[i % len(METHOD_COLOURS)] for i, name in enumerate(networks)}
    return [colours[method] for method in methods]
