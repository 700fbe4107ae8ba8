"""What all pages are put together from."""

import os
import subprocess
import sys

from helpers import ROOT


def test_an_installed_package_has_the_pages_parts(tmp_path):
    subprocess.run([sys.executable, "setup.py", "--quiet", "build", "--build-base", str(tmp_path), "--build-lib",
                    str(tmp_path / "lib")], cwd=ROOT, check=True, capture_output=True)
    def of_pages(folder):
        return {os.path.relpath(os.path.join(parent, name), folder) for parent, _, names in os.walk(folder) for name in names
                if name.endswith((".j2", ".js", ".css"))}

    found = of_pages(str(tmp_path / "lib" / "avb_tf1"))
    assert found == of_pages(os.path.join(ROOT, "avb_tf1")) and {os.path.join("tasks", "data_set", "page.js")} < found
