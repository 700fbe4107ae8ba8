import pytest
from helpers import SYNTHETIC, run_script


@pytest.fixture(scope="session")
def tutorial_run(tmp_path_factory):
    """The folder and the process of a real run of the tutorial's config, cut to 600 iterations."""
    out = tmp_path_factory.mktemp("runs") / "tutorial run"
    result = run_script("train.py", "--config", SYNTHETIC, "--out", out, "--set", "training.n_iterations=600",
                        "--set", "evaluation.n_samples=16384", cwd=out.parent)
    assert result.returncode == 0, result.stderr
    return out, result
