"""What a snapshot of a model of known images holds: codes of each image, and what the decoder makes of the latent space."""

import numpy as np

from avb_tf1.estimation import quadrature
from avb_tf1.estimation.trained_networks import in_chunks
from avb_tf1.ground.threads import at_once
from avb_tf1.tasks.views import CodesView

PLANE_AXIS = np.linspace(-4, 4, 41)  # coordinates along each axis of the latent space where the decoder is looked at


class View(CodesView):
    """What is looked at in each snapshot; arguments: networks, an ImageProblem and a numpy RandomState."""

    def __init__(self, networks, problem, random_state):
        super().__init__(networks, problem, random_state)
        self._plane = None
        if quadrature.has_grid(networks.latent_dim):
            self._plane = quadrature.grid(PLANE_AXIS, networks.latent_dim).astype(np.float32)

    def look(self):
        """Return the arrays of one snapshot by name.

        Returns:
            dict: z float32 [n, latent_dim], codes of the classes labels_of_codes, log_ratio [n] and log_density [n], as far as
            the model has them (tasks.views.codes); with a grid, probabilities uint8 [41**latent_dim, n_pixels], 255 times those
            of p(x|z) on quadrature.grid(PLANE_AXIS, latent_dim); of a Gaussian q(z|x) mean and log_variance float32
            [n_images, latent_dim].
        """
        if self._plane is None:
            record = super().look()
        else:  # the decoder on a core of its own, while training waits
            record, decoded = at_once(super().look, lambda: in_chunks(self._networks.decode, self._plane))
            record["probabilities"] = np.rint(255 * decoded).astype(np.uint8)
        if self._networks.gaussian is not None:
            record["mean"], record["log_variance"] = self._networks.gaussian(self._problem.inputs)
        return record
