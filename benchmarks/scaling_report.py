"""The report of the scaling study. Each section holds numbers of one kind, and says which: measured, modelled or published."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from benchmarks.measure import PARTS
from common.report.records import Column, Picture, Report, Section, Table

SHOWN_RANKS = (1, 2, 4, 8, 16, 64, 128, 512, 1024, 4096)  # of the model, which has more


def scaling_report(
    output: Path,
    efficiencies: Sequence[dict],
    steps: Sequence[dict],
    averages: Sequence[dict],
    hardware: Mapping[str, str],
) -> Report:
    """Return the report of a study.

    Args:
        output: its folder, with `scaling.png`.
        efficiencies: rows of `efficiency.csv`.
        steps: rows of `steps.csv`; may be empty.
        averages: rows of `network.csv`; may be empty.
        hardware: of the modelled curve, by name.
    """
    return Report(
        title="Scaling of training",
        question="How far does training speed up with more ranks?",
        answers=list(measured_answers(steps)),
        sections=[
            Section("Efficiency", [figure(output)]),
            *measured_sections(steps),
            modelled_section(efficiencies, hardware),
            *average_sections(averages),
            Section("Published results", published_parts(efficiencies), "published"),
        ],
        settings={"Measured ranks": ", ".join(dict.fromkeys(str(row["ranks"]) for row in steps)) or "none"},
    )


def figure(output: Path) -> Picture:
    """Return the figure of the study."""
    caption = (
        "Measured values are filled marks and bars, modelled ones dashed lines, published ones hollow stars. Circles: weak "
        "scaling; squares: strong scaling; lines and stars: weak scaling."
    )
    return Picture(
        output / "scaling.png", caption, "Efficiency over ranks; parts of a step; modelled and measured averages"
    )


def measured_answers(steps: Sequence[dict]) -> Iterator[str]:
    """Yield a sentence for each application: the measured efficiency of the most ranks."""
    for name in dict.fromkeys(row["application"] for row in steps):
        weak = [row for row in steps if (row["application"], row["scaling"]) == (name, "weak")]
        most = max(weak, key=lambda row: int(row["ranks"]))
        if int(most["ranks"]) > 1:
            yield (
                f"Measured, {name}: {most['ranks']} ranks train {float(most['patches_per_s']):.1f} patches/s on {most['cores']} "
                f"cores, an efficiency of {float(most['efficiency']):.2f}."
            )


def measured_sections(steps: Sequence[dict]) -> Iterator[Section]:
    """Yield the section of measured steps, if there are any."""
    if not steps:
        return
    text = [Column("Application"), Column("Network"), Column("Scaling")]
    rates = [
        Column("Ranks", 0),
        Column("Cores", 0),
        Column("Batch of a rank", 0),
        Column("Patches/s", 1),
        Column("Step, s", 3),
    ]
    names = ("ranks", "cores", "batch_of_rank", "patches_per_s", "step_s")
    rows = [
        [
            row["application"],
            row["network"],
            row["scaling"],
            *(float(row[name]) for name in names),
            float(row["efficiency"]),
        ]
        for row in steps
    ]
    columns = [*text, *rates, Column("Efficiency", 2)]
    yield Section(
        "Steps of training",
        [
            "Efficiency: the rate of a core, compared with that of one rank. Weak scaling keeps the batch of a rank, strong "
            "scaling the batch of all ranks.",
            Table("Rates and efficiency", columns, rows),
            parts_table(steps),
        ],
        "measured",
    )


def parts_table(steps: Sequence[dict]) -> Table:
    """Return the table with the parts of each step."""
    rows = []
    for row in steps:
        seconds = [float(row[f"{part}_s"]) for part in PARTS]
        shares = [100 * value / sum(seconds) for value in seconds]
        rows.append([row["application"], row["scaling"], int(row["ranks"]), *shares])
    columns = [
        Column("Application"),
        Column("Scaling"),
        Column("Ranks", 0),
        *(Column(part.capitalize(), 1) for part in PARTS),
    ]
    return Table("Parts of a step, % of its time", columns, rows)


def modelled_section(efficiencies: Sequence[dict], hardware: Mapping[str, str]) -> Section:
    """Return the section of the modelled efficiency."""
    modelled = [row for row in efficiencies if row["kind"] == "modelled"]
    names = list(dict.fromkeys(row["name"] for row in modelled))
    values = {(row["name"], int(row["ranks"])): float(row["efficiency"]) for row in modelled}
    rows = [[name, *(values[name, ranks] for ranks in SHOWN_RANKS)] for name in names]
    columns = [Column("Application"), *(Column(f"{ranks:,}", 2) for ranks in SHOWN_RANKS)]
    assumed = "; ".join(f"{name}: {value}" for name, value in hardware.items())
    return Section(
        "Expected efficiency of more ranks",
        [
            f"Computed by a model, not measured; one rank a node. Hardware and assumptions: {assumed}.",
            Table("Modelled efficiency of weak scaling, by number of ranks", columns, rows),
        ],
        "modelled",
    )


def average_sections(averages: Sequence[dict]) -> Iterator[Section]:
    """Yield the section that compares the model with averages over emulated networks, if these were measured."""
    if not averages:
        return
    columns = [
        *(Column(title) for title in ("Use", "Algorithm")),
        *(Column(title, 0) for title in ("Nodes", "Bytes")),
        *(Column(title, decimals) for title, decimals in (("Latency, ms", 1), ("Rate, Mbit/s", 0))),
        *(Column(title, 4) for title in ("Measured, s", "Modelled, s")),
        Column("Error of the model, %", 1),
    ]
    rows = []
    for row in averages:
        measured, modelled = float(row["seconds"]), float(row["modelled_seconds"])
        network = (1000 * float(row["latency_s"]), float(row["bytes_per_s"]) * 8 / 1e6)
        sizes = (int(row["nodes"]), int(row["bytes"]))
        use = "fitted" if row["use"] == "fit" else "not seen by the fit"
        rows.append([use, row["algorithm"], *sizes, *network, measured, modelled, 100 * (modelled / measured - 1)])
    yield Section(
        "How far the model can be trusted",
        ["Averages over emulated networks, beside what the model says.", Table("Averages of gradients", columns, rows)],
        "measured and modelled",
    )


def published_parts(efficiencies: Sequence[dict]) -> list[str | Table]:
    """Return the source and the table of what others have published."""
    rows = [
        [row["name"], int(row["ranks"]), float(row["efficiency"])] for row in efficiencies if row["kind"] == "published"
    ]
    source = (
        "Sergeev and Del Balso 2018, arXiv:1802.05799, and Horovod's page of benchmarks; four GPUs a node, 25 Gbit/s."
    )
    return [source, Table("Efficiency", [Column("Network"), Column("Ranks", 0), Column("Efficiency", 2)], rows)]
