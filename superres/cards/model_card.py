"""The model card of a run of super-resolution: settings, scenes, patches, errors -> `MODEL.md` in the run folder."""

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import keras

from common.pixels.sentinel2 import JOINT, Gsd, each_gsd, in_metres, scale_factor, sharpened_bands
from common.report.markdown import table_markdown
from common.runs.folder import HISTORY, SPLIT
from common.runs.model_card import describe_period, describe_settings, saved_epoch, write_model_card
from common.runs.tables import markdown_table
from common.scenes.scene import Scene
from common.training.history import read_history
from common.training.saving import is_best
from superres.evaluation.tables import TABLE_METRICS, MetricRow, metric_table
from superres.networks.catalogue import GAN
from superres.training.adversarial_weight import is_close_to_best
from superres.training.config import SuperresConfig
from superres.training.data import TrainingData
from superres.training.plan import TrainingPlan, shared_ground

SHOWN_SCENES = 60  # lines of the table of scenes
TOLD = ("tiles", "test_tiles", "data_dir", "patch_cache", "gsd")  # settings that other parts tell, or that are paths


def write_card(
    folder: Path,
    config: SuperresConfig,
    plan: TrainingPlan,
    data: TrainingData,
    model: keras.Model,
    rows: Sequence[MetricRow] = (),
) -> None:
    """Write the model card of a finished run. Call on rank 0.

    Args:
        folder: the run folder.
        config: the settings.
        plan: the scenes of the training.
        data: their patches.
        model: the network.
        rows: of `metrics.csv`; none if nothing was measured on test scenes.

    Raises:
        RunFolderError: a file of the run folder is damaged.
        OutputError: the card cannot be written.
    """
    gsds, bands = in_metres(each_gsd(config.gsd)), ", ".join(sharpened_bands(config.gsd))
    write_model_card(
        folder,
        f"{config.network_name} for the {gsds} bands of Sentinel-2",
        {
            "What it does": f"A network of {model.count_params():,} parameters that sharpens the bands {bands} from {gsds} "
            f"to 10 m. Input is reflectance of level {' and '.join(data.levels)}.",
            "How to use it": describe_use(folder, config.gsd),
            "How good it is": describe_quality(folder, config, plan, data, rows),
            "What it was trained on": describe_scenes(plan, data, config),
            "What it is not for": describe_limits(config, data.levels),
            "Settings": describe_settings(folder, SuperresConfig, TOLD),
        },
    )


def describe_use(folder: Path, gsd: Gsd) -> str:
    """Return the command that applies the network."""
    command = f"```\npython superres/predict.py PRODUCT.SAFE --run-dir {folder} --output sharp.tif\n```"
    if gsd == JOINT:
        return command
    other = 60 if gsd == 20 else 20
    return f"{command}\n\nA second `--run-dir` or `--weights` sharpens the {other} m bands in the same run."


def describe_quality(
    folder: Path, config: SuperresConfig, plan: TrainingPlan, data: TrainingData, rows: Sequence[MetricRow]
) -> str:
    """Return the errors on held-out patches and on test scenes; each says so if it was not measured."""
    history = read_history(folder / HISTORY, config.epochs)
    saved = saved_epoch(history, saving_rule(config))
    epoch = f"The weights are those of epoch {saved['epoch']} of {len(history)}."
    if "val_rmse" in saved:
        against = " against the teachers" if config.gsd == JOINT and config.teacher else ""
        validation = (
            f"RMSE on {len(data.val)} validation patches{against}: {saved['val_rmse']:.1f} DN (reflectance * 10000)."
        )
    else:
        validation = "Validation: not measured, because no patches were held out."
    if not rows:
        return f"{epoch} {validation}\n\nTest scenes: not measured; `--test-tiles` or `superres/evaluate.py` does that."
    scale = (
        f"Test scenes, degraded from {describe_scales(config)} and sharpened again, beside interpolation "
        f"(RMSE in DN, lower is better; SRE, higher is better; ERGAS and SAM, lower is better):"
    )
    table = table_markdown(metric_table("", rows, TABLE_METRICS))
    footprints = {scene.name: scene.footprint for scene in data.scenes}
    warnings = [
        f"\n\n{name} shares ground with {training_name}, a training scene: its errors may be optimistic."
        for name, training_name in shared_ground(footprints, plan.test_scenes).items()
    ]
    return f"{epoch} {validation}\n\n{scale}\n\n{table}{''.join(warnings)}"


