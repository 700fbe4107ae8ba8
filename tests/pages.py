"""What a report's page says, and how it is used in a browser."""

import base64
import html
import io
import json
import re
import time

import numpy as np
from PIL import Image

from avb_tf1.ground import files


def metrics_of(folder):
    return files.read_json(str(folder / "metrics.json"))


def change_metrics(folder, **changes):
    """Change a run's metrics.json; what becomes None, infinite, loses its errors."""
    lost = {name + suffix for name, value in changes.items() if value is None for suffix in ("_standard_error", "_bias_left")}
    kept = {name: value for name, value in metrics_of(folder).items() if name not in lost}
    files.write_json(str(folder / "metrics.json"), dict(kept, **changes))


def page_of(folder):
    return (folder / "report.html").read_text(encoding="utf-8")


def text_of(folder):
    """The page's text without its scripts, as one line."""
    page = re.sub(r"(?s)<(script|style)\b.*?</\1>|<wbr>", "", page_of(folder))
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", page)).split())


def data_of(folder):
    return json.loads(re.search(r'(?s)<script type="application/json" id="data">(.*?)</script>', page_of(folder)).group(1))


def unpacked(text, dtype):
    return np.frombuffer(base64.b64decode(text), dtype)


def table_of(folder, name):
    """The cells' text in the rows of a table of the page, by the name of its region."""
    table, = re.findall(r'(?s)aria-label="%s">(.*?)</table>' % name, page_of(folder))
    rows = [re.findall(r"(?s)<t[hd].*?</t[hd]>", row) for row in re.findall(r"(?s)<tr>.*?</tr>", table)]
    return [[" ".join(html.unescape(re.sub(r"<[^>]+>", "", cell)).split()) for cell in row] for row in rows]


def element(driver, name):
    return driver.find_element("id", name)


def wait_for(condition, seconds=20):
    deadline = time.time() + seconds
    while not condition():
        assert time.time() < deadline
        time.sleep(0.05)


def set_value(driver, name, value):
    driver.execute_script("const [input, value] = arguments; input.value = value; input.dispatchEvent(new Event("
                          "input.tagName === 'SELECT' ? 'change' : 'input', {bubbles: true}))", element(driver, name), value)


def luminance(color):
    values = np.array([float(value) for value in re.findall(r"[0-9.]+", color)[:3]]) / 255
    return np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055)**2.4) @ [0.2126, 0.7152, 0.0722]


def style_of(driver, selector, name="color"):
    return driver.execute_script("return getComputedStyle(document.querySelector(arguments[0]))[arguments[1]]", selector, name)


def assert_has_contrast(driver, dark, *selectors, name="color"):
    """The page is dark or light, and each of the elements has a colour of that name that can be read on it."""
    page = luminance(style_of(driver, "body", "backgroundColor"))
    assert (page < 0.05) == dark
    for selector in selectors:
        color = luminance(style_of(driver, selector, name))
        assert (max(color, page) + 0.05) / (min(color, page) + 0.05) >= 4.5, selector


def all_controls(driver, kinds):
    """The elements of some kinds, a selector, once all that folds is open."""
    driver.execute_script("document.querySelectorAll('details').forEach(details => { details.open = true; })")
    return driver.find_elements("css selector", kinds)


def assert_ids_are_apart(driver):
    ids = driver.execute_script(
        "return [...document.querySelectorAll('[id]')].filter(own => !own.closest('svg')).map(({id}) => id)")
    assert len(ids) == len(set(ids))


def picture_of(address):
    kind, _, content = address.partition(",")
    assert kind == "data:image/png;base64"
    return np.array(Image.open(io.BytesIO(base64.b64decode(content))).convert("L")).astype(int)
