"""What `import avb_tf1` gives."""

import html
import os
import re
import subprocess
import sys
import venv

import IPython.display
import numpy as np
import pytest
from helpers import ROOT, SYNTHETIC, small, vae_config
from pages import metrics_of
from scipy.special import logsumexp
from scipy.stats import norm
from shared_runs import finished

import avb_tf1
from avb_tf1.ground.errors import InputError


def test_importing_it_loads_nothing_heavy():
    code = ("import sys, avb_tf1; assert set(avb_tf1.__all__) <= set(dir(avb_tf1)); avb_tf1.load_config\n"
            "print([name for name in ('tensorflow', 'scipy', 'matplotlib', 'ray') if name in sys.modules])")
    result = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert (result.stdout, result.stderr) == ("[]\n", "")
    with pytest.raises(AttributeError, match="no attribute 'open_rum'"):
        avb_tf1.open_rum  # noqa: B018


@pytest.fixture(scope="module", params=["avb", "vae"])
def run(request, tmp_path_factory):
    config = small() if request.param == "avb" else vae_config()
    out = finished(tmp_path_factory.mktemp("run") / request.param, config)
    metrics = metrics_of(out)
    del metrics["made_by"]
    with avb_tf1.open_run(str(out)) as opened:
        assert (opened.config, opened.metrics, opened.folder) == (config, metrics, str(out))
        yield opened


@pytest.mark.slow
def test_an_opened_run_has_the_trained_model(run):
    x = np.eye(4)
    z = run.sample_posterior(x, 5000, seed=1)
    assert z.shape == (4, 5000, 2) and z.dtype == np.float32
    np.testing.assert_array_equal(z, run.sample_posterior(x, 5000, seed=1))
    np.testing.assert_array_equal(z[2:3], run.sample_posterior(x, 5000, seed=1)[2:3])
    assert (z != run.sample_posterior(x, 5000, seed=2)).any()
    # The metrics are those of this model.
    probabilities = run.decode(z.reshape(-1, 2)).reshape(4, 5000, 4)
    own = np.where(x[:, np.newaxis] == 1, probabilities, 1 - probabilities)
    assert -np.log(own).mean() == pytest.approx(run.metrics["reconstruction_error"], abs=0.01)
    assert run.log_likelihood(x).mean() == pytest.approx(run.metrics["log_likelihood"], abs=1e-12)
    # log p(x) by a plain sum over a grid, for an image that was never trained on.
    axis = np.linspace(-6, 6, 601)
    grid = np.stack(np.meshgrid(axis, axis), axis=-1).reshape(-1, 2)
    probabilities = run.decode(grid).astype(np.float64)
    log_joint = np.log(probabilities[:, :2]).sum(axis=1) + np.log1p(-probabilities[:, 2:]).sum(axis=1) + norm.logpdf(
        grid).sum(axis=1)
    assert run.log_likelihood([[1, 1, 0, 0]]) == pytest.approx([logsumexp(log_joint) + 2 * np.log(axis[1] - axis[0])], abs=1e-3)


def test_the_log_ratio_is_the_discriminators(run):
    x = np.eye(4)
    z = run.sample_posterior(x, 5000, seed=3)
    pairs = np.repeat(x, 5000, axis=0), z.reshape(-1, 2)
    if run.config.model.kind == "vae":
        with pytest.raises(ValueError, match="a model of kind vae has no discriminator"):
            run.log_ratio(*pairs)
    else:
        assert run.log_ratio(*pairs).mean() == pytest.approx(run.metrics["kl_discriminator"], abs=0.02)
        with pytest.raises(ValueError, match="as many, not 4 and 1"):
            run.log_ratio(x, z[0, :1])


def test_wrong_arrays_are_refused(run):
    for call, words in ((lambda: run.decode(np.zeros(2)), r"z must be \[n, 2\] with n at least 1, not \[2\]"),
                        (lambda: run.decode(np.zeros((3, 4))), r"not \[3, 4\]"),
                        (lambda: run.decode(np.full((3, 2), np.nan)), "z must be finite"),
                        (lambda: run.log_likelihood(np.zeros((0, 4))), r"x must be \[n, 4\] with n at least 1, not \[0, 4\]"),
                        (lambda: run.sample_posterior(np.eye(4), True, 0), "n must be an integer"),
                        (lambda: run.sample_posterior(np.eye(4), 0, 0), "n must be an integer from 1 to 2147483647, not 0"),
                        (lambda: run.sample_posterior(np.eye(4), 1, 1.5), "seed must be an integer from 0 to 4294967295"),
                        (lambda: run.sample_posterior(0.5 * np.eye(4), 1, 0), "must be 0 or 1")):
        with pytest.raises(ValueError, match=words):
            call()


