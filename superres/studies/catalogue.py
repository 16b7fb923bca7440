"""The studies of super-resolution, one a question. Light: imports neither NumPy nor Keras.

A study trains its variants with all other settings equal. Its settings are the defaults of `superres-train`, where it names none.
"""

from dataclasses import dataclass

from common.patches.settings import DEGRADATIONS
from common.studies.study import Study
from superres.networks.catalogue import GAN, NETWORKS, UPSAMPLINGS

ERRORS = ("rmse", "sam", "ergas", "uiq")
FURTHER = ("sre", "q2n", "consistency", "sharpness", "correlation", "hqnr")
ONE_GSD = tuple(name for name, network in NETWORKS.items() if not network.joint)  # networks that a comparison can train
CEILING = 5000  # reflectance * 10000; brighter are clouds, snow, and some roofs and sand
# Seconds a run on the small sample. The learning rate lets the tiny network learn something in so few steps.
QUICK = {"patches_per_tile": 9, "epochs": 2, "batch_size": 6, "learning_rate": 1e-3, "schedule": "cosine"}
QUICK_TINY = {**QUICK, "model": "tiny"}


@dataclass(frozen=True)
class SuperresStudy(Study):
    """A study of super-resolution.

    Attributes:
        tests: degradations of the test scenes; empty: the degradation of the training.
        opponents: methods without training that verdicts are about, too.
        by_brightness: whether errors are measured by reflectance, too.
    """

    tests: tuple[str, ...] = ()
    opponents: tuple[str, ...] = ()
    by_brightness: bool = False


STUDIES = {
    study.name: study
    for study in (
        SuperresStudy(
            "networks",
            "Which network fuses best, without spectral or spatial distortion?",
            {name: {"model": name} for name in ONE_GSD},
            reference="dsen2",
            metrics=(*ERRORS, "consistency", "hqnr"),
            shown=("sre", "q2n", "sharpness", "correlation"),
            quick=QUICK,
            too_slow=("vdsen2",),
            opponents=("bicubic",),
            remarks="Networks with equal steps, not with equal time; the table of costs has work and speed.",
        ),
        SuperresStudy(
            "interpolation",
            "Does interpolated input hand the network a part of the solution?",
            {upsampling: {"upsample": upsampling} for upsampling in (UPSAMPLINGS[-1], *UPSAMPLINGS[:-1])},
            reference="none",
            metrics=ERRORS,
            shown=FURTHER,
            settings={"model": "lowres"},
            quick=QUICK,
            opponents=("bicubic",),
            remarks="With `none` the network sees the coarse bands at their own GSD and predicts the bands themselves; with the others "
            "it predicts the difference to the upsampled bands.",
        ),
        SuperresStudy(
            "blur",
            "Does a network learn to sharpen, or to undo the blur that its training data were degraded with?",
            {f"trained with {degradation}": {"degradation": degradation} for degradation in DEGRADATIONS},
            reference="trained with gaussian",
            metrics=ERRORS,
            shown=FURTHER,
            quick=QUICK_TINY,
            tests=DEGRADATIONS,
            remarks="Each network is measured on test scenes degraded with either blur. Metrics at full scale do not depend on it.",
        ),
        SuperresStudy(
            "extremes",
            "How do errors, and training, depend on very bright pixels?",
            {
                "l1": {},
                "charbonnier": {"loss": "charbonnier"},
                "l2": {"loss": "l2"},
                "l1, power 1": {"brightness_power": 1.0},
                "l1, power minus 1": {"brightness_power": -1.0},
                f"l1, ceiling {CEILING}": {"brightness_ceiling": float(CEILING)},
            },
            reference="l1",
            metrics=("rmse", "rmse_brightest", "rmse_others"),
            shown=("absolute_share", "square_share", "sam", "ergas", "uiq"),
            quick=QUICK_TINY,
            by_brightness=True,
            remarks="The brightest 1 % are those of each band and test scene. Their share in absolute errors is their share in the loss "
            "`l1`, their share in squared errors that in `l2`. If all pixels were equal, it would be 1 %. Power and ceiling are "
            "`--brightness-power` and `--brightness-ceiling`.",
        ),
        SuperresStudy(
            "adversary",
            "What does an adversary change, compared with its generator trained alone?",
            {
                "alone, weight 0": {"model": GAN, "adversarial_weight": 0.0},
                "gan, weight 2e-4": {"model": GAN, "adversarial_weight": 2e-4},
                "gan, weight 5e-3": {"model": GAN, "adversarial_weight": 5e-3},
            },
            reference="alone, weight 0",
            metrics=("rmse", "sam", "consistency", "hqnr", "opensr_hallucination", "opensr_improvement"),
            shown=("ergas", "uiq", "q2n", "sharpness", "correlation", "opensr_omission"),
            settings={"schedule": "cosine"},
            quick={**QUICK_TINY, "epochs": 3},
            remarks="With weight 0 the generator learns from the content loss only, with the same optimizer and average of weights.",
        ),
        SuperresStudy(
            "losses",
            "Which loss gives the smallest errors?",
            {loss: {"loss": loss} for loss in ("l1", "charbonnier", "l2")},
            reference="l1",
            metrics=ERRORS,
            shown=FURTHER,
            quick=QUICK_TINY,
        ),
    )
}
