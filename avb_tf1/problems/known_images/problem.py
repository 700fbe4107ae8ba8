"""A distribution of x that is known: a few binary images, each with a probability."""

from dataclasses import dataclass, field, replace
from typing import ClassVar, Dict, Optional, Tuple

import numpy as np

from avb_tf1.problems.finite_problem import FiniteProblem
from avb_tf1.problems.published import Published


@dataclass(frozen=True)
class ImageProblem(FiniteProblem):
    """A few binary images. Nothing outside of `problems`, `config` and `reproduction` knows how many, or of how many pixels.

    Attributes:
        images: float32 [n_images, n_pixels], pixels in {0, 1}; an image's label is its row.
        weights: an image's probability is its weight, an integer, beside the sum of all. Their mean is at most 256, and none is
            less than 0.4 of it: densities are estimated from that many codes of an image.
        title: str, what they are called together.
        image_shape: (rows, columns) of an image, whose pixels are row-major.
        image_names, pixel_names: what each is called.
        image_phrase: a text in which %s stands for an image's name.
        introduction, best_possible: sentences for a reader, on the images and on what the best model makes of them.
        optima: metric -> the value that the best possible model has, as far as it is known.
        published: row of the paper -> metric -> what is published.
        ignoring_z: the log-likelihood of the best decoder that ignores z, or None.
    """

    images: np.ndarray
    weights: Tuple[int, ...]
    title: str
    image_shape: Tuple[int, int]
    image_names: Tuple[str, ...]
    pixel_names: Tuple[str, ...]
    image_phrase: str
    introduction: str = ""
    best_possible: str = ""
    optima: Dict[str, Published] = field(default_factory=dict)
    published: Dict[str, Dict[str, Published]] = field(default_factory=dict)
    ignoring_z: Optional[Published] = None
    is_binary: ClassVar[bool] = True

    def __post_init__(self):
        mean = np.mean(self.weights)
        if not 0.4 * mean <= min(self.weights) or mean > 256:
            raise ValueError("the weights %s must not be less than 0.4 of their mean, nor that more than 256" % (self.weights,))

    @property
    def n_images(self):
        return len(self.images)

    @property
    def n_pixels(self):
        return self.images.shape[1]

    @property
    def inputs(self):
        return self.images

    def optima_of(self, config):
        """Return those of the optima that an experiment's config has.

        With adaptive contrast there is none of the discriminator's loss: its codes are normalised there, so that the loss at
        the optimum depends on their moments. Nor is there one of the generator's if the KL divergence's weight isn't 1. By the
        Fenchel dual the discriminator's is minus KL(q(z|x) || p(z)).
        """
        optima, kl = dict(self.optima), self.optima.get("kl_posterior_prior")
        if config.has_dual:
            optima["discriminator_loss"] = kl and replace(kl, value=-kl.value)
        lacking = {"discriminator_loss": config.model.kind == "avb_ac",
                   "generator_loss": config.kl_weight != 1}
        return {name: value for name, value in optima.items() if value is not None and not lacking.get(name)}

    def drawn(self, values):
        """Return values of pixels [n, n_pixels] as they stand in an image, [n, rows, columns]."""
        return np.reshape(values, (-1, *self.image_shape))