def describe_scales(config: SuperresConfig) -> str:
    """Return from which GSD to which bands are degraded for a measurement: `20 m to 40 m`."""
    return " and ".join(f"{gsd} m to {gsd * scale_factor(gsd)} m" for gsd in each_gsd(config.gsd))


def saving_rule(config: SuperresConfig) -> Callable[[list[dict]], bool]:
    """Return the rule by which the training saved weights."""
    return partial(is_close_to_best, tolerance=config.rmse_tolerance) if config.model == GAN else is_best


def describe_scenes(plan: TrainingPlan, data: TrainingData, config: SuperresConfig) -> str:
    """Return scenes, ground, season and patches as Markdown."""
    scenes, cuts = plan.scenes, plan.cuts
    target = f"the predictions of `{' '.join(config.teachers)}`" if config.teacher else "the native bands"
    patch_px = config.patches[0].patch_px
    factors = " and ".join(str(settings.scale_factor) for settings in config.patches)
    facts = [
        f"- Scenes: {len(scenes)}, level {', '.join(levels_of(scenes))}, {', '.join(satellites_of(scenes))}",
        f"- Sensed: {describe_period(scene.sensing_time for scene in scenes)}",
        f"- Patches of {patch_px} px, degraded by {factors} with `--degradation {config.degradation}`: {len(data.train)} to "
        f"train on, {len(data.val)} held out for validation (`{SPLIT}`)",
        f"- Target: {target}",
    ]
    if config.init_weights:
        facts.append(f"- Start weights: `{config.init_weights}`; what they were trained on also counts")
    lines = [
        [
            patches.name,
            cut.scene.baseline or "unknown",
            cut.scene.sensing_time[:10],
            describe_place(patches.footprint),
            str(len(file)),
        ]
        for cut, patches, file in zip(cuts, data.scenes, data.files, strict=True)
    ][:SHOWN_SCENES]
    table = markdown_table(["Scene", "Baseline", "Sensed", "Centre", "Patches"], lines, text_columns=4)
    more = f"\n\nand {len(cuts) - SHOWN_SCENES} more, see `{SPLIT}`" if len(cuts) > SHOWN_SCENES else ""
    return "\n".join(facts) + f"\n\n{table}{more}"


def describe_place(footprint: tuple[float, float, float, float]) -> str:
    """Return the centre of a footprint, such as `47.77 N, 12.94 E`."""
    west, south, east, north = footprint
    east += 360 if east < west else 0
    lon, lat = ((west + east) / 2 + 180) % 360 - 180, (south + north) / 2
    return f"{abs(lat):.2f} {'N' if lat >= 0 else 'S'}, {abs(lon):.2f} {'E' if lon >= 0 else 'W'}"


def describe_limits(config: SuperresConfig, levels: Sequence[str]) -> str:
    """Return the limits that follow from how fusion networks are trained, and from the levels that they know."""
    scales = " and ".join(f"{gsd * scale_factor(gsd)} m to {gsd} m" for gsd in each_gsd(config.gsd))
    lines = [
        f"- It was {'' if config.gsd == JOINT else 'trained and '}measured one scale coarser, {scales}, and is applied at "
        f"{in_metres(each_gsd(config.gsd))} to 10 m. "
        f"The error at 10 m cannot be measured: there is no truth.",
        f"- It undoes the blur `{config.degradation}`; with another blur its result is too soft or too sharp.",
        "- Detail is estimated from the 10 m bands. It is no proof that a small object has a certain spectrum.",
        "- Only Sentinel-2: other sensors have other bands.",
        "- Other ground, seasons and surfaces than those above (deserts, snow, cities, cloud) were not measured.",
    ]
    if len(levels) == 1:
        other = "L2A" if list(levels) == ["L1C"] else "L1C"
        trained = "taught for" if config.teacher else "trained on"
        lines.insert(2, f"- It was {trained} {levels[0]} only. `superres/predict.py` warns if a product is {other}.")
    return "\n".join(lines)


def levels_of(scenes: Sequence[Scene]) -> list[str]:
    """Return the levels of some scenes, each once."""
    return sorted({scene.level for scene in scenes})


def satellites_of(scenes: Sequence[Scene]) -> list[str]:
    """Return the satellites of some scenes, each once."""
    return sorted({scene.satellite for scene in scenes})
