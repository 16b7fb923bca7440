"""Training settings shared by all applications. Their fields define the command options, help texts and `config.json`."""

import dataclasses
import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, TypeVar

from common.errors import SettingError

Config = TypeVar("Config", bound="RunConfig")
# The keys of RATE_FACTORS in common/training/learning_rate.py, and the names in its optimizer.py; both import Keras.
RATE_RULES = ("linear", "sqrt", "none")
OPTIMIZERS = ("nadam", "adamw", "sgd", "lars", "lamb")
WITH_MOMENTUM = ("sgd", "lars")  # those of them that --momentum is for
MOMENTUM = 0.9  # of these, if --momentum is not given
# Settings that older versions did not have -> what they did; their checkpoints go on with these values.
SETTINGS_OF_OLDER_RUNS = {
    "accumulate": 1,
    "rate_rule": "linear",
    "optimizer": "nadam",
    "weight_decay": 0.0,
    "clip_norm": None,
    "gradient_precision": "float32",
    "last_rate": 0.0,
    "recipe": "own",
    "sampling": "shuffled",
    "dropout": 0.0,
    "best_by": "loss",
}


def setting(help: str, default: Any = dataclasses.MISSING, **metadata: Any) -> Any:
    """Define a field of a configuration.

    Args:
        help: text of the option in `--help`.
        default: value if the option is not given; without it, the option is required.
        metadata: `choices` or `metavar` of the option. `many=True`: it takes several values, which are kept as a tuple, but a
            single one as it is.
    """
    return dataclasses.field(default=default, metadata={"help": help, **metadata})


