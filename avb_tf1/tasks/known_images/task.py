"""Models of known images, after training: a few binary images, of which log p(x) and the best possible model are known."""

import os

import numpy as np

from avb_tf1.estimation import quadrature
from avb_tf1.estimation.trained_networks import in_chunks
from avb_tf1.ground import files
from avb_tf1.problems.known_images.four_images import TABLE_1_METRICS
from avb_tf1.runs import run_folder
from avb_tf1.tasks import diagnostics, task
from avb_tf1.tasks.known_images import contents, measures, published_rows, summary
from avb_tf1.tasks.known_images.view import View
from avb_tf1.tasks.trained import draw_figures, final_losses, images_of, without_infinity
from avb_tf1.tasks.views import labels_of_codes

PLANE_AXIS = np.linspace(-4, 4, 161)  # coordinates along each axis at which the decoder is looked at in the end
N_AIS_CHAINS, N_AIS_STEPS = 50000, 8  # with sharp decoders more chains help more than more steps


class KnownImagesTask(task.Task):
    """A few binary images, each with a probability: problems.known_images.problem.ImageProblem."""

    name = "known_images"
    metrics, diagnostics = measures.METRICS, measures.DIAGNOSTICS
    by_discriminator = ("kl_posterior_prior", "kl_discriminator")
    bounds = (("elbo", "log_likelihood", "inference_gap"),)
    required = starred = TABLE_1_METRICS
    figures = (run_folder.TRAINING_CURVE, "latent_space.png", "reconstructions.png", "latent_space.gif")
    arrays = (contents.LATENT_PLANE,)
    view, inputs = View, staticmethod(images_of)
    summary, warning = staticmethod(summary.lines), staticmethod(summary.warning)
    rows, verdict = staticmethod(published_rows.rows), staticmethod(published_rows.headline)

    def measure(self, trained):
        metrics = final_losses(trained.monitors)
        if trained.networks.encode is not None:
            metrics["classification_accuracy"] = measures.classification_accuracy(
                trained.networks, trained.problem, *trained.once(measures.latents))
        metrics.update(measures.evaluate(
            trained.networks, trained.problem, trained.stream("evaluation"), trained.config.evaluation.n_samples,
            lambda: trained.once(log_likelihoods)))
        metrics.update(diagnostics.calibrated_on_images(trained.networks, trained.stream("diagnostics")))
        metrics.update(diagnostics.good_values(metrics, self.diagnostics))
        return task.Measured(without_infinity(metrics), {})

    def write(self, out, trained):
        from avb_tf1.tasks.known_images import figures

        problem, snapshots = trained.problem, trained.snapshots
        trained.once(log_likelihoods)  # first: if it refuses, nothing is written
        if trained.networks.encode is not None:
            z, labels = trained.once(measures.latents)
            files.write_arrays(os.path.join(out, run_folder.LATENTS), z=z, label=labels)
        files.write_arrays(os.path.join(out, run_folder.SNAPSHOTS), label=labels_of_codes(problem), **snapshots,
                           **measures.kl_over_training(snapshots, problem))
        if quadrature.has_grid(trained.networks.latent_dim):
            files.write_arrays(os.path.join(out, contents.LATENT_PLANE), **latent_plane(trained))
        draw_figures(out, trained, figures.FIGURES)

    def log_likelihood(self, networks, problem, x, config):
        if not quadrature.has_grid(networks.latent_dim):
            raise ValueError("log p(x) needs a grid: latent_dim 1 or 2, not %d" % networks.latent_dim)
        return quadrature.log_likelihood(networks.decode, networks.latent_dim, self.inputs(problem, x))

    def annealed(self, config, problem, checkpoint_path):
        from avb_tf1.estimation import ais
        from avb_tf1.graph import networks
        from avb_tf1.training import checkpoint

        print("Annealed importance sampling, %d chains an image ..." % N_AIS_CHAINS, flush=True)
        found = ais.anneal(
            ais.bernoulli(lambda z: networks.decoder(z, problem.n_pixels, config.model)),
            lambda session, saver: checkpoint.restore(session, saver, checkpoint_path), problem.images,
            ais.path_from_prior(problem.n_images, config.model.latent_dim), config.seed, N_AIS_CHAINS, N_AIS_STEPS)
        return problem.mean(found.log_likelihood), problem.error_of_mean(found.standard_error)

    def calibrated(self, networks, problem, random_state, n):
        return diagnostics.calibrated_on_images(networks, random_state, n)

    def read_snapshots(self, run):
        contents.require_good(run)
        return contents.read_snapshots(run)

    def optima(self, config, problem):
        return {name: optimum.value for name, optimum in problem.optima_of(config).items()}

    def identity(self, config, problem):
        return config.data.images

    def is_drawn_beside(self, first, run):  # a page has one set of images
        return self.identity(first.config, first.problem) == self.identity(run.config, run.problem)

    def page(self, groups, explored, is_sweep):
        from avb_tf1.tasks.known_images import page

        return page.page(self, groups, explored, is_sweep)

    def facts(self, run):
        return [("model", run.config.model.kind), ("latent dimensions", run.config.model.latent_dim)]


def log_likelihoods(trained):
    """Return log p(x) of each image, float64 [n_images], nats, or None without a grid.

    Raises:
        quadrature.GridError: the decoder is too sharp, or its mass too far out, for the quadrature.
    """
    networks = trained.networks
    if not quadrature.has_grid(networks.latent_dim):
        return None
    return quadrature.log_likelihood(networks.decode, networks.latent_dim, trained.problem.images)


def latent_plane(trained):
    """Return what the decoder makes of the latent space, of one or two dimensions, and the exact posteriors.

    Returns:
        dict, as in latent_plane.npz: axis float32 [161]; on the points of quadrature.grid(axis, latent_dim): probabilities
        float32 [161**latent_dim, n_pixels], those of p(x|z), and posterior_density float32 [n_images, 161**latent_dim], p(z|x)
        for each image.
    """
    networks = trained.networks
    points = quadrature.grid(PLANE_AXIS, networks.latent_dim).astype(np.float32)
    density = quadrature.posterior_density(networks.decode, PLANE_AXIS, networks.latent_dim, trained.problem.images,
                                           trained.once(log_likelihoods))
    return {"axis": PLANE_AXIS.astype(np.float32), "probabilities": in_chunks(networks.decode, points),
            "posterior_density": density.astype(np.float32)}
