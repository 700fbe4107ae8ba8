"""Models of a given posterior, after training: held against what is exactly true of it."""

import math
import os

import numpy as np

from avb_tf1.ground import files
from avb_tf1.runs import run_folder
from avb_tf1.tasks import diagnostics, task
from avb_tf1.tasks.given_posterior import contents, measures, summary
from avb_tf1.tasks.given_posterior.view import View
from avb_tf1.tasks.trained import draw_figures, final_losses, without_infinity
from avb_tf1.tasks.views import labels_of_codes


class GivenPosteriorTask(task.Task):
    """A joint density of parameters and data that is known: problems.given_posterior.problem.GivenPosterior."""

    name = "given_posterior"
    metrics, diagnostics = measures.METRICS, measures.DIAGNOSTICS
    by_discriminator = ("elbo", "elbo_discriminator")
    bounds = (("elbo", "log_evidence", "inference_gap"),)
    required = ("elbo",)
    starred = ("inference_gap", "wasserstein")
    words = (*task.Task.words, "marginals", "modes", "per_x")
    figures = (run_folder.TRAINING_CURVE, "posterior.png", "marginals.png", "posterior.gif")
    arrays = (contents.EXACT,)
    noun = "Approximate posteriors"
    no_annealing = "a run of a given posterior, whose evidence is known; --ais is for runs of a few known images"
    view = View
    summary, warning = staticmethod(summary.lines), staticmethod(summary.warning)

    def measure(self, trained):
        known, why_not = trained.once(measures.references)
        trained.once(measures.latents)  # to know that they are finite
        n_samples = trained.config.evaluation.n_samples
        metrics = dict(
            final_losses(trained.monitors),
            **measures.evaluate(trained.networks, trained.problem, known, trained.stream("evaluation"), n_samples, why_not),
            **measures.did_it_work(trained.networks, trained.problem, known, trained.stream("diagnostics"), n_samples,
                                   trained.config.evaluation.hmc))
        exact = "exact ones" if known is not None else "HMC's (R-hat %.3f)" % metrics.get("hmc_r_hat", math.nan)
        metrics.update(diagnostics.good_values(metrics, self.diagnostics, exact))
        if "hmc_r_hat" in metrics and "two_sample_accuracy" not in metrics:
            metrics["not_computed"]["two_sample_accuracy"] = measures.NO_HMC % metrics.pop("hmc_r_hat")
        return task.Measured(without_infinity(metrics), {})

    def write(self, out, trained):
        from avb_tf1.tasks.given_posterior import figures

        problem, (known, _), (z, labels) = trained.problem, trained.once(measures.references), trained.once(measures.latents)
        files.write_arrays(os.path.join(out, run_folder.LATENTS), z=z, label=labels)
        if known is not None:
            files.write_arrays(os.path.join(out, contents.EXACT), **trained.once(measures.exact))
        files.write_arrays(os.path.join(out, run_folder.SNAPSHOTS), label=labels_of_codes(problem), **trained.snapshots,
                           **measures.gap_over_training(trained.snapshots, problem, known))
        draw_figures(out, trained, figures.FIGURES)

    def inputs(self, problem, x):
        return problem.inputs[_numbers(problem, x)]

    def log_likelihood(self, networks, problem, x, config):
        from avb_tf1.tasks.given_posterior.reference import references_if_known

        known, why_not = references_if_known(problem)
        if known is None:
            raise ValueError("the exact posterior of %s is not known: %s" % (problem.title, why_not))
        if known[0].log_evidence is None:
            raise ValueError("of %s there are but exact draws, which don't tell log p(x)" % problem.title)
        return np.array([reference.log_evidence for reference in known])[_numbers(problem, x)]

    def calibrated(self, networks, problem, random_state, n):
        return measures.calibrated(networks, problem, random_state, n)

    def read_snapshots(self, run):
        contents.require_good(run, self)
        return contents.read_snapshots(run)

    def identity(self, config, problem):
        return config.problem.kind if config.python_file is None else config.python_file.sha256

    def page(self, groups, explored, is_sweep):
        from avb_tf1.tasks.given_posterior import page

        return page.page(groups, explored, is_sweep)

    def facts(self, run):
        config, problem = run.config, run.problem
        return [("posterior", config.problem.kind), ("model", config.model.kind), ("dimensions of z", problem.dim),
                ("values of x", problem.n_x), ("samples in the evaluation", "%d of each q(z|x)" % config.evaluation.n_samples)]


def _numbers(problem, x):
    """A user's x, the numbers of observations, integers [n]; raises ValueError if they are none."""
    x = np.asarray(x)
    if x.ndim != 1 or not len(x) or not np.issubdtype(x.dtype, np.integer) or x.min() < 0 or x.max() >= problem.n_x:
        raise ValueError("x must be numbers of observations, integers [n] from 0 to %d" % (problem.n_x - 1))
    return x
