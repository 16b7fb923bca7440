"""A faster start of commands: imports that they do without, and Python's collector of reference cycles, which waits.

Keras 3.15 imports scikit-learn, matplotlib's pyplot, pandas and IPython if they are installed, and TensorFlow 2.21 SciPy, for
parts that no command uses: 1,300 of 4,200 modules. Without them and the collector, the import takes half of the time.
"""

import gc
import sys
from collections.abc import Callable, Sequence
from functools import partial
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from types import ModuleType

FASTER = ("tensorflow", "keras")
LEFT_OUT = ("sklearn", "matplotlib", "pandas", "IPython", "scipy")


class _Faster(MetaPathFinder):
    """Finds TensorFlow and Keras, and ends the import of packages that they ask for while they are imported themselves."""

    def __init__(self) -> None:
        self._open_imports = 0

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if self._open_imports and name in LEFT_OUT:
            raise ModuleNotFoundError(f"{name} is left out while TensorFlow and Keras are imported", name=name)
        spec = PathFinder.find_spec(name) if name in FASTER else None
        if spec:
            spec.loader.exec_module = partial(self._execute, spec.loader.exec_module)
        return spec

    def _execute(self, execute: Callable[[ModuleType], None], module: ModuleType) -> None:
        """Execute a package without Python's collector of reference cycles, and let it leave the package's objects alone.

        They are 400,000, and stay. The collector would look at them again and again, also while a graph is built.
        """
        gc.disable()
        self._open_imports += 1
        try:
            execute(module)
        finally:
            self._open_imports -= 1
            if not self._open_imports:
                gc.freeze()
                gc.enable()


def speed_up_imports() -> None:
    """Let TensorFlow and Keras be imported as if the packages of LEFT_OUT were not installed, and without the collector.

    Other modules import these packages as ever.
    """
    if not any(isinstance(finder, _Faster) for finder in sys.meta_path):
        sys.meta_path.insert(0, _Faster())
