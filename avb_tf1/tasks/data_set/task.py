"""Models of a data set of real images, after training: measured on images that they were not trained on."""

import os

import numpy as np

from avb_tf1.estimation.trained_networks import in_chunks
from avb_tf1.ground import files
from avb_tf1.ground.errors import InputError
from avb_tf1.ground.seeds import stream
from avb_tf1.problems.data_set.problem import TEST, VALIDATION
from avb_tf1.runs import run_folder
from avb_tf1.tasks import diagnostics, task
from avb_tf1.tasks.data_set import contents, measures, summary
from avb_tf1.tasks.data_set.view import View, images_looked_at
from avb_tf1.tasks.trained import draw_figures, final_losses, images_of, require_finite, without_infinity

N_DENSE_IMAGES = 300          # whose implicit q(z|x) has its density estimated, at most, and of how many samples each
N_DENSE_SAMPLES = 4096


class DataSetTask(task.Task):
    """Real images: problems.data_set.problem.ImageDataset."""

    name = "data_set"
    metrics, diagnostics = measures.METRICS, measures.DIAGNOSTICS
    by_discriminator = ("test_elbo", "test_elbo_discriminator")
    bounds = (("test_elbo", "test_log_likelihood", "test_inference_gap"),)
    required = ("generator_loss",)
    starred = ("test_log_likelihood", "test_elbo")
    words = (*task.Task.words, contents.METHOD)
    figures = (run_folder.TRAINING_CURVE, "latent_space.png", "reconstructions.png", "latent_space.gif", "pairs.png",
               "manifold.png", "posteriors.png")
    arrays = (contents.TEST_IMAGES,)
    parts = (VALIDATION,)
    no_annealing = "a run of a data set; --ais is for runs of a few known images"
    name_width = summary.NAME_WIDTH
    view, inputs = View, staticmethod(images_of)
    summary, warning = staticmethod(summary.lines), staticmethod(summary.warning)

    def iterations_per_epoch(self, config, problem):
        return len(problem.train.labels) // config.batch_size

    def measure(self, trained):
        found = trained.once(_of_test_images)
        metrics = dict(final_losses(trained.monitors), **found.metrics)
        metrics.update(diagnostics.calibrated_on_images(trained.networks, trained.stream("diagnostics")))
        metrics.update(diagnostics.good_values(metrics, self.diagnostics))
        return task.Measured(without_infinity(metrics), {contents.TEST_IMAGES: found.per_image})

    def measure_part(self, trained, part):
        if not len(getattr(trained.problem, part).labels):
            raise InputError("there are no %s images: data.n_%s of the run is 0" % (part, part))
        return without_infinity(_held_out(trained, part, part + " evaluation").metrics)

    def write(self, out, trained):
        from avb_tf1.tasks.data_set import figures

        trained.once(_of_test_images)  # first: if it refuses, nothing is written
        if trained.networks.encode is not None:
            files.write_arrays(os.path.join(out, run_folder.LATENTS), z=trained.once(latents),
                               label=trained.problem.test.labels)
        files.write_arrays(os.path.join(out, run_folder.SNAPSHOTS), label=trained.problem.shown_images()[1],
                           image=images_looked_at(trained.problem), **trained.snapshots)
        draw_figures(out, trained, figures.FIGURES)

    def log_likelihood(self, networks, problem, x, config):
        return measures.log_likelihood(networks, self.inputs(problem, x), stream(config.seed, "log-likelihood"),
                                       _settings(networks, problem, config, TEST)._replace(annealed=None)).values

    def calibrated(self, networks, problem, random_state, n):
        return diagnostics.calibrated_on_images(networks, random_state, n)

    def read_snapshots(self, run):
        contents.require_good_metrics(run)
        return contents.read_snapshots(run)

    def identity(self, config, problem):
        return [problem.digest, problem.binarisation]

    def page(self, groups, explored, is_sweep):
        from avb_tf1.tasks.data_set import page

        return page.page(groups, explored, is_sweep)

    def facts(self, run):
        problem, model = run.problem, run.config.model
        return [("data", problem.title), ("model", model.kind), ("latent dimensions", model.latent_dim),
                ("images", "%d for training, %d for validation, %d for testing" % tuple(
                    len(part.labels) for part in (problem.train, problem.validation, problem.test))),
                ("pixels", "%d x %d%s, binarisation %s" % (
                    *problem.image_shape[:2], " of colour" if len(problem.image_shape) == 3 else "", problem.binarisation))]


def latents(trained):
    """Return a code of each test image, as in latents.npz: z float32 [n_test, latent_dim].

    Raises:
        trainer.DivergenceError: a code is not finite.
    """
    images, networks = trained.problem.test_images(), trained.networks
    eps = trained.stream("latents").standard_normal((len(images), networks.noise_dim)).astype(np.float32)
    return require_finite(in_chunks(networks.encode, images, eps))


def _of_test_images(trained):
    return _held_out(trained, TEST, "evaluation")


def _held_out(trained, part, stream_name):
    """The measures.HeldOut of a Trained on a part's images."""
    return measures.evaluate(trained.networks, trained.problem.fixed_images(part), trained.stream(stream_name),
                             _settings(trained.networks, trained.problem, trained.config, part), part)


def _settings(networks, problem, config, part):
    """The measures.Settings of a run."""
    from avb_tf1.tasks.data_set.annealing import annealing  # it takes TensorFlow

    return measures.Settings(config.evaluation.n_samples, N_DENSE_IMAGES, N_DENSE_SAMPLES, annealing(networks, problem, config),
                             problem.some_rows(part, config.evaluation.ais.n_images), problem.n_levels)
