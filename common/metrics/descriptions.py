"""Title, unit and better direction of every metric; tables, figures and verdicts take them from here. No I/O."""

from typing import Literal, NamedTuple


class Description(NamedTuple):
    """How a metric is shown.

    Attributes:
        title: such as `RMSE`.
        unit: such as `DN`; empty for a number without a unit.
        lower_is_better: the better direction; None if neither is.
        of_truth: value that the truth has, if an estimate may exceed it: then the largest value is not the best.
    """

    title: str
    unit: str
    lower_is_better: bool | None
    of_truth: float | None = None

    @property
    def title_and_unit(self) -> str:
        """Such as `RMSE (DN)`."""
        return f"{self.title} ({self.unit})" if self.unit else self.title

    @property
    def marked(self) -> Literal["lower", "higher", ""]:
        """Which values a table marks as the best; empty: none."""
        if self.of_truth is not None or self.lower_is_better is None:
            return ""
        return "lower" if self.lower_is_better else "higher"

    @property
    def direction(self) -> str:
        """The better direction in words, such as `lower is better` or `truth about 0.9`; empty if neither is better."""
        if self.of_truth is not None:
            return f"truth about {self.of_truth:g}"
        return f"{self.marked} is better" if self.marked else ""

    @property
    def plain_heading(self) -> str:
        """Heading of a column without an arrow, such as `RMSE (DN)` or `Sharpness (truth about 0.9)`."""
        return self.title_and_unit if self.of_truth is None else f"{self.title_and_unit} ({self.direction})"

    @property
    def heading(self) -> str:
        """Heading of a column, such as `RMSE (DN) ↓`; without an arrow if neither direction is better."""
        return self.plain_heading + {True: " ↓", False: " ↑", None: ""}[self.lower_is_better]


IMAGE_METRICS = {
    "rmse": Description("RMSE", "DN", True),
    "sre": Description("SRE", "dB", False),
    "ergas": Description("ERGAS", "", True),
    "sam": Description("SAM", "deg", True),
    "uiq": Description("UIQ", "", False),
    "psnr": Description("PSNR", "dB", False),
    "ssim": Description("SSIM", "", False),
    "q2n": Description("Q2n", "", False),
    "shift": Description("Shift", "px", True),
    "opensr_reflectance": Description("Reflectance", "DN", True),
    "opensr_spectral": Description("Spectral", "deg", True),
    "opensr_spatial": Description("Spatial", "coarse px", True),
    "opensr_improvement": Description("Improvement", "", False),
    "opensr_omission": Description("Omission", "", True),
    "opensr_hallucination": Description("Hallucination", "", True),
    "consistency": Description("Consistency", "DN", True),
    "sharpness": Description("Sharpness", "", False, of_truth=0.9),
    "correlation": Description("Correlation of detail", "", False, of_truth=0.85),
    "d_lambda": Description("D_lambda", "", True),
    "d_lambda_khan": Description("D_lambda of Khan", "", True),
    "d_s": Description("D_s", "", True),
    "qnr": Description("QNR", "", False),
    "hqnr": Description("HQNR", "", False),
}
# From `superres/evaluation/cost.py`.
COST_METRICS = {
    "processor_time": Description("Processor time", "s/Mpx", True),
    "memory": Description("Memory", "MB", True),
}
# Errors of very bright pixels, from `superres/studies/brightness.py`.
BRIGHTNESS_METRICS = {
    "rmse_brightest": Description("RMSE of the brightest 1 %", "DN", True),
    "rmse_others": Description("RMSE of the other 99 %", "DN", True),
    "absolute_share": Description("Share of the brightest 1 % in absolute errors", "%", None),
    "square_share": Description("Share of the brightest 1 % in squared errors", "%", None),
}
CLASS_TITLES = {"f1": "F1", "f2": "F2", "precision": "Precision", "recall": "Recall", "ap": "AP"}
CLASS_METRICS = {
    **{metric: Description(title, "", False) for metric, title in CLASS_TITLES.items()},
    **{
        f"{metric}_{average}": Description(f"{title} {average}", "", False)
        for metric, title in CLASS_TITLES.items()
        for average in ("micro", "macro", "sample")
        if (metric, average) != ("ap", "sample")
    },
    **{
        f"{metric}_macro_held": Description(f"{CLASS_TITLES[metric]} macro, tested classes", "", False)
        for metric in ("f1", "ap")
    },
    "hamming": Description("Hamming loss", "", True),
    "subset": Description("Subset accuracy", "", False),
}
# Means over classes by their share of the training patches, from `bigearthnet/evaluation/support.py`.
SUPPORT_METRICS = {
    f"{metric}_{group}": Description(f"{CLASS_TITLES[metric]} of {group} classes", "", False)
    for metric in ("f1", "ap")
    for group in ("rare", "middle", "common")
}
DESCRIPTIONS = IMAGE_METRICS | COST_METRICS | BRIGHTNESS_METRICS | CLASS_METRICS | SUPPORT_METRICS
