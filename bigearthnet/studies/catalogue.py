"""The studies of classification, one a question. Light: imports neither NumPy nor Keras."""

from collections.abc import Mapping
from typing import Any

from bigearthnet.networks.catalogue import STEM
from common.pixels.upsampling import BICUBIC, BILINEAR
from common.studies.study import Study

JUDGED = ("ap_macro_held", "f1_macro_held")
SHOWN = ("ap_macro", "ap_micro", "f1_macro", "f1_micro", "f1_sample")
BY_SUPPORT = tuple(f"{metric}_{group}" for metric in ("ap", "f1") for group in ("rare", "middle", "common"))
QUICK: Mapping[str, Any] = {"model": "small", "epochs": 2, "batch_size": 4, "warmup_epochs": 0.0}
SUPERRES_INPUT = "superres-input"
SUPER_RESOLVED = "super-resolved"  # the variant that reads the prepared file of bands at 10 m
REMARK = (
    "Average precision and F1 are no means over patches: v₂ is the variance over 200 resamples of the test patches, drawn with "
    "replacement, the same ones for all variants and seeds. Neighbouring patches are alike, which this overlooks."
)

STUDIES = {
    study.name: study
    for study in (
        Study(
            name="networks",
            question="Which network labels patches best, and at what cost?",
            varied={name: {"model": name} for name in ("resnet18", "resnet50", "efficientnetv2b0", "convnexttiny")},
            reference="resnet18",
            metrics=JUDGED,
            quick={**QUICK, "bands": "rgb"},
            too_slow=("resnet50", "efficientnetv2b0", "convnexttiny"),
            shown=(*SHOWN, *BY_SUPPORT),
            remarks=REMARK,
        ),
        Study(
            name="bands",
            question="What do the multispectral bands add over red, green and blue?",
            varied={bands: {"bands": bands} for bands in ("rgb", "10m", "10bands", "s2")},
            reference="rgb",
            metrics=JUDGED,
            quick=QUICK,
            shown=(*SHOWN, *BY_SUPPORT),
            remarks=REMARK,
        ),
        Study(
            name=SUPERRES_INPUT,
            question="Do super-resolved bands raise the scores, beside interpolated and native ones?",
            varied={
                "native": {"resampling": STEM},
                BILINEAR: {"resampling": BILINEAR},
                BICUBIC: {"resampling": BICUBIC},
                SUPER_RESOLVED: {"resampling": BILINEAR},
            },
            reference=BILINEAR,
            metrics=JUDGED,
            quick=QUICK,
            shown=(*SHOWN, *BY_SUPPORT),
            remarks=f"{REMARK} Native: the network has a learned convolution for the bands of each GSD (`--resampling stem`), and so "
            "some parameters more. Super-resolved: bands at 10 m from `superres-predict`; networks and all settings are those of "
            f"{BILINEAR}.",
        ),
        Study(
            name="imbalance",
            question="How can a classifier live with very unbalanced classes?",
            varied={
                **{loss: {"loss": loss} for loss in ("bce", "weighted", "focal", "asymmetric")},
                "balanced sampling": {"loss": "bce", "sampling": "balanced"},
            },
            reference="bce",
            metrics=(*JUDGED, "ap_rare", "f1_rare"),
            quick=QUICK,
            shown=(*SHOWN, *(metric for metric in BY_SUPPORT if not metric.endswith("_rare"))),
            remarks=REMARK,
        ),
        Study(
            name="sentinel1",
            question="What does co-registered Sentinel-1 add?",
            varied={bands: {"bands": bands} for bands in ("10bands", "s1", "s1_10bands")},
            reference="10bands",
            metrics=JUDGED,
            quick=QUICK,
            shown=(*SHOWN, *BY_SUPPORT),
            remarks=REMARK,
        ),
    )
}
