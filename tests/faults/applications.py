"""The trainings that faults strike: both applications and the GAN, with networks and patches that take seconds.

python -m tests.faults.applications superres WHEN OPTIONS    the command, with its small network, and a strike
"""

import importlib
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from common.runs import imports, signals
from tests.faults.strikes import NEVER, RenameCounter, Strike

EPOCHS = 8
BATCH = 4  # patches of a rank in a step
COMMANDS = {"superres": "superres.train", "gan": "superres.train", "bigearthnet": "bigearthnet.train"}


class Application(NamedTuple):
    """A training command with its options.

    Attributes:
        name: a key of `COMMANDS`.
        options: words of the command line, without epochs and run folder.
    """

    name: str
    options: tuple[str, ...]

    def words(self, run_dir: Path, epochs: int = EPOCHS, *flags: str) -> list[str]:
        """Return the words of the command line."""
        return [*self.options, "--epochs", str(epochs), "--run-dir", str(run_dir), *flags]

    def arguments(self, words: Sequence[str], strike: Strike | None = None) -> list[str]:
        """Return the arguments of Python that run the command in a fresh process: itself if that is possible."""
        if strike is None and self.name != "bigearthnet":  # which has no network that is small enough
            return [COMMANDS[self.name].replace(".", "/") + ".py", *words]
        return ["-m", "tests.faults.applications", self.name, (strike or NEVER).words(), *words]


def make_application(folder: Path, name: str) -> Application:
    """Return an application; write its inputs into a folder if they are not there."""
    from tests.support.made_patches import split_names, write_made
    from tests.support.tiny_training import write_scenes

    folder.mkdir(parents=True, exist_ok=True)
    common = ("--batch-size", str(BATCH), "--warmup-epochs", "0", "--no-progress")
    common += ("--checkpoint-minutes", "1e-9")  # after each step, or each look of several ranks
    if name == "bigearthnet":
        data = folder / "made.h5"
        if not data.exists():
            write_made(data, split_names(12, 6, 0))
        return Application(name, ("--data", str(data), "--model", "small", "--bands", "s2", *common))
    tiles = folder / "tiles.txt"
    if not tiles.exists():
        write_scenes(folder)
    patches = ("--patch-cache", str(folder / "patches"), "--patches-per-tile", "8")
    network = ("--model", "gan", "--generator", "tiny") if name == "gan" else ("--model", "tiny")
    return Application(name, ("--tiles", str(tiles), *patches, *network, *common))


def import_everything() -> None:
    """Import all that the trainings import, so that forked processes have it."""
    import keras  # noqa: F401

    modules = ("cards.model_card", "figures.history", "training.data", "training.fit", "training.plan")
    for package in ("superres", "bigearthnet"):
        for module in (*modules, "train"):
            importlib.import_module(f"{package}.{module}")
    importlib.import_module("bigearthnet.evaluation.measure")


def run(name: str, words: Sequence[str], strike: Strike | None = None) -> int:
    """Run the command of an application in this process; return its exit code. Print the number of renames."""
    from bigearthnet.networks.catalogue import NETWORKS
    from tests.support.made_patches import tiny_network

    NETWORKS["small"] = tiny_network
    counter = RenameCounter(strike or NEVER)
    code = importlib.import_module(COMMANDS[name]).main(list(words))
    print(f"renames: {counter.count}", flush=True)
    return code


def main() -> int:
    """Run an application in a fresh process."""
    name, strike, *words = sys.argv[1:]
    return run(name, words, Strike.from_words(strike))


if __name__ == "__main__":
    signals.install()  # as a command does at its first import
    imports.speed_up_imports()
    sys.exit(main())
