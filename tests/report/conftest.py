import contextlib
import os

import pytest
from helpers import ROOT

SCREENSHOTS = os.path.join(ROOT, "tests", "screenshots")


@pytest.fixture(scope="module")
def driver():
    missing = "Selenium"
    with contextlib.suppress(ModuleNotFoundError):
        import browser

        missing = "" if None not in browser.programs() else "Chromium or ChromeDriver"
    if missing:
        leave_out = pytest.fail if os.environ.get("AVB_TF1_BROWSER") == "required" else pytest.skip
        leave_out("%s is not installed: the report's browser tests are left out" % missing)
    with browser.opened() as driver:
        driver.show = lambda page, **options: browser.show(driver, page / "report.html", **options)
        driver.requests = lambda: browser.requests(driver)
        driver.keep = lambda name: browser.keep_screenshot(driver, os.path.join(SCREENSHOTS, name))
        yield driver
