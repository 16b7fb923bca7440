"""Training settings shared by all applications. Command options, help texts and `config.json` follow from these fields."""

import dataclasses
import math
from dataclasses import dataclass
from typing import Any, TypeVar

from common.errors import SettingError

Config = TypeVar("Config", bound="RunConfig")


def setting(help: str, default: Any = dataclasses.MISSING, **metadata: Any) -> Any:
    """A field of a configuration: its default, and the help text and choices of its option."""
    return dataclasses.field(default=default, metadata={"help": help, **metadata})


@dataclass(frozen=True, kw_only=True)
class RunConfig:
    """Settings that training means the same in every application; applications derive and add theirs."""

    epochs: int = setting("passes over the training patches", 100)
    batch_size: int = setting("patches a rank and step", 32)
    learning_rate: float = setting("for one rank; multiplied by the number of ranks", 1e-4)
    schedule: str = setting(
        "plateau: halve the learning rate when validation stops improving; cosine: fall to zero over all epochs",
        "plateau",
        choices=("plateau", "cosine"),
    )
    patience: int = setting("epochs without improvement before the learning rate is halved", 5)
    warmup_epochs: float = setting("epochs over which the learning rate rises to its full value", 1.0)
    precision: str = setting(
        "of the convolutions; what they add up to stays float32",
        "float32",
        choices=("float32", "bfloat16", "float16"),
    )
    seed: int = setting("for initial weights, order and augmentation", 0)

    def __post_init__(self) -> None:
        for name in ("epochs", "batch_size", "patience", "learning_rate"):
            if not 0 < getattr(self, name) < math.inf:
                raise SettingError(f"--{name.replace('_', '-')} must be above 0; got {getattr(self, name)}.")
        if not 0 <= self.warmup_epochs < math.inf:
            raise SettingError(f"--warmup-epochs must be at least 0; got {self.warmup_epochs}.")
        if not 0 <= self.seed < 2**32:
            raise SettingError(f"--seed must be 0 to 4294967295; got {self.seed}.")
        for field in dataclasses.fields(self):
            if getattr(self, field.name) == "":  # as of a shell variable that is not set
                raise SettingError(f"--{field.name.replace('_', '-')} is empty; give a value, or leave it out.")
            choices = field.metadata.get("choices")
            if choices and getattr(self, field.name) not in choices:
                raise SettingError(f"{field.name} must be one of {choices}; got {getattr(self, field.name)!r}.")

    @classmethod
    def from_dict(cls: type[Config], settings: dict) -> Config:
        """The configuration with these settings.

        Raises:
            SettingError: a name is unknown or a value out of range.
        """
        unknown = set(settings) - {field.name for field in dataclasses.fields(cls)}
        if unknown:
            raise SettingError(f"unknown settings {', '.join(sorted(unknown))} for {cls.__name__}; take them out.")
        return cls(**settings)