def test_an_opened_run_shows_itself(run):
    assert repr(run) == "<TrainedRun of %s: synthetic (%s), seed 0, 20 iterations of batch 16>" % (
        run.folder, run.config.model.kind)
    cells = [re.findall("<t[hd]>(.*?)</t[hd]>", row) for row in re.findall("<tr>(.*?)</tr>", run._repr_html_())]
    rows = {cell[0]: cell[1:] for cell in cells}
    assert rows["metric"] == ["obtained", "optimum"]
    assert rows["log-likelihood"] == ["%.4f" % run.metrics["log_likelihood"], "-1.3863"]
    error = tuple(run.metrics["reconstruction_error" + suffix] for suffix in ("", "_standard_error"))
    assert rows["reconstruction error (nats per pixel)"] == ["%.4f ± %.4f" % error, "0.0000"]
    assert rows["ELBO"][1] == "-1.3863" and (run.metrics["elbo"] is None) == (rows["ELBO"][0] == "-infinite")
    assert ("mean KL(q(z|x) || p(z)) by the discriminator" in rows) == (run.config.model.kind == "avb")
    assert run._repr_html_().startswith("<p>&lt;TrainedRun of ")


def test_its_figures_and_its_page_are_shown_in_a_notebook(run, monkeypatch):
    shown = []
    monkeypatch.setattr(IPython.display, "display", shown.append)
    for name in ("latent_space.png", "training_curve.png"):
        with open(os.path.join(run.folder, name), "wb") as file:
            file.write(name.encode())
    run.show()
    run.show("latent_space.png")
    assert [image.data for image in shown] == [b"training_curve.png", b"latent_space.png", b"latent_space.png"]
    del shown[:]
    run.show("report.html")
    page, = shown
    with open(os.path.join(run.folder, "report.html"), encoding="utf-8") as file:
        assert html.unescape(re.search('(?s)<iframe srcdoc="([^"]*)" [^>]*></iframe>', page.data).group(1)) == file.read()
    for name in ("losses.csv", "reconstructions.png"):  # no figure; one that isn't there
        with pytest.raises(ValueError, match="'%s' can't be shown; there is training_curve.png, latent_space.png, rep" % name):
            run.show("latent_space.png", name)
    assert len(shown) == 1
    monkeypatch.setitem(sys.modules, "IPython", None)
    with pytest.raises(ImportError, match="show needs IPython, .* open .*report.html in a browser"):
        run.show()


def test_a_run_that_was_closed_says_so(run):
    with avb_tf1.open_run(run.folder) as other:
        z = other.sample_posterior(np.eye(4), 1, 0)[0]
    for call in (lambda: other.decode(z[:, :2]), lambda: other.sample_posterior(np.eye(4), 1, 0),
                 lambda: other.log_likelihood(np.eye(4))):
        with pytest.raises(ValueError, match="the run was closed: open it again with avb_tf1.open_run"):
            call()


def test_what_is_no_finished_run_is_refused(tmp_path):
    with pytest.raises(InputError, match="not a run folder"):
        avb_tf1.open_run(str(tmp_path))


def test_what_is_no_config_is_refused(tmp_path):
    for call in (lambda: avb_tf1.build_graph(None), lambda: avb_tf1.run_experiment({}, str(tmp_path / "run"))):
        with pytest.raises(TypeError, match="config must be what load_config returns"):
            call()
    for call in (lambda: avb_tf1.load_config(SYNTHETIC, [3]), lambda: avb_tf1.load_config(3.5)):
        with pytest.raises(TypeError):
            call()
    assert os.listdir(str(tmp_path)) == []


@pytest.mark.slow
def test_installed_it_works_from_any_folder(tmp_path):
    """`pip install .` in a fresh environment, to which only the dependencies are lent."""
    folder, copy = tmp_path / "environment", tmp_path / "source"
    venv.create(str(folder), with_pip=True)
    python = str(folder / "bin" / "python")
    subprocess.run(["git", "clone", "--quiet", "--no-hardlinks", ROOT, str(copy)], check=True)
    subprocess.run([python, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index", str(copy)], check=True,
                   capture_output=True)
    where = "import site; print(site.getsitepackages()[0])"
    theirs, ours = (subprocess.check_output([program, "-c", where], universal_newlines=True).strip()
                    for program in (python, sys.executable))
    with open(os.path.join(theirs, "lent.pth"), "w") as file:
        file.write(ours + "\n")
    with open(os.path.join(ROOT, "configs", "synthetic.yaml")) as file:
        (tmp_path / "mine.yaml").write_text(re.sub("n_iterations: .*", "n_iterations: 20", file.read()))
    code = ("import avb_tf1\n"
            "print(avb_tf1.__file__)\n"
            "avb_tf1.run_experiment(avb_tf1.load_config('mine.yaml'), 'run')\n"
            "with avb_tf1.open_run('run') as run: print(run.decode([[0, 0]]).shape)")
    result = subprocess.run([python, "-c", code], cwd=str(tmp_path), capture_output=True, text=True)
    assert result.stdout == "%s\n(1, 4)\n" % os.path.join(theirs, "avb_tf1", "__init__.py"), result.stderr
    assert (tmp_path / "run" / "report.html").exists()
