"""The options of an evaluation as a record. Light: imports no Keras."""

from dataclasses import dataclass
from pathlib import Path

from common.networks.engines import TENSORFLOW
from common.patches.settings import DEGRADATIONS
from superres.networks.sources import WeightsOptions


@dataclass(frozen=True)
class EvaluationOptions:
    """The options of `superres/evaluate.py`; its help texts explain the fields of the same names.

    Attributes:
        tiles: file with the list of scenes.
        output: folder for tables and figures.
        gsd: 20 or 60 m; None takes the GSD of the first network.
        engine: computes the networks, if it can be used here.
        methods: names of `superres.pansharpening.catalogue.METHODS`.
        uncertainty: calibrate the expected error of the networks, which are members of one ensemble.
    """

    tiles: str
    weights: WeightsOptions
    output: Path
    data_dir: str | None = None
    gsd: int | None = None
    degradation: str = DEGRADATIONS[0]
    precision: str = "float32"
    engine: str = TENSORFLOW
    full_scale: bool = False
    methods: tuple[str, ...] = ()
    uncertainty: bool = False
    overwrite: bool = False
    show_progress: bool = False
