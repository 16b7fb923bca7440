"""A browser without a window that opens written reports: Debian's Chromium, driven by selenium."""

import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

PROGRAMS = ("chromium", "chromedriver")
# No sandbox, because root may not have one; nothing in the background, and nothing over the network.
OPTIONS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


def why_not() -> str:
    """Return why there is no browser to test with; empty if there is one."""
    missing = [name for name in PROGRAMS if not shutil.which(name)]
    if missing:
        return (
            f"{', '.join(missing)} missing: install Debian's chromium and chromium-driver to open reports in a browser"
        )
    return "" if find_spec("selenium") else "selenium missing: pip install selenium to open reports in a browser"


class Browser:
    """A browser; its window has any width, and its reader prefers light or dark.

    Args:
        driver: of selenium.
    """

    def __init__(self, driver: Any):
        self.driver = driver

    def open(self, page: Path, width: int = 1200, scheme: str = "light") -> None:
        """Open a page."""
        self.command("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])
        size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 500}
        self.command("Emulation.setDeviceMetricsOverride", **size)
        self.driver.get(page.resolve().as_uri())

    def command(self, name: str, **parameters: Any) -> Any:
        """Run a command of Chromium's protocol."""
        return self.driver.execute_cdp_cmd(name, parameters)

    def run(self, script: str, *arguments: object) -> Any:
        """Return the value of a JavaScript expression; the arguments are `a`, an array."""
        return self.driver.execute_script(f"const a = [...arguments]; return {script}", *arguments)

    def find(self, selector: str) -> Any:
        """Return the first element that a CSS selector finds."""
        return self.driver.find_element("css selector", selector)

    def messages(self) -> list[str]:
        """Return what the browser has written to its console since the last call."""
        return [entry["message"] for entry in self.driver.get_log("browser")]

    def contrast(self, selector: str) -> float:
        """Return the contrast ratio of an element's text to what is behind it, as WCAG 2 defines it: 1 to 21."""
        script = """(() => {
            let element = document.querySelector(a[0]), style = (e) => getComputedStyle(e);
            const ink = style(element).color;
            while (style(element).backgroundColor === "rgba(0, 0, 0, 0)") element = element.parentElement;
            return [ink, style(element).backgroundColor];
        })()"""
        lighter, darker = sorted(map(luminance, self.run(script, selector)), reverse=True)
        return (lighter + 0.05) / (darker + 0.05)


def luminance(colour: str) -> float:
    """Return the relative luminance of a colour such as `rgb(11, 95, 165)`: 0 is black, 1 is white."""
    parts = [int(part) / 255 for part in re.findall(r"\d+", colour)[:3]]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return sum(weight * part for weight, part in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


@contextmanager
def started_browser(profile: Path) -> Iterator[Browser]:
    """Yield a browser, and end it with the block.

    Args:
        profile: a new and empty folder.
    """
    from selenium import webdriver

    options = webdriver.ChromeOptions()
    options.binary_location = shutil.which("chromium")
    for option in (*OPTIONS, f"--user-data-dir={profile}"):
        options.add_argument(option)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    service = webdriver.ChromeService(shutil.which("chromedriver"), env={**os.environ, "SE_OFFLINE": "true"})
    driver = webdriver.Chrome(options, service)
    try:
        yield Browser(driver)
    finally:
        driver.quit()
