"""The middle of a scene by each method, as PNG pictures in memory that a reader can lay over each other."""

import io
from typing import NamedTuple

from matplotlib.image import imsave

from common.patches.settings import PatchSettings
from common.pixels.sentinel2 import BANDS_BY_GSD
from common.pixels.upsampling import BICUBIC
from superres.evaluation.reduced_scale import SceneResult
from superres.figures.pictures import stretch


class Crop(NamedTuple):
    """A picture of the middle of a scene.

    Attributes:
        scene: name of the scene.
        name: of the method, or `input`, or `truth`, with the GSD.
        png: the picture. All pictures of a scene show the same ground with the same stretch.
    """

    scene: str
    name: str
    png: bytes


def crop_pictures(result: SceneResult, scene: str, settings: PatchSettings) -> list[Crop]:
    """Return the pictures of a scene: bicubic interpolation first, the last measured method at the end.

    Args:
        result: of `superres.evaluation.reduced_scale.measure_scene`, with bicubic interpolation.
        scene: name of the scene.
        settings: GSD and degradation.
    """
    gsd = settings.gsd
    others = {name: image for name, image in result.estimates.items() if name != BICUBIC}
    truth = f"truth, {gsd} m"
    images = {
        BICUBIC: result.estimates[BICUBIC],
        f"input, {gsd * settings.scale_factor} m": result.coarse,
        truth: result.truth,
        **others,
    }
    *shown, _ = stretch([*images.values(), result.truth], BANDS_BY_GSD[gsd])
    return [Crop(scene, name, _png(image)) for name, image in zip(images, shown, strict=True)]


def _png(image: object) -> bytes:
    file = io.BytesIO()
    imsave(file, image, format="png", cmap="gray", vmin=0, vmax=1)
    return file.getvalue()
