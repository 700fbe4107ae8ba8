"""A finished run and its trained model, to look into from Python."""

import contextlib
import html
import os

import numpy as np

from avb_tf1.estimation.trained_networks import in_chunks
from avb_tf1.experiment.reevaluation import measured_part
from avb_tf1.experiment.run import opened_run
from avb_tf1.ground import seeds
from avb_tf1.ground.threads import one_blas_thread
from avb_tf1.page.numbers import count, number, with_error
from avb_tf1.runs import metrics_file, run_folder
from avb_tf1.tasks.trained import Trained


def open_run(folder):
    """Open a finished run.

    Args:
        folder: str, a run folder, as run_experiment or scripts/train.py leaves it.

    Returns:
        TrainedRun; to be closed, or used as a context.

    Raises:
        InputError: the folder holds no finished run, its config was edited since, or a file of it is damaged; says which.
    """
    return TrainedRun(folder)


class TrainedRun:
    """A finished run, its trained weights in a tf.Session. Images are arrays [n, n_values]: pixels that are 0 or 1, or, of a
    Gaussian likelihood, real values in [0, 1].

    At the end of a notebook's cell it shows itself as a table of its metrics, elsewhere in a line.

    Of a given posterior x stands for the numbers of its observations, integers [n] from 0, in the place of images.

    Attributes:
        folder: str.
        config: as of load_config.
        metrics: dict, as in metrics.json: None stands for an infinite value; "not_computed" says why metrics are missing.
    """

    def __init__(self, folder):
        self.folder = folder
        with contextlib.ExitStack() as stack:
            (self.config, self._problem, self._task), found, self._networks = stack.enter_context(opened_run(folder))
            self._monitors = found.monitors
            self.metrics, _ = metrics_file.read_metrics(folder, self.config, self._task)
            self._closing = stack.pop_all()

    def __repr__(self):
        config = self.config
        return "<TrainedRun of %s: %s (%s), seed %d, %s of batch %d>" % (
            self.folder, config.name, config.model.kind, config.seed, count(config.training.n_iterations, "iteration"),
            config.batch_size)

    def _repr_html_(self):
        """What a notebook shows of it: the metrics, nats, with their standard errors and the best possible values."""
        optima = self._task.optima(self.config, self._problem)
        titles = ["metric", "obtained"] + ["optimum"] * bool(optima)
        rows = [[metric.title, with_error(self.metrics, name, metric)]
                + ([number(optima[name]) if name in optima else ""] if optima else [])
                for name, metric in self._task.metrics.items() if name in self.metrics]

        def line(tag, cells):
            return "<tr>%s</tr>" % "".join("<%s>%s</%s>" % (tag, html.escape(cell), tag) for cell in cells)

        return "<p>%s</p><table>%s</table>" % (
            html.escape(repr(self)), "".join([line("th", titles), *(line("td", cells) for cells in rows)]))

    def show(self, *names):
        """Show figures of the run, or its page, in a notebook.

        Args:
            names: str, files of the run folder: the task's figures, such as "latent_space.png", or "report.html", the page, of
                which the notebook then has a copy of some 5 MB. Without names all figures.

        Raises:
            ValueError: a name is none of these, or that figure was not drawn of this model.
            ImportError: IPython is not installed.
        """
        try:
            from IPython import display
        except ImportError:
            raise ImportError("show needs IPython, which a notebook has; elsewhere open %s in a browser" % (
                os.path.join(self.folder, run_folder.REPORT)))
        drawn = [name for name in self._task.figures if os.path.isfile(os.path.join(self.folder, name))]
        for name in names:
            if name not in (*drawn, run_folder.REPORT):
                raise ValueError("%r can't be shown; there is %s" % (name, ", ".join((*drawn, run_folder.REPORT))))
        for name in names or drawn:
            path = os.path.join(self.folder, name)
            if name != run_folder.REPORT:
                display.display(display.Image(filename=path))
                continue
            with open(path, encoding="utf-8") as file:
                page = html.escape(file.read())
            # A document of its own, as its script and its style are the whole page's; IPython would have a bare one be a URL's.
            display.display(display.HTML('<div><iframe srcdoc="%s" width="100%%" height="800"></iframe></div>' % page))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        """Close the session; the methods can't be called any more."""
        self._networks = _Closed()
        self._closing.close()

    def sample_posterior(self, x, n, seed):
        """Draw samples of q(z|x).

        Args:
            x: [n_images, n_pixels].
            n: int, samples an image, at least 1.
            seed: int, 0 to 2**32 - 1; the same seed gives the same samples.

        Returns:
            z: float32 [n_images, n, latent_dim].

        Raises:
            ValueError: x is no images, n or seed is no such number, or the model has no q(z|x).
        """
        if self._networks.encode is None:
            raise ValueError("a model of kind %s has no q(z|x)" % self.config.model.kind)
        for name, value, low, high in (("n", n, 1, 2**31), ("seed", seed, 0, 2**32)):
            if not isinstance(value, (int, np.integer)) or isinstance(value, bool) or not low <= value < high:
                raise ValueError("%s must be an integer from %d to %d, not %r" % (name, low, high - 1, value))
        x = self._task.inputs(self._problem, x)
        eps = seeds.stream(seed, "sample_posterior").standard_normal((len(x) * n, self._networks.noise_dim))
        z = in_chunks(self._networks.encode, np.repeat(x, n, axis=0), eps.astype(np.float32))
        return z.reshape(len(x), n, self._networks.latent_dim)

    def decode(self, z):
        """Return E[x|z], of pixels the probabilities that they are on, float32 [n, n_values], for z [n, latent_dim].

        Raises:
            ValueError: z has another shape or isn't finite, or the likelihood is given: then there is no decoder.
        """
        if self._networks.decode is None:
            raise ValueError("the likelihood is given: there is no decoder")
        return in_chunks(self._networks.decode, self._codes(z))

    def log_ratio(self, x, z):
        """Return the discriminator's estimate of log q(z|x) - log p(z) for pairs of an image and a code.

        It is T(x, z); with adaptive contrast T of the normalised z, plus log r(z|x) - log p(z).

        Args:
            x: [n, n_pixels].
            z: [n, latent_dim].

        Returns:
            float32 [n], nats.

        Raises:
            ValueError: x is no images, z has another shape or isn't finite, or the model has no discriminator.
        """
        if self._networks.log_ratio is None:
            raise ValueError("a model of kind %s has no discriminator" % self.config.model.kind)
        return in_chunks(self._networks.log_ratio, *self._pairs(x, z))[:, 0]

    def log_posterior(self, x, z):
        """Return log q(z|x), float32 [n], nats, of pairs of x [n, n_pixels] and any z [n, latent_dim].

        Raises:
            ValueError: x is no images, z has another shape or isn't finite, or log q(z|x) isn't known at any z: of a Gaussian
                and of a flow whose layers have an inverse it is.
        """
        if self._networks.log_posterior is None:
            raise ValueError("a model of kind %s has no log q(z|x) at any z" % self.config.model.kind)
        return in_chunks(self._networks.log_posterior, *self._pairs(x, z))

    def log_likelihood(self, x):
        """Return log p(x), float64 [n], nats, for images x [n, n_pixels].

        Of the few images of a known problem, and for given posteriors, it is exact to 1e-4. Of a data set:

        - With one or two latent dimensions it is exact to about adaptive_quadrature.TOLERANCE, 3e-3, but for an image whose
          posterior is too narrow for the grids: test_images.npz of the run folder has the error of each test image.
        - With more, it is annealed importance sampling by the config's evaluation.ais, seeded by the config's seed: the same x
          give the same values, but an image may have another one among others. Errors of a few tenths of a nat are usual;
          log_likelihood_error of test_images.npz tells them, and ais_acceptance, far from ais.ACCEPTANCE, where not to trust
          them. It takes a second or more an image, whatever evaluation.ais.n_images.

        Raises:
            ValueError: x is no images, or latent_dim is above 2 for a known problem, or a given posterior's evidence can't be
                had.
            quadrature.GridError: the decoder is too sharp for the quadrature.
        """
        with one_blas_thread():
            return self._task.log_likelihood(self._networks, self._problem, x, self.config)

    def measure(self, part):
        """Return the metrics of the model on images that it was not trained on and that choosing settings may look at.

        Args:
            part: "validation", the data.n_validation images of a data set.

        Returns:
            dict: as in metrics.json of the test images, with "validation" in the place of "test" in the names.

        Raises:
            ValueError: the run is none of a data set, or part is another.
            InputError: data.n_validation is 0.
        """
        if part not in self._task.parts:
            raise ValueError("part must be %s, not %r" % (" or ".join(self._task.parts), part) if self._task.parts else
                             "only runs of a data set can be measured on a part of their data")
        trained = Trained(self.config, self._problem, self._networks, self._monitors)
        return measured_part(self.folder, self._task, trained, part)

    def _pairs(self, x, z):
        x, z = self._task.inputs(self._problem, x), self._codes(z)
        if len(x) != len(z):
            raise ValueError("x and z must be as many, not %d and %d" % (len(x), len(z)))
        return x, z

    def _codes(self, z):
        z = np.asarray(z, np.float32)
        if z.ndim != 2 or z.shape[1] != self._networks.latent_dim or not len(z):
            raise ValueError("z must be [n, %d] with n at least 1, not %s" % (self._networks.latent_dim, list(z.shape)))
        if not np.isfinite(z).all():
            raise ValueError("z must be finite")
        return z


class _Closed:
    """What stands for the networks of a run that was closed."""

    def __getattr__(self, name):
        raise ValueError("the run was closed: open it again with avb_tf1.open_run")
