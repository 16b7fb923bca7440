"""A scene as its own calibration: `superres-predict --uncertainty` without a file.

The scene is degraded, sharpened and compared with its native bands, as `superres-evaluate --uncertainty` does. A large scene
gives a sample: windows spread over it, each read with the pixels around it that its pixels depend on. So memory and time are
bounded, and a pixel has the score and the error that it has in the whole scene.
"""

import dataclasses
import logging
import math
from collections.abc import Mapping

import numpy as np

from common.errors import ProductError
from common.files.checksums import require_intact
from common.patches.degraded_scene import target_shape
from common.patches.settings import DEGRADATIONS, PatchSettings
from common.pixels.degrade import blur_reach
from common.pixels.sentinel2 import JOINT, input_gsds, sharpened_bands
from common.pixels.windows import Window, grid
from common.runs.progress import progress
from common.scenes.scene import Scene
from superres.evaluation.methods import predict_method
from superres.evaluation.reduced_scale import degraded_images, distance_from_holes
from superres.evaluation.reliability.calibrating import calibrate
from superres.evaluation.reliability.sampling import MOST_PIXELS, ErrorSample, ErrorSampler
from superres.networks.ensemble import Ensemble
from superres.networks.trained import TrainedNetwork
from superres.prediction.plan import Job, PredictionPlan
from superres.prediction.ranks import RankGroup
from superres.prediction.windows import Predict
from superres.uncertainty.score import REACH_PX

logger = logging.getLogger(__name__)

SIDE_PX = 240  # of a window, in native pixels of the sharpened bands; a multiple of 6
MOST_WINDOWS = 64  # at a time; more follow only where most of these hold no data


def with_own_calibrations(
    job: Job,
    plan: PredictionPlan,
    predict_functions: Mapping[TrainedNetwork | Ensemble, Predict],
    rank_group: RankGroup,
) -> PredictionPlan:
    """Return the plan with the calibrations of the scene of a job on itself. Arguments and errors as in `run_job`.

    Raises:
        ProductError: too few pixels of the scene can be compared.
    """
    calibrations = {}
    for gsd, trained in plan.trained_networks.items():
        settings = PatchSettings(gsd, 1, trained.degradation or DEGRADATIONS[0], joint=trained.gsd == JOINT)
        sampler = own_sampler(trained, predict_functions[trained], gsd)
        samples = sample_scene(job.scene, sampler, settings, rank_group, plan.options.show_progress)
        pixels = sum(len(sample.errors) for sample in samples)
        try:
            calibrations[gsd] = calibrate(settings, trained.digests, (job.scene.name,), samples)
        except ValueError as error:
            raise ProductError(
                f"--uncertainty: {job.scene.name}, {gsd} m: {error} Give a calibration of other scenes, measured with "
                f"superres-evaluate --uncertainty."
            ) from error
        if rank_group.rank == 0:
            logger.info("%s, %d m: expected errors calibrated on the scene itself, %d pixels", job.output, gsd, pixels)
    return dataclasses.replace(plan, calibrations=calibrations)


def own_sampler(trained: TrainedNetwork | Ensemble, predict: Predict, gsd: int) -> ErrorSampler:
    """Return the sampler of a network that is compiled already, with its spread if it has several members."""
    bands = len(sharpened_bands(trained.gsd)) * (2 if isinstance(trained, Ensemble) else 1)
    inputs = [f"input_{each}m" for each in input_gsds(trained.gsd)]
    network = predict_method(trained.source, predict, trained.margin, inputs, slice(0, bands))
    return ErrorSampler(network, trained.gsd, gsd)


def sample_scene(
    scene: Scene, sampler: ErrorSampler, settings: PatchSettings, rank_group: RankGroup, show_progress: bool = False
) -> list[ErrorSample]:
    """Return samples of the windows of a scene, at least one; at most about MOST_PIXELS pixels. The ranks share the windows.

    Args:
        scene: the scene.
        sampler: of the network.
        settings: GSD and degradation.
        rank_group: all of its ranks call this, and get the same samples.
        show_progress: show a bar.

    Raises:
        S2Error: the scene is damaged, or the network's values are not finite; on all ranks of the group.
    """
    files, ranks = [scene.band_paths[band] for band in settings.bands], rank_group.size
    rank_group.share(range(ranks), lambda rank: require_intact(scene.name, files, rank, ranks))
    windows = spread_windows(*target_shape(scene, settings))
    most = MOST_PIXELS // min(len(windows), MOST_WINDOWS)  # of a window
    samples: list[ErrorSample] = []
    for first in range(0, len(windows), MOST_WINDOWS):
        chosen = windows[first : first + MOST_WINDOWS]
        own_count = len(chosen[rank_group.rank :: rank_group.size])
        task = f"{scene.tile or scene.name}, calibration at {settings.gsd} m"
        with progress(own_count, "windows", task, show_progress) as advance:

            def sample(window: Window, advance=advance) -> ErrorSample:
                sampled = sample_window(scene, sampler, settings, window, most)
                advance()
                return sampled

            samples += rank_group.share(chosen, sample)
        if sum(len(sample.errors) for sample in samples) >= MOST_PIXELS // 2:
            break
    return samples


def spread_windows(rows: int, cols: int) -> list[Window]:
    """Return the windows of a grid in such an order that the first ones are spread over it: in steps of the golden ratio."""
    windows = list(grid(rows, cols, SIDE_PX, SIDE_PX))
    count = len(windows)
    step = next(step for step in range(max(round(count * 0.618), 1), count + 1) if math.gcd(step, count) == 1)
    return [windows[number * step % count] for number in range(count)]


def sample_window(
    scene: Scene, sampler: ErrorSampler, settings: PatchSettings, window: Window, most: int
) -> ErrorSample:
    """Return the scores and errors of pixels of a window of the target grid; none if no pixel counts.

    Args:
        scene, sampler, settings: as in `sample_scene`.
        window: to sample.
        most: number of pixels at most.
    """
    outer = window.grown(margin_around(settings, sampler.method.reach), *target_shape(scene, settings))
    degraded = degraded_images(scene, settings, outer)
    inside = np.zeros_like(degraded.valid)
    inside[window.relative_to(outer).slices] = True
    counted = degraded._replace(valid=degraded.valid & inside)
    if not counted.valid.any():
        return ErrorSample(*np.empty((2, 0, degraded.truth.shape[2]), np.float32))
    return sampler.sample_of(counted, sampler.method.sharpen(counted.inputs), most)


def margin_around(settings: PatchSettings, reach: int) -> int:
    """Return the pixels of the target grid around a window that its scores and errors depend on, in whole coarse pixels.

    Args:
        settings: GSD and degradation.
        reach: of the network.
    """
    blur = max(blur_reach(max(settings.sigmas(gsd))) * gsd / settings.gsd for gsd in settings.input_gsds)
    needed = max(reach + REACH_PX, distance_from_holes(settings)) + math.ceil(blur)
    return -(-needed // settings.step_px) * settings.step_px
