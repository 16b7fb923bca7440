"""The scaling study's tables and figure: what was measured, what is modelled and what others published are told apart."""

import json
from pathlib import Path

import pytest
from PIL import Image

from benchmarks import scaling
from benchmarks.measure import PARTS
from common.patches.sampling import candidate_positions
from common.patches.settings import PatchSettings

CLOCKS = dict.fromkeys(PARTS, 0.1) | {"step": 0.6, "spread": 0.02}


def step(ranks: int, step_s: float, scaling_kind: str = "weak") -> dict:
    """A measured step on ranks that share two cores, with 32 patches: of a rank, or of all ranks."""
    batch = 32 if scaling_kind == "weak" else 32 // ranks
    measured = {"ranks": ranks, "cores": 2, "step": step_s, "clocks": CLOCKS}
    return scaling.step_row("superres", scaling_kind, batch, measured)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with tables of steps and of averages."""
    steps = scaling.with_efficiency([step(1, 0.6), step(2, 1.25), step(2, 0.75, "strong")])
    scaling.write_table(tmp_path / "steps.csv", steps)
    settings = {"nodes": 3, "algorithm": "tree", "bytes": 9000, "latency_s": 0.002, "bytes_per_s": 6.25e6}
    seconds = {**settings, "seconds": 0.1, "modelled_seconds": 0.11}
    scaling.write_table(tmp_path / "network.csv", [{"use": use, **seconds} for use in ("fit", "test")])
    return tmp_path


def test_efficiency_compares_the_rates_of_a_core() -> None:
    """Two ranks on the cores of one take 1.25 s for twice the patches that one rank takes 0.6 s for."""
    one, two = scaling.with_efficiency([step(1, 0.6), step(2, 1.25)])
    assert (one["efficiency"], two["efficiency"]) == ("1.000", "0.960")


def test_the_curve_tells_kinds_apart_and_is_drawn(folder: Path) -> None:
    assert scaling.main(["--output", str(folder), "--only", "curve", "--application", "superres"]) == 0
    rows = scaling.read_table(folder / "efficiency.csv")
    kinds: dict[tuple[str, str], list[int]] = {}
    for row in rows:
        kinds.setdefault((row["kind"], row["scaling"]), []).append(int(row["ranks"]))
    assert kinds == {
        ("measured", "weak"): [1, 2],
        ("measured", "strong"): [2],
        ("modelled", "weak"): scaling.UP_TO,
        ("published", "weak"): [512, 512],
    }
    assert [row["efficiency"] for row in rows if row["scaling"] == "strong"] == ["0.8000"]
    with Image.open(folder / "scaling.png") as image:
        assert image.width > 2 * image.height
    assert (folder / "report.html").exists()


def test_ranks_that_cannot_share_a_batch_are_left_out_of_strong_scaling() -> None:
    assert scaling.batches_of_rank(8, 4) == {"weak": 8, "strong": 2}
    assert [scaling.batches_of_rank(8, ranks) for ranks in (1, 3, 16)] == [{"weak": 8}] * 3


@pytest.mark.parametrize("patches", [256, 680, 16_384])
def test_the_scene_has_positions_for_the_patches_of_all_ranks(patches: int) -> None:
    rows = scaling.scene_px(patches) // 2
    assert len(candidate_positions(rows, rows, PatchSettings(20, patches + 32))) >= patches + 32


def test_data_are_where_all_nodes_reach_them(tmp_path: Path) -> None:
    launcher = tmp_path / "launcher"
    launcher.write_text('#!/bin/sh\necho "{\\"words\\": \\"$*\\"}"\n')
    launcher.chmod(0o755)
    words = scaling.measure_training("bigearthnet", 1, 2, [str(launcher)], "float32", tmp_path)["words"].split()
    assert words[words.index("--data") + 1].startswith(f"{tmp_path}/")


def test_a_study_that_is_cut_off_keeps_what_it_measured(tmp_path: Path) -> None:
    """The launcher starts one rank, and fails with two."""
    measured = json.dumps({"ranks": 1, "cores": 2, "step": 0.6, "clocks": CLOCKS})
    launcher = tmp_path / "launcher"
    launcher.write_text(f"#!/bin/sh\n[ $1 = 1 ] && echo '{measured}'\n")
    launcher.chmod(0o755)
    words = f"--only steps --application bigearthnet --batch 2 --ranks 2 1 --output {tmp_path}".split()
    with pytest.raises(SystemExit, match="failed"):
        scaling.main([*words, "--launch", f"{launcher} {{ranks}}"])
    rows = scaling.read_table(tmp_path / "steps.csv")
    assert [(row["ranks"], row["efficiency"]) for row in rows] == [("1", "1.000")]


def test_errors_of_the_model_are_told_fitted_and_with_nothing_fitted() -> None:
    seconds = [("fit", 1.05, 1.2), ("test", 1.0, 1.0), ("test", 0.9, 1.3)]
    rows = [
        {"use": use, "seconds": "1", "modelled_seconds": str(fitted), "unfitted_seconds": str(unfitted)}
        for use, fitted, unfitted in seconds
    ]
    assert scaling.describe_errors(rows).split("\n") == [
        "seen by the fit, fitted: median error 5.0%, largest 5.0%, 1 of 1 within 10 %",
        "seen by the fit, nothing fitted: median error 20.0%, largest 20.0%, 0 of 1 within 10 %",
        "not seen by the fit, fitted: median error 5.0%, largest 10.0%, 2 of 2 within 10 %",
        "not seen by the fit, nothing fitted: median error 15.0%, largest 30.0%, 1 of 2 within 10 %",
    ]


def test_ranks_are_on_as_few_nodes_as_they_need() -> None:
    words = [scaling.launch_words("srun -N {nodes} -n {ranks}", ranks, 4) for ranks in (1, 4, 6)]
    assert words == [["srun", "-N", nodes, "-n", ranks] for nodes, ranks in (("1", "1"), ("1", "4"), ("2", "6"))]


def test_one_rank_is_needed(capsys: pytest.CaptureFixture) -> None:
    with pytest.raises(SystemExit, match="2"):
        scaling.main(["--ranks", "2", "4"])
    assert "--ranks must contain 1" in capsys.readouterr().err


def test_a_curve_needs_the_time_to_compute(tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match="give --compute-s"):
        scaling.main(["--output", str(tmp_path), "--only", "curve"])
