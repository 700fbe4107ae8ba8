"""The random numbers of an iteration: each tensor has an op seed of its own, by its name, beside the config's one seed."""

import numpy as np

from avb_tf1.ground.seeds import op_seed, stream
from avb_tf1.ground.tensorflow import tf, tfd


class Noise:
    """Makes the samples that go with a batches.Batch of a config, all float32.

    `tensors` are the random tensors made so far, the batch's own among them; a session.run draws those that it needs.
    """

    def __init__(self, batch, config):
        self.tensors = batch.noise
        self._rows, self._config = batch.noise_rows, config

    def for_batch(self, name, dim):
        """Return samples of N(0, I) for the batch's rows, [batch, dim]; None if dim is None.

        Each session.run draws them anew; where the batch has noise_rows, data.n_samples of them are drawn once, by NumPy.
        """
        if dim is None:
            return None
        if self._rows is None:
            return self.drawn_anew(name, self._config.batch_size, dim)
        samples = stream(self._config.seed, name).standard_normal((self._config.data.n_samples, dim)).astype(np.float32)
        return tf.gather(samples, self._rows, name=name)

    def drawn_anew(self, name, n, dim):
        """Return n samples of N(0, I), [n, dim], that each session.run draws anew."""
        return self.drawn_by(name, n, tfd.MultivariateNormalDiag(loc=tf.zeros(dim), scale_diag=tf.ones(dim)).sample)

    def drawn_by(self, name, n, sample):
        """Return `sample`(n, op seed, name), n samples, [n, ...], that each session.run draws anew."""
        samples = sample(n, op_seed(name), name)
        self.tensors += (samples,)
        return samples