@dataclass(frozen=True, kw_only=True)
class RunConfig:
    """Training settings shared by all applications. An application derives its own class and adds fields.

    Raises:
        SettingError: a value is out of range, empty, or not one of its choices.
    """

    epochs: int = setting("number of passes over the training patches", 100)
    batch_size: int = setting("patches per rank and batch", 32)
    accumulate: int = setting(
        "batches whose gradients a rank adds up for one step: a larger batch in the memory of a small one", 1
    )
    optimizer: str = setting(
        "nadam; adamw; sgd with Nesterov momentum; for large batches lars or lamb, which set a rate for each layer",
        "nadam",
        choices=OPTIMIZERS,
    )
    momentum: float | None = setting(f"momentum of {' and '.join(WITH_MOMENTUM)} ({MOMENTUM})", None)
    weight_decay: float = setting("decay of kernels in each step, times the learning rate", 0.0)
    clip_norm: float | None = setting(
        "largest norm of the gradients of a step; longer ones are shortened to it; of little use with lars, which divides by "
        "their norm (no limit)",
        None,
    )
    learning_rate: float = setting("learning rate of one rank; --rate-rule says how it grows with the ranks", 1e-4)
    rate_rule: str = setting(
        "linear: multiply the learning rate by the number of ranks and --accumulate; sqrt: by its square root; none: do not",
        "linear",
        choices=RATE_RULES,
    )
    schedule: str = setting(
        "plateau: halve the learning rate if validation does not improve; cosine: fall to --last-rate over all epochs",
        "plateau",
        choices=("plateau", "cosine"),
    )
    patience: int = setting("epochs without improvement before the learning rate is halved", 5)
    warmup_epochs: float = setting("epochs over which the learning rate rises to its full value", 1.0)
    warmup_rate: float | None = setting("learning rate at the start of the warm-up (that of one rank)", None)
    last_rate: float = setting("learning rate to which the schedule cosine falls", 0.0)
    precision: str = setting(
        "number format of the convolutions; their sums stay float32",
        "float32",
        choices=("float32", "bfloat16", "float16"),
    )
    gradient_precision: str = setting(
        "number format in which gradients travel between ranks; 16 bits take less time on a slow network",
        "float32",
        choices=("float32", "bfloat16", "float16"),
    )
    checkpoint_minutes: float = setting(
        "minutes between two checkpoints inside an epoch; 0: only at the ends of epochs and at signals", 10.0
    )
    seed: int = setting("seed of the initial weights, the order of patches and their turns", 0)

    @property
    def step_patches(self) -> int:
        """Patches of a rank in a step."""
        return self.batch_size * self.accumulate

    @property
    def used_momentum(self) -> float | None:
        """Momentum of the optimizer; None for one without."""
        if self.optimizer not in WITH_MOMENTUM:
            return None
        return MOMENTUM if self.momentum is None else self.momentum

    def __post_init__(self) -> None:
        for name in ("epochs", "batch_size", "accumulate", "patience", "learning_rate"):
            if not 0 < getattr(self, name) < math.inf:
                raise SettingError(f"{option_name(name)} must be above 0; got {getattr(self, name)}.")
        for name in ("warmup_epochs", "last_rate", "checkpoint_minutes", "weight_decay"):
            if not 0 <= getattr(self, name) < math.inf:
                raise SettingError(f"{option_name(name)} must be at least 0; got {getattr(self, name)}.")
        if self.warmup_rate is not None and not 0 <= self.warmup_rate < math.inf:
            raise SettingError(f"--warmup-rate must be at least 0; got {self.warmup_rate}.")
        if self.clip_norm is not None and not 1e-30 <= self.clip_norm <= 1e30:  # else steps in float32 are 0 or NaN
            raise SettingError(
                f"--clip-norm must be 1e-30 to 1e30, or left out to shorten no gradients; got {self.clip_norm}."
            )
        if self.momentum is not None and not 0 <= self.momentum < 1:
            raise SettingError(f"--momentum must be at least 0 and below 1; got {self.momentum}.")
        if self.momentum is not None and self.optimizer not in WITH_MOMENTUM:
            raise SettingError(
                f"--momentum is only for --optimizer {' and '.join(WITH_MOMENTUM)}, and this run has --optimizer "
                f"{self.optimizer}; leave one of them out."
            )
        if not 0 <= self.seed < 2**32:
            raise SettingError(f"--seed must be 0 to 4294967295; got {self.seed}.")
        for field in dataclasses.fields(self):
            if field.metadata.get("many"):
                object.__setattr__(self, field.name, one_or_tuple(getattr(self, field.name)))
            value = getattr(self, field.name)
            values = as_tuple(value)
            if "" in values:  # for example a shell variable that is not set
                raise SettingError(f"{option_name(field.name)} is empty; give a value, or leave it out.")
            choices = field.metadata.get("choices")
            is_chosen = values and all(one in choices for one in values) if choices else True
            if value != field.default and not is_chosen:
                raise SettingError(
                    f"{option_name(field.name)} must be one of {', '.join(map(str, choices))}; got {value!r}."
                )

    def lasting_settings(self, changeable: Iterable[str]) -> dict[str, Any]:
        """Return the settings, by name, that a checkpoint must share with a run that continues it exactly, as JSON returns them.

        Args:
            changeable: settings of the application that may change. Of those of all applications, epochs and
                checkpoint_minutes may, and momentum where it has no use.
        """
        changeable = {"checkpoint_minutes", *changeable}
        if self.schedule != "cosine":  # with it, the learning rate of every step depends on the number of epochs
            changeable.add("epochs")
        if self.optimizer not in WITH_MOMENTUM:  # older versions stored one
            changeable.add("momentum")
        settings = {**dataclasses.asdict(self), "momentum": self.used_momentum}
        return {
            name: list(value) if isinstance(value, tuple) else value
            for name, value in settings.items()
            if name not in changeable
        }

    @classmethod
    def from_dict(cls: type[Config], settings: dict) -> Config:
        """Return the configuration with these settings, and defaults for the others.

        Raises:
            SettingError: a name is unknown, or a value is out of range.
        """
        unknown = set(settings) - {field.name for field in dataclasses.fields(cls)}
        if unknown:
            raise SettingError(f"unknown settings {', '.join(sorted(unknown))} for {cls.__name__}; take them out.")
        return cls(**settings)


def option_name(field_name: str) -> str:
    """Return the option of a field: `batch_size` -> `--batch-size`."""
    return "--" + field_name.replace("_", "-")


def one_or_tuple(value: Any) -> Any:
    """Return the value of a setting that may have several: 20 for 20 and [20], (20, 60) for [20, 60], None for None and []."""
    if not isinstance(value, (list, tuple)):
        return value
    values = tuple(dict.fromkeys(value))
    return values if len(values) > 1 else next(iter(values), None)


def as_tuple(value: Any) -> tuple:
    """Return the values of a setting: (20,) for 20, () for None."""
    return () if value is None else value if isinstance(value, tuple) else (value,)


def changed_default(name: str, default: Any) -> Any:
    """Return a field of `RunConfig` with another default, for the class of an application."""
    field = RunConfig.__dataclass_fields__[name]
    return dataclasses.field(default=default, metadata=field.metadata)
