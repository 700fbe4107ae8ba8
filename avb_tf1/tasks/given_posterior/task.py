"""Models of a given posterior, after training: held against what is exactly true of it."""

import os

import numpy as np

from avb_tf1.ground import files
from avb_tf1.runs import run_folder
from avb_tf1.tasks import task
from avb_tf1.tasks.given_posterior import contents, measures, summary
from avb_tf1.tasks.given_posterior.view import View
from avb_tf1.tasks.trained import draw_codes, final_losses, without_infinity
from avb_tf1.tasks.views import labels_of_codes

N_LATENTS = 4096              # samples of each q(z|x) in latents.npz
N_EXACT = 5000                # draws of each exact posterior in exact.npz
N_AXIS = 161                  # points along each axis of its density
_REACH = 0.0005               # of exact draws, to either side, that the density's axes leave out


class GivenPosteriorTask(task.Task):
    """A joint density of parameters and data that is known: problems.given_posterior.problem.GivenPosterior."""

    name = "given_posterior"
    metrics = measures.METRICS
    required = ("elbo",)
    starred = ("inference_gap", "wasserstein")
    words = ("marginals", "modes", "per_x")
    figures = (run_folder.TRAINING_CURVE, "posterior.png", "marginals.png", "posterior.gif")
    arrays = (contents.EXACT,)
    noun = "Approximate posteriors"
    no_annealing = "a run of a given posterior, whose evidence is known; --ais is for runs of images"

    def view(self, networks, problem, random_state):
        return View(networks, problem, random_state)

    def measure(self, trained):
        known, why_not = trained.once(references)
        trained.once(latents)  # to know that they are finite
        metrics = dict(final_losses(trained.monitors), **measures.evaluate(
            trained.networks, trained.problem, known, trained.stream("evaluation"), trained.config.evaluation.n_samples,
            why_not))
        return task.Measured(without_infinity(metrics), {})

    def write(self, out, trained):
        from avb_tf1.tasks.given_posterior import figures

        problem, (known, _), (z, labels) = trained.problem, trained.once(references), trained.once(latents)
        files.write_arrays(os.path.join(out, run_folder.LATENTS), z=z, label=labels)
        exact = exact_arrays(problem, known, trained.stream("exact"))
        if exact:
            files.write_arrays(os.path.join(out, contents.EXACT), **exact)
        files.write_arrays(os.path.join(out, run_folder.SNAPSHOTS), label=labels_of_codes(problem), **trained.snapshots,
                           **measures.gap_over_training(trained.snapshots, problem, known))
        figures.draw(out, trained, z, labels, exact)

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

    def read_snapshots(self, run):
        contents.require_good(run, self)
        return contents.read_snapshots(run)

    def summary(self, metrics, config):
        return summary.lines(metrics, config)

    def warning(self, metrics, config):
        return summary.warning(metrics)

    def identity(self, run):
        python_file = run.config.python_file
        return run.config.problem.kind if python_file is None else python_file.sha256

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


def references(trained):
    """Return the PosteriorReferences of the problem, or None, and why there are none: of reference.references_if_known."""
    from avb_tf1.tasks.given_posterior.reference import references_if_known  # it takes TensorFlow

    return references_if_known(trained.problem)


def latents(trained):
    """Return samples of each q(z|x), as in latents.npz: z float32 [n_x * 4096, dim] and labels int64 [n_x * 4096].

    Raises:
        trainer.DivergenceError: a sample is not finite.
    """
    return draw_codes(trained, N_LATENTS * trained.problem.n_x)


def exact_arrays(problem, known, random_state):
    """Return what exact.npz holds: draws of the exact posteriors, and of two coordinates their densities.

    Args:
        problem: GivenPosterior; known: its PosteriorReferences or None.
        random_state: numpy RandomState.

    Returns:
        dict: draws float32 [n_x, 5000, k], of measures.quantities; if z has two coordinates and the density is known, axes
        float32 [n_x, 2, m] and density float32 [n_x, m, m], first coordinate first. Empty without a reference.
    """
    if known is None:
        return {}
    draws = [reference.draws(N_EXACT, random_state) for reference in known]
    arrays = {"draws": np.array([measures.quantities(problem, of_x) for of_x in draws], np.float32)}
    if problem.dim == 2 and all(reference.log_density is not None for reference in known):
        axes, densities = [], []
        for of_x, reference in zip(draws, known):
            low, high = np.quantile(of_x, [_REACH, 1 - _REACH], axis=0)
            margin = 0.25 * (high - low)
            axes.append([np.linspace(low[k] - margin[k], high[k] + margin[k], N_AXIS) for k in range(2)])
            points = np.stack(np.meshgrid(*axes[-1], indexing="ij"), axis=-1).reshape(-1, 2)
            densities.append(np.exp(reference.log_density(points)).reshape(N_AXIS, N_AXIS))
        arrays.update(axes=np.array(axes, np.float32), density=np.array(densities, np.float32))
    return arrays
