"""Style of figures: files, legends, axes."""

from pathlib import Path

import numpy as np
import pytest
from matplotlib.figure import Figure
from matplotlib.image import imread
from matplotlib.text import Text

from common.errors import OutputError
from common.figures import style
from common.figures.style import clean_axes, legend_above, save_png, use_log_scale


def test_a_figure_is_a_png_of_its_size(tmp_path: Path) -> None:
    save_png(Figure(figsize=(2, 1)), tmp_path / "figure.png")
    assert imread(tmp_path / "figure.png").shape[:2] == (style.DPI, 2 * style.DPI)
    assert [path.name for path in tmp_path.iterdir()] == ["figure.png"]


def test_dollar_signs_in_names_are_no_formulas(tmp_path: Path) -> None:
    r"""A run folder may have the name `$\frac$`, which is no formula. Numbers at an axis stay formulas."""
    figure = Figure(figsize=(4, 2))
    ax = figure.subplots()
    ax.barh([r"runs/$\frac$", "b"], [1, 1000], log=True)
    ax.set_title("a $x$ b")
    legend_above(figure, [ax.patches[0]], ["$$"])
    save_png(figure, tmp_path / "figure.png")
    parsed = {text.get_text() for text in figure.findobj(Text) if "$" in text.get_text() and text.get_parse_math()}
    assert parsed and all(text.startswith(r"$\mathdefault{10^{") for text in parsed)


def test_a_figure_that_fails_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "old.png").write_bytes(b"old")

    def fail_half_way(self: Figure, path: str, **options: object) -> None:
        Path(path).write_bytes(b"half")
        raise OSError("disk full")

    monkeypatch.setattr(Figure, "savefig", fail_half_way)
    with pytest.raises(OutputError, match="disk full"):
        save_png(Figure(), tmp_path / "old.png")
    assert [path.name for path in tmp_path.iterdir()] == ["old.png"]
    assert (tmp_path / "old.png").read_bytes() == b"old"


@pytest.mark.parametrize(("label", "columns"), [("a", 5), ("a network with a very long name", 2), ("a" * 200, 1)])
def test_long_labels_leave_room_for_fewer_columns(label: str, columns: int) -> None:
    figure = Figure(figsize=(10, 4))
    handles = figure.subplots().plot(np.zeros((2, 5)))
    legend_above(figure, handles, [label] * 5)
    (legend,) = figure.legends
    assert legend._ncols == columns
    assert [text.get_text() for text in legend.get_texts()] == [label] * 5


@pytest.mark.parametrize(
    ("values", "ticks"), [([1, 90], [1, 2, 5, 10, 20, 50, 100]), ([1, 9000], [1, 10, 100, 1000, 10_000])]
)
def test_a_logarithmic_axis_has_few_numbers(values: list[float], ticks: list[float]) -> None:
    ax = Figure().subplots()
    ax.plot(values)
    use_log_scale(ax, "{x:g}")
    low, high = ax.get_ylim()
    shown = [tick for tick in ax.get_yticks() if low <= tick <= high]
    np.testing.assert_allclose(shown, ticks)
    assert not len(ax.get_yticks(minor=True))


def test_clean_axes_keep_two_sides_of_the_frame() -> None:
    ax = Figure().subplots()
    clean_axes(ax, grid="y")
    assert [side for side, spine in ax.spines.items() if spine.get_visible()] == ["left", "bottom"]
    assert all(line.get_visible() for line in ax.get_ygridlines())
    assert not any(line.get_visible() for line in ax.get_xgridlines())
