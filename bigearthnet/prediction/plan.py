"""What `bigearthnet/predict.py` will do: the checks before the work starts."""

import logging
from typing import NamedTuple

from bigearthnet.archive.band_sets import BAND_SETS
from bigearthnet.archive.folders import holds_patches
from bigearthnet.archive.groups import NATIVE_PX
from bigearthnet.archive.images import PatchFolders
from bigearthnet.prediction.options import PredictionOptions
from bigearthnet.prediction.patch_folders import find_patch_folders
from bigearthnet.prediction.squares import group_gsd, square_grid
from bigearthnet.prediction.trained import TrainedClassifier, describe_shapes, read_trained
from common.errors import RunFolderError, SettingError
from common.files.read_errors import require_folder
from common.rasters.grids import GeoReference, check_grids
from common.runs.folder import check_output_folder
from common.scenes.patch_folder import is_patch_folder
from common.scenes.scene import Scene
from common.scenes.tile_list import open_scene

logger = logging.getLogger(__name__)


class PredictionPlan(NamedTuple):
    """A checked prediction: of patches, or of a scene.

    Attributes:
        trained: the classifier.
        patches: the patch folders; empty for a scene.
        scene: the scene; None for patches.
        grid: of the scene's squares; None for patches.
    """

    trained: TrainedClassifier
    patches: tuple[PatchFolders, ...] = ()
    scene: Scene | None = None
    grid: GeoReference | None = None


def prepare_prediction(options: PredictionOptions) -> PredictionPlan:
    """Check everything that can be checked before the network is built; write nothing. Call on rank 0.

    Raises:
        RunFolderError: the run is not finished, or its network needs bands that were brought to 10 m beforehand.
        ProductError: the source is missing or damaged.
        SettingError: the batch size is below 1, `s1_root` is no folder, or the network needs Sentinel-1 and there is none.
        OutputError: the output folder is not empty, or cannot be made or written to.
    """
    if options.batch_size < 1:
        raise SettingError(f"--batch-size must be above 0; got {options.batch_size}.")
    require_folder("--s1-root", options.s1_root)
    trained = read_trained(options.run_folder)
    require_native_gsds(trained)
    check_output_folder(options.output, options.overwrite)
    source = options.source
    if source.is_dir() and (is_patch_folder(source) or holds_patches(source)):
        return PredictionPlan(trained, patches=find_patch_folders(source, options.s1_root, trained))
    scene = open_scene(source)
    check_scene(scene, trained)
    return PredictionPlan(trained, scene=scene, grid=square_grid(scene))


def require_native_gsds(trained: TrainedClassifier) -> None:
    """Raise RunFolderError if the network takes bands that were brought to another GSD before training."""
    others = {group: shape for group, shape in trained.image_shapes.items() if shape[0] != NATIVE_PX[group]}
    if others:
        raise RunFolderError(
            f"{trained.folder} was trained on bands brought to 10 m beforehand ({describe_shapes(others)}); give a run "
            f"trained on bands at their own GSD."
        )


def check_scene(scene: Scene, trained: TrainedClassifier) -> None:
    """Raise if a scene lacks bands that the network needs; warn if it is not surface reflectance.

    Raises:
        SettingError: the network needs Sentinel-1.
        ProductError: a band is missing, or the grids of the bands differ.
    """
    groups = BAND_SETS[trained.bands]
    if "s1" in groups:
        raise SettingError(
            f"{trained.folder} was trained with --bands {trained.bands}, and {scene.name} holds no Sentinel-1; give a "
            f"run of Sentinel-2 only, such as rgb, 10m, 10bands or s2."
        )
    gsds = tuple(group_gsd(group) for group in groups)
    for gsd in gsds:
        scene.bands_at(gsd)
    check_grids(scene, gsds)
    if scene.level != "L2A":
        logger.warning(
            "%s is %s, top of atmosphere, and networks are trained on the L2A of BigEarthNet: the result may be wrong; "
            "give the L2A product of the same acquisition",
            scene.name,
            scene.level,
        )
