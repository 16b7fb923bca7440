"""Reports in a browser: pages open without an error, on wide and narrow screens, light and dark; tables sort, sliders move."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from common.report.page import write_report
from common.report.records import Column, Report, Section, Table
from tests.support.application_reports import write_all
from tests.support.browser import Browser, started_browser, why_not
from tests.support.reports import made_report

NARROW = 390  # px, of a phone
COMMANDS = ("superres-evaluate", "bigearthnet-evaluate", "study", "scaling")
TEXTS = (
    "body",
    "h1",
    ".question",
    ".warning",
    ".answers li",
    "dt",
    "caption",
    ".best",
    ".label",
    "nav a",
    "figcaption",
    "pre",
)
LEAST_CONTRAST = 4.5  # WCAG 2, level AA


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """One browser for all tests."""
    if why_not():
        pytest.skip(why_not())
    with started_browser(tmp_path_factory.mktemp("profile")) as browser:
        yield browser


@pytest.fixture(scope="module")
def made(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A page with a part of each kind."""
    path = tmp_path_factory.mktemp("made") / "report.html"
    write_report(path, made_report("a word, and another `one`"))
    return path


@pytest.fixture(scope="module")
def pages(browser: Browser, tmp_path_factory: pytest.TempPathFactory, fake_product: Path) -> dict[str, Path]:
    """A page of each command."""
    return write_all(tmp_path_factory.mktemp("pages"), fake_product)


@pytest.mark.parametrize("command", COMMANDS)
def test_a_page_opens_anywhere_without_an_error(browser: Browser, pages: dict[str, Path], command: str) -> None:
    for width, scheme in ((1200, "light"), (NARROW, "dark")):
        browser.open(pages[command], width, scheme)
        assert browser.messages() == []
        assert browser.run("document.documentElement.scrollWidth") <= width
    assert browser.run("document.querySelectorAll('table tbody tr').length") > 1
    pictures = "[...document.querySelectorAll('figure img')]"
    assert browser.run(
        f"{pictures}.length > 0 && {pictures}.every((image) => image.complete && image.naturalWidth > 0)"
    )
    assert browser.run(f"{pictures}.every((image) => image.alt)")
    loaded = browser.run("performance.getEntriesByType('resource').map((entry) => entry.name.slice(0, 5))")
    assert set(loaded) <= {"data:"}


def test_nothing_from_outside_is_loaded_even_if_it_were_there(browser: Browser, made: Path, tmp_path: Path) -> None:
    """The policy in the page refuses pictures of other addresses, and scripts that somebody has put in."""
    page = made.read_text().replace(
        "</header>", '<img src="http://127.0.0.1:9/x.png"><script>document.title = "x"</script></header>'
    )
    (tmp_path / "changed.html").write_text(page)
    browser.open(tmp_path / "changed.html")
    refused = [message for message in browser.messages() if "Content Security Policy" in message]
    assert len(refused) == 2
    assert browser.driver.title != "x"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_texts_can_be_read_in_light_and_dark(browser: Browser, made: Path, scheme: str) -> None:
    browser.open(made, scheme=scheme)
    is_dark = browser.run("getComputedStyle(document.body).backgroundColor") != "rgb(255, 255, 255)"
    assert is_dark == (scheme == "dark")
    low = {selector: browser.contrast(selector) for selector in TEXTS if browser.contrast(selector) < LEAST_CONTRAST}
    assert low == {}


def shown_column(browser: Browser, index: int) -> list[str]:
    """The texts of a column, from top to bottom."""
    return browser.run(
        "[...document.querySelectorAll('tbody tr')].map((row) => row.children[a[0]].firstChild.textContent)", index
    )


def test_a_click_on_a_heading_sorts(browser: Browser, tmp_path: Path) -> None:
    """The better values come first, then last. What was not measured stays at the end."""
    rows = [["x 10", 100.0, 9.0], ["x 9", None, 20.0], ["x 8", 20.0, 100.0], ["x 7", 3.0, None]]
    columns = [Column("Name"), Column("Error", 1, "lower"), Column("Quality", 0, "higher")]
    write_report(tmp_path / "report.html", Report("", "", [Section("", [Table("", columns, rows)])]))
    browser.open(tmp_path / "report.html")
    buttons = browser.driver.find_elements("css selector", "thead button")
    expected = {
        0: (["x 7", "x 8", "x 9", "x 10"], ["x 10", "x 9", "x 8", "x 7"]),
        1: (["3.0", "20.0", "100.0", "\N{EN DASH}"], ["100.0", "20.0", "3.0", "\N{EN DASH}"]),
        2: (["100", "20", "9", "\N{EN DASH}"], ["9", "20", "100", "\N{EN DASH}"]),
    }
    for index, orders in expected.items():
        for order in orders:
            buttons[index].click()
            assert shown_column(browser, index) == order
        assert browser.run("[...document.querySelectorAll('[aria-sort]')].length") == 1
    assert browser.run("document.querySelector('[aria-sort]').getAttribute('aria-sort')") == "ascending"


def clip_of(browser: Browser, side: str) -> str:
    """How much of the picture at a side is cut off."""
    return browser.run("getComputedStyle(document.querySelector(a[0])).clipPath", f".stage .{side}")


def test_a_slider_moves_by_keys_and_by_hand(browser: Browser, made: Path) -> None:
    from selenium.webdriver import ActionChains, Keys

    browser.open(made)
    line = browser.find(".stage input")
    assert "50%" in browser.run("document.querySelector('.stage').style.getPropertyValue('--cut')")
    line.send_keys(Keys.ARROW_LEFT, Keys.ARROW_LEFT)
    assert browser.run("document.querySelector('.stage').style.getPropertyValue('--cut')") == "48%"
    assert "48 % a" in line.get_attribute("aria-valuetext")
    before = clip_of(browser, "left")
    ActionChains(browser.driver).move_to_element_with_offset(line, 100, 0).click().perform()
    assert int(line.get_attribute("value")) > 60
    assert clip_of(browser, "left") != before


def test_a_slider_shows_the_pictures_that_the_reader_chooses(browser: Browser, made: Path) -> None:
    browser.open(made)
    shown = "[...document.querySelectorAll('.stage img')].map((image) => getComputedStyle(image).visibility)"
    assert browser.run(shown) == ["visible", "hidden", "visible"]
    browser.find("select[data-side=left] option:nth-child(2)").click()
    assert browser.run(shown) == ["hidden", "visible", "visible"]
    browser.find("select[data-side=left] option:nth-child(3)").click()
    assert browser.run(shown) == ["hidden", "hidden", "visible"]
    assert clip_of(browser, "left") == "none"


def test_a_wide_figure_is_shown_in_full_size_inside_its_frame(browser: Browser, made: Path) -> None:
    browser.open(made, NARROW)
    width = "document.querySelector('.zoom img').getBoundingClientRect().width"
    assert browser.run(width) < NARROW
    browser.find(".zoom").click()
    assert browser.run(width) > NARROW
    assert browser.run("document.documentElement.scrollWidth") <= NARROW
