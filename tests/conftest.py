import contextlib
import gc
import os

# Before numpy is imported, here and in the test processes: two of them with two threads each are slower than with one.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import pytest
import shared_runs
from helpers import ROOT, SYNTHETIC, run_script

from avb_tf1.reproduction.documents import OF_MAKE

SCREENSHOTS = os.path.join(ROOT, "tests", "screenshots")


def pytest_configure(config):
    # `make test ARGS=...` puts its words into the environment, where a make that a test starts would take them for its own.
    for name in OF_MAKE:
        os.environ.pop(name, None)
    runs = contextlib.ExitStack()
    runs.enter_context(shared_runs.folder_of_session())
    config.add_cleanup(runs.close)


def pytest_collection_finish():
    # A graph of TensorFlow's is thousands of objects, each of which counts for the collector; what is imported stays.
    gc.set_threshold(20000, 20, 20)
    gc.freeze()


@pytest.fixture(scope="session")
def tutorial_run(tmp_path_factory):
    """The folder and the process of a real run of the tutorial's config, cut to 600 iterations."""
    out = tmp_path_factory.mktemp("runs") / "tutorial run"
    result = run_script("train.py", "--config", SYNTHETIC, "--out", out, "--set", "training.n_iterations=600",
                        "--set", "evaluation.n_samples=16384", cwd=out.parent)
    assert result.returncode == 0, result.stderr
    return out, result


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
