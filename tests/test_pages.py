"""Texts of the repository: the paths, names and links in them exist, and the commands on its pages parse."""

import importlib
import re
import shlex
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[1]
PACKAGES = ("common", "superres", "bigearthnet")
FOLDERS = (*PACKAGES, "benchmarks", "docs", "findings", "jobs", "notebooks", "tests")
TEXTS = sorted(
    path.relative_to(REPOSITORY)
    for path in (*REPOSITORY.glob("*"), *(path for folder in FOLDERS for path in (REPOSITORY / folder).rglob("*")))
    if path.suffix in (".py", ".md", ".ipynb", ".sh", ".sbatch", ".toml") or path.name == "Makefile"
)
PAGES = [path for path in TEXTS if path.suffix == ".md"]


def test_paths_and_names_of_code_in_texts_exist() -> None:
    """A path starts with a top-level folder. A dotted name is in backquotes. The change log names old modules."""
    path_pattern = re.compile(rf"(?<![\w./$-])(?:{'|'.join(FOLDERS)})/[\w./-]*\w\.(?:py|md|sh|sbatch|ipynb|csv|txt)\b")
    name_pattern = re.compile(rf"`((?:{'|'.join(PACKAGES)})(?:\.\w+)+)")
    missing = []
    for text in TEXTS:
        if text.name == "CHANGELOG.md":
            continue
        words = (REPOSITORY / text).read_text()
        missing += [f"{text}: {path}" for path in path_pattern.findall(words) if not (REPOSITORY / path).exists()]
        missing += [f"{text}: {name}" for name in name_pattern.findall(words) if not is_defined(name)]
    assert not missing, "\n".join(missing)


def is_defined(name: str) -> bool:
    """Whether a dotted name is a module, a package, or a name that the text of a module contains."""
    parts = name.split(".")
    for path in (Path(*parts), Path(*parts).with_suffix(".py")):
        if (REPOSITORY / path).exists():
            return True
    module = REPOSITORY / Path(*parts[:-1]).with_suffix(".py")
    return module.exists() and re.search(rf"\b{parts[-1]}\b", module.read_text()) is not None


def test_links_lead_to_files_and_headings() -> None:
    for page in PAGES:
        for file, heading in re.findall(r"\]\((?!https?:)([^)#]*)#?([^)]*)\)", (REPOSITORY / page).read_text()):
            target = REPOSITORY / page.parent / file if file else REPOSITORY / page
            assert target.exists(), f"{page}: {file}"
            if heading:
                titles = re.findall(r"^#+ (.+)$", target.read_text(), re.MULTILINE)
                anchors = {re.sub(r"[^\w -]", "", title).lower().replace(" ", "-") for title in titles}
                assert heading in anchors, f"{page}: {file}#{heading}"


def commands_on(page: Path) -> list[list[str]]:
    """The words of each command of ours in the code blocks of a page, from the name of its module on."""
    commands = []
    for block in re.findall(r"^```\n(.*?)^```", (REPOSITORY / page).read_text(), re.MULTILINE | re.DOTALL):
        for line in block.replace("\\\n", " ").splitlines():
            words = shlex.split(line, comments=True)
            for index, word in enumerate(words):
                is_value = words[max(index - 1, 0)].startswith("--")  # such as the name of a study
                if re.fullmatch(r"(superres|bigearthnet)(/\w+\.py|-\w+)", word) and not is_value:
                    commands.append([re.sub("[/-]", ".", word.removesuffix(".py")), *words[index + 1 :]])
    return commands


@pytest.mark.parametrize("module, arguments", [(c[0], c[1:]) for page in PAGES for c in commands_on(page)])
def test_commands_on_pages_parse(module: str, arguments: list[str]) -> None:
    importlib.import_module(module).build_parser().parse_args(arguments)


def test_pages_have_commands() -> None:
    assert sum(len(commands_on(page)) for page in PAGES) >= 10
