"""A headless Chromium for pages on this disk. As a script: python tests/browser.py PAGE PICTURE.png [FIRST LAST]

FIRST and LAST are CSS selectors of the first and the last element in the picture.
"""

import base64
import contextlib
import json
import os
import pathlib
import shutil
import sys
import tempfile

from selenium import webdriver
from selenium.webdriver.chrome.service import Service

_CHROMIUM = ("chromium", "chromium-browser", "google-chrome")
_OPTIONS = ("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--hide-scrollbars",
            "--disable-background-networking", "--disable-component-update", "--disable-sync")


def programs():
    """The paths of Chromium and ChromeDriver on this machine; None for what is missing."""
    return next(filter(None, map(shutil.which, _CHROMIUM)), None), shutil.which("chromedriver")


@contextlib.contextmanager
def opened():
    """Give a selenium driver of a new Chromium; it logs the console and all requests."""
    chromium, driver_path = programs()
    options = webdriver.ChromeOptions()
    options.binary_location = chromium
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    with tempfile.TemporaryDirectory() as profile:
        for option in _OPTIONS + ("--user-data-dir=" + profile,):
            options.add_argument(option)
        driver = webdriver.Chrome(service=Service(driver_path), options=options)
        try:
            driver.get("about:blank")  # what the browser asks for on its own is over
            driver.get_log("performance")
            yield driver
        finally:
            driver.quit()


def show(driver, page, width=1100, height=900, dark=False):
    """Open the page, a path, in a window of that size."""
    driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", {
        "width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600})
    driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {
        "features": [{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}]})
    driver.get(pathlib.Path(os.path.abspath(str(page))).as_uri())


def requests(driver):
    """The addresses asked for since the last call, without those that are part of the page itself."""
    messages = [json.loads(entry["message"])["message"] for entry in driver.get_log("performance")]
    urls = [message["params"]["request"]["url"] for message in messages if message["method"] == "Network.requestWillBeSent"]
    return [url for url in urls if not url.startswith(("data:", "blob:"))]


def keep_screenshot(driver, path, first="body", last="body"):
    """Write a picture (PNG) of the page from one element to another, also of what doesn't fit into the window."""
    top, bottom, width = driver.execute_script(
        "const [first, last] = [...arguments].map(name => document.querySelector(name).getBoundingClientRect());"
        "return [first.top + scrollY, last.bottom + scrollY, document.documentElement.clientWidth]", first, last)
    picture = driver.execute_cdp_cmd("Page.captureScreenshot", {
        "captureBeyondViewport": True, "clip": {"x": 0, "y": top, "width": width, "height": bottom - top, "scale": 1}})
    os.makedirs(os.path.dirname(os.path.abspath(str(path))), exist_ok=True)
    with open(str(path), "wb") as file:
        file.write(base64.b64decode(picture["data"]))


if __name__ == "__main__":
    with opened() as driver:
        show(driver, sys.argv[1])
        keep_screenshot(driver, *sys.argv[2:])
