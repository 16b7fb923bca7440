"""The report of the scaling study: each section holds numbers of one kind, under its label."""

from pathlib import Path

import pytest

from benchmarks.measure import PARTS
from benchmarks.scaling import UP_TO, efficiency_row, published_efficiency, step_row, with_efficiency
from benchmarks.scaling_report import scaling_report
from common.report.records import Report, Table

HARDWARE = {"network": "100 Gbit/s, 2 µs"}


def made_report(steps: list[dict], averages: list[dict]) -> Report:
    modelled = [efficiency_row("modelled", "superres", ranks, 0.8765) for ranks in UP_TO]
    measured = [efficiency_row("measured", "superres", 2, 0.9876)]
    return scaling_report(Path(), [*modelled, *measured, *published_efficiency()], steps, averages, HARDWARE)


@pytest.fixture
def steps() -> list[dict]:
    clocks = dict.fromkeys(PARTS, 0.1) | {"step": 0.6, "spread": 0.02}
    measured = [{"ranks": ranks, "cores": 2, "step": step, "clocks": clocks} for ranks, step in ((1, 0.6), (2, 1.25))]
    return with_efficiency([step_row("superres", "weak", 32, one) for one in measured])


def numbers(report: Report) -> dict[str, set[float]]:
    """Return the label of each section -> all numbers in its tables."""
    return {
        section.label: {
            cell
            for part in section.parts
            if isinstance(part, Table)
            for row in part.rows
            for cell in row
            if isinstance(cell, float)
        }
        for section in report.sections
    }


def test_modelled_numbers_stand_under_their_label_only(steps: list[dict]) -> None:
    found = numbers(made_report(steps, []))
    assert found["modelled"] == {0.8765}
    assert 0.8765 not in found["measured"] | found["published"]
    assert found["published"] == {0.9, 0.68}
    assert {0.96, 1.0} <= found["measured"]


def test_only_measured_numbers_are_an_answer(steps: list[dict]) -> None:
    assert made_report(steps, []).answers == [
        "Measured, superres: 2 ranks train 51.2 patches/s on 2 cores, an efficiency of 0.96."
    ]
    assert made_report([], []).answers == []


def test_sections_without_a_table_are_left_out(steps: list[dict]) -> None:
    settings = {
        "use": "test",
        "nodes": "3",
        "algorithm": "tree",
        "bytes": "9000",
        "latency_s": "0.002",
        "bytes_per_s": "6.25e6",
    }
    averages = [{**settings, "seconds": "0.1", "modelled_seconds": "0.11"}]
    assert {"measured", "measured and modelled"}.isdisjoint(numbers(made_report([], [])))
    both = numbers(made_report(steps, averages))["measured and modelled"]
    assert {round(number, 6) for number in both} == {2, 50, 0.1, 0.11, 10}
