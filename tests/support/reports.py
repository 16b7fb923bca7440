"""A report with a part of each kind, and the elements of a written page."""

from html.parser import HTMLParser

from common.report.records import Column, Picture, Report, Section, Slider, Spread, Table
from tests.support.pictures import png_bytes

ROWS = [["T33UUB", "bicubic", 150.7, None], ["T33UUB", "dsen2", Spread(35.57, 0.12), 1789574]]
COLUMNS = [Column("Scene"), Column("Method"), Column("RMSE (DN)", 2, "lower"), Column("Parameters", 0)]


def made_report(text: str = "Which method?") -> Report:
    """Return a report that has a text at each place where one can stand."""
    pictures = [Picture(png_bytes(40, 40, seed), f"{name}{text}", text) for seed, name in enumerate("abc")]
    table = Table(text, [Column(text), *COLUMNS], [[text, *row] for row in ROWS], best_within="Scene")
    return Report(
        title=text,
        question=text,
        sections=[
            Section("Tables", [text, table, Slider(text, pictures), Picture(png_bytes(40, 900), text, text)]),
            Section(text, ["Expected of more ranks."], label="modelled"),
        ],
        answers=[text],
        warning=text,
        settings={text: text, "GSD": 20},
        commands=[text],
        provenance={text: text},
    )


class Page(HTMLParser):
    """The elements and texts of a page.

    Attributes:
        elements: name and attributes of each element.
        texts: texts between elements, as a reader sees them.
    """

    def __init__(self, page: str):
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.texts.append(data)

    def addresses(self) -> set[str]:
        """Return everything that the page loads or links to, without the data of pictures."""
        found = {
            value
            for _, attrs in self.elements
            for name, value in attrs.items()
            if name in ("src", "href", "srcset", "action")
        }
        return {value.partition(",")[0] for value in found}

    def count(self, tag: str) -> int:
        """Return the number of elements of a name."""
        return sum(name == tag for name, _ in self.elements)
