"""The rooms of the code: who may import whom, the map in CONTRIBUTING.md, and the size of modules and functions."""

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[1]
PACKAGES = ("common", "superres", "bigearthnet")
MODULES = sorted(path.relative_to(REPOSITORY) for package in PACKAGES for path in (REPOSITORY / package).rglob("*.py"))
ROOMS = sorted({path.parent for path in MODULES if len(path.parts) > 2})

MOST_MODULES, MOST_MODULE_LINES, MOST_FUNCTION_LINES = 12, 300, 50
LARGE_ROOMS = {Path("superres/networks")}  # one module for each network
# Modules without a test file of their own name, and the tests that cover them.
TESTED_ELSEWHERE = {
    "common/backends/horovod.py": "tests/mpi/test_averaging.py",  # nothing without other ranks
    "common/backends/mpi4py.py": "tests/mpi/test_averaging.py",
    "superres/networks/dsen2.py": "tests/superres/networks/test_networks.py",  # the tests of every network
    "superres/networks/fuse.py": "tests/superres/networks/test_networks.py",
    "superres/networks/lowres.py": "tests/superres/networks/test_networks.py",
    "superres/networks/palsson.py": "tests/superres/networks/test_networks.py",
    "superres/networks/sources.py": "tests/superres/networks/test_trained.py",  # a record
    "superres/networks/units.py": "tests/superres/networks/test_networks.py",  # a constant
    "superres/prediction/options.py": "tests/superres/prediction/test_plan.py",  # a record
    "superres/evaluation/options.py": "tests/superres/evaluation/test_plan.py",  # a record
    "bigearthnet/prediction/options.py": "tests/bigearthnet/prediction/test_plan.py",  # a record
    "bigearthnet/evaluation/options.py": "tests/bigearthnet/evaluation/test_plan.py",  # a record
}
FOR_ALL = {"errors", "distributed", "machine"}  # modules that each room may import


def parse(path: Path) -> ast.Module:
    return ast.parse((REPOSITORY / path).read_text())


def room_sentences(room: Path) -> str:
    """The first paragraph of a room's docstring, in one line."""
    return " ".join(ast.get_docstring(parse(room / "__init__.py")).split("\n\n")[0].split())


def imported_names(nodes: Iterator[ast.AST]) -> Iterator[str]:
    """The dotted name of each imported module or object."""
    for node in nodes:
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def test_imports_keep_the_contracts() -> None:
    """The contracts are in pyproject.toml; the output names the import that breaks one."""
    command = [sys.executable, "-c", "import importlinter.cli; importlinter.cli.lint_imports_command()", "--no-cache"]
    linted = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True)
    assert linted.returncode == 0, linted.stdout + linted.stderr


@pytest.mark.parametrize("room", ROOMS, ids=str)
def test_a_room_names_the_rooms_that_it_imports(room: Path) -> None:
    """A room in a room may import the room around it."""
    rooms = {other.name for other in ROOMS if other.parent == Path(room.parts[0])}
    imports = set()
    for path in (REPOSITORY / room).glob("*.py"):
        for name in imported_names(ast.walk(parse(path))):
            package, _, rest = name.partition(".")
            if package == room.parts[0]:
                imports.add(rest.partition(".")[0])
    named = set(re.findall(r"`(\w+)`", room_sentences(room)))
    assert imports - FOR_ALL - {room.parts[1]} <= named & rooms


def test_the_map_of_the_code_is_what_the_rooms_say() -> None:
    rows = re.findall(r"^\| `(\S+)/` \| (.+) \|$", (REPOSITORY / "CONTRIBUTING.md").read_text(), re.MULTILINE)
    assert dict(rows) == {str(room): room_sentences(room) for room in ROOMS}
    assert len(rows) == len(ROOMS)


def test_each_folder_of_modules_is_a_package() -> None:
    """setuptools and import-linter overlook others."""
    assert {path.parent for path in MODULES} == {path.parent for path in MODULES if path.stem == "__init__"}


def places_of_tests(module: Path) -> tuple[Path, ...]:
    """The places for the tests of a module: the same room, or for a command a file or a folder in tests/cli."""
    command = Path("tests", "cli", f"{module.parent.name}_{module.stem}")
    return Path("tests", module.parent, f"test_{module.name}"), command, command.with_name(f"test_{command.name}.py")


def test_each_module_has_tests_of_its_name() -> None:
    modules = [path for path in MODULES if path.stem != "__init__"]
    without = {
        str(path) for path in modules if not any((REPOSITORY / place).exists() for place in places_of_tests(path))
    }
    assert without == TESTED_ELSEWHERE.keys()
    assert all((REPOSITORY / tests).exists() for tests in TESTED_ELSEWHERE.values())


def test_rooms_modules_and_functions_are_small() -> None:
    for room in {path.parent for path in MODULES} - LARGE_ROOMS:
        modules = [path for path in MODULES if path.parent == room and path.stem != "__init__"]
        assert len(modules) <= MOST_MODULES, f"{room} has {len(modules)} modules"
    for path in MODULES:
        lines = len((REPOSITORY / path).read_text().splitlines())
        assert lines <= MOST_MODULE_LINES, f"{path} has {lines} lines"
        for node in ast.walk(parse(path)):
            if isinstance(node, ast.FunctionDef) and node.name != "build_parser":  # a flat list of options
                docstring = node.body[0].end_lineno - node.body[0].lineno + 1 if ast.get_docstring(node) else 0
                lines = node.end_lineno - node.lineno + 1 - docstring
                assert lines <= MOST_FUNCTION_LINES, f"{path}: {node.name} has {lines} lines without its docstring"
