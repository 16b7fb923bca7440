"""A faster start of commands, by imports that they do without.

Keras 3.15 imports scikit-learn, matplotlib's pyplot and pandas if they are installed, for parts of Keras that no command
uses. They take a third of the time in which TensorFlow and Keras are imported, and 1,100 of 4,200 modules.
"""

import sys
from collections.abc import Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType

LEFT_OUT = ("sklearn", "matplotlib", "pandas")


class _LeftOut(MetaPathFinder):
    """Finds nothing, but ends the import of packages that Keras asks for while it is imported itself."""

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        keras = sys.modules.get("keras")
        if name in LEFT_OUT and keras and not hasattr(keras, "__version__"):  # Keras sets it at the end of its import
            raise ModuleNotFoundError(f"{name} is left out of Keras", name=name)
        return None


def leave_out_of_keras() -> None:
    """Let Keras be imported as if the packages of LEFT_OUT were not installed. Other modules import them as ever."""
    if not any(isinstance(finder, _LeftOut) for finder in sys.meta_path):
        sys.meta_path.insert(0, _LeftOut())
