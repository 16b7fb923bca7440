"""Write a report as one HTML file that needs no other file and no network.

The template is `page.html`, with `page.css` and `page.js` inside the written file. A browser refuses everything else:
the page's security policy names the checksums of both, and allows pictures from data URIs only.
"""

import base64
import hashlib
import logging
import re
import shlex
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template
from markupsafe import Markup, escape

from common.files.atomic import write_text
from common.report.cells import numeric_columns, row_heading, show_rows
from common.report.pictures import embed_pictures
from common.report.records import Picture, Report, Slider, Table
from common.runs.provenance import describe_variables, provenance_record

LARGE_BYTES = 10_000_000
HERE = Path(__file__).parent
KINDS = {Table: "table", Slider: "slider", Picture: "picture", str: "text"}

logger = logging.getLogger(__name__)


def write_report(path: Path, report: Report) -> None:
    """Write a report, whole or not at all. Call on rank 0.

    Args:
        path: of the file, normally `common.report.records.REPORT` in the output folder.
        report: its content.

    Raises:
        OutputError: the file cannot be written.
        ValueError: a table has a row with more or fewer cells than columns.
    """
    page = render(report)
    write_text(path, page)
    size = len(page.encode())
    if size > LARGE_BYTES:
        logger.info("%s has %.0f MB, mostly pictures", path, size / 1e6)


def render(report: Report) -> str:
    """Return the page of a report. Errors as in `write_report`."""
    record = provenance_record()
    style, script = ((HERE / name).read_text() for name in ("page.css", "page.js"))
    return template().render(
        report=report,
        style=Markup(style),
        script=Markup(script),
        policy=security_policy(style, script),
        pictures=embed_pictures(report),
        kind=lambda part: KINDS[type(part)],
        show_rows=show_rows,
        row_heading=row_heading,
        numeric_columns=numeric_columns,
        name_of=name_of,
        commands=[*report.commands, shlex.join(record["command"])],
        provenance=provenance_entries(record) | dict(report.provenance),
    )


@cache
def template() -> Template:
    """Return the template of all reports. It escapes every text."""
    environment = Environment(
        loader=FileSystemLoader(HERE), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters["code"] = with_code
    return environment.get_template("page.html")


def with_code(text: str) -> Markup:
    """Return a text as HTML; words between two backquotes become code."""
    parts = re.split(r"`([^`]+)`", text)
    return Markup("").join(
        Markup("<code>{}</code>").format(part) if index % 2 else escape(part) for index, part in enumerate(parts)
    )


def security_policy(style: str, script: str) -> str:
    """Return the rule with which a browser runs and shows only what stands in the page itself."""
    digests = [base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() for text in (style, script)]
    return "default-src 'none'; img-src data:; style-src 'sha256-{}'; script-src 'sha256-{}'".format(*digests)


def name_of(picture: Picture) -> str:
    """Return the file name of a picture, or its caption if it has no file."""
    return picture.image.name if isinstance(picture.image, Path) else picture.caption


def provenance_entries(record: Mapping[str, Any]) -> dict[str, str]:
    """Return name -> value from a record of provenance: time, code, libraries, and variables that change numbers."""
    entries = {
        "Made": record["created_utc"],
        "Code revision": record["code_revision"],
        "Versions": ", ".join(f"{name} {version}" for name, version in record["versions"].items()),
        "Environment": describe_variables(record["environment"]),
    }
    return {name: value for name, value in entries.items() if value}
