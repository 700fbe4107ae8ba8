"""What is trained on: known images or a data set (the section `data`), or a given posterior in their place (`problem`)."""

import hashlib
from typing import ClassVar, Optional, Union

import pydantic
from pydantic import StrictBool, constr
from typing_extensions import Literal

from avb_tf1.config.sections import DEFAULTS, BatchSize, Section, integer, key
from avb_tf1.problems.registry import GIVEN_POSTERIORS, IMAGE_PROBLEMS


class _KnownImagesDataConfig(Section):
    images: Literal[tuple(IMAGE_PROBLEMS)] = key("Which known images they are.", default=DEFAULTS["data"]["images"])


class ConstantDataConfig(_KnownImagesDataConfig):
    """The same batch in each iteration: of each known image its share."""

    kind: Literal["constant"]
    batch_size: BatchSize = key(
        "Images in a batch; they must share out among the known images, so it is a multiple of 4 for `four_images`.")

    @pydantic.validator("batch_size")
    def _batch_can_be_shared_out(cls, batch_size, values):
        n_shares = sum(IMAGE_PROBLEMS[values["images"]].weights) if "images" in values else 1
        if batch_size % n_shares:
            raise ValueError("must be a multiple of %d" % n_shares)
        return batch_size


class UniformLabelsDataConfig(_KnownImagesDataConfig):
    """Known images drawn at random, anew for each update."""

    kind: Literal["uniform_labels"]
    batch_size: BatchSize = key("Images in a batch.")


class ShuffledSampleDataConfig(_KnownImagesDataConfig):
    """A sample of the known images, drawn once before training and then shuffled before each pass through it."""

    kind: Literal["shuffled_sample"]
    n_samples: BatchSize = key("Images in the sample.")
    batch_size: BatchSize = key("Images in a batch, at most `n_samples`; a pass leaves its last incomplete batch out.")
    has_each_image: StrictBool = key("Whether the sample has each known image at least once, whatever is drawn.")
    noise: Literal["fresh", "drawn_once"] = key(
        "`drawn_once`: the encoder's noise and the prior sample, too, are drawn before training, a row for each image of the "
        "sample, which must be of two batches at least. `fresh`: anew for each update.")

    @pydantic.validator("batch_size")
    def _sample_has_a_batch(cls, batch_size, values):
        if batch_size > values.get("n_samples", batch_size):
            raise ValueError("must be at most n_samples")
        return batch_size

    @pydantic.validator("has_each_image")
    def _sample_has_room(cls, has_each_image, values):
        n_images = IMAGE_PROBLEMS[values["images"]].n_images if "images" in values else 0
        if has_each_image and values.get("n_samples", n_images) < n_images:
            raise ValueError("must be false for fewer than %d samples" % n_images)
        return has_each_image

    @pydantic.validator("noise")
    def _noise_has_two_batches(cls, noise, values):
        if noise == "drawn_once" and values.get("n_samples", 0) < 2 * values.get("batch_size", 0):
            raise ValueError("must be fresh unless n_samples are two batches: an image would have the same noise for ever")
        return noise


class _DatasetConfig(Section):
    """A data set of real images (problems.data_set.datasets), in mini-batches, shuffled before each pass.

    Of a file `path` is an absolute one once load_config has read it, which then fills in `sha256`, if that is null.
    """

    path: ClassVar[None] = None
    sha256: ClassVar[None] = None

    binarisation: Literal["dynamic", "static", "threshold", "none"] = key(
        "How pixels become binary: `dynamic`, drawn for each batch with the intensity as probability; `static`, drawn once; "
        "`threshold`, on from one half; `none`, they stay real values in [0, 1], for a likelihood with a density.")
    n_validation: integer(ge=0, le=1048576) = key("Train images, from the end, that are not trained on but set apart.")
    batch_size: BatchSize = key("Images in a batch; there must be as many to train on.")

    @property
    def is_real(self):
        """Whether x has real values, for which the likelihood must have a density."""
        return self.binarisation == "none"


_Path = constr(strict=True, min_length=1)
_Digest = constr(strict=True, regex=r"^[0-9a-f]{64}\Z")
_SHA256 = ("A digest of the file's arrays, 64 hexadecimal digits; a run's own config has it, so that the run goes on only with "
           "the same.")


class DigitsDataConfig(_DatasetConfig):
    """The 8x8 digits of scikit-learn, 1497 to train with and 300 to test."""

    kind: Literal["digits"]


class MnistDataConfig(_DatasetConfig):
    """MNIST, 28x28 pixels, 60,000 images to train with and 10,000 to test."""

    kind: Literal["mnist"]
    path: Optional[_Path] = key(
        "Keras' `mnist.npz`, from the config's folder or the working directory; `null`: where Keras keeps it, and downloaded "
        "if it isn't there.", default=None)
    sha256: Optional[_Digest] = key(_SHA256, default=None)


class NpzDataConfig(_DatasetConfig):
    """Images of your own, in a file of numpy's."""

    kind: Literal["npz"]
    path: _Path = key("The `.npz` file, from the config's folder or the working directory.")
    sha256: Optional[_Digest] = key(_SHA256, default=None)


class PhotoPatchesDataConfig(_DatasetConfig):
    """Patches of the two photographs that scikit-learn ships, real values; none for testing overlaps one to train with."""

    kind: Literal["photo_patches"]
    size: integer(ge=2, le=128) = key("Pixels a side.")
    n_train: integer(ge=1, le=1048576) = key("Patches to train with.")
    n_test: integer(ge=1, le=1048576) = key("Patches to test on.")
    color: StrictBool = key("Whether they keep their colour, three values a pixel; else one, its brightness.")


DataConfig = Union[ConstantDataConfig, UniformLabelsDataConfig, ShuffledSampleDataConfig, DigitsDataConfig, MnistDataConfig,
                   NpzDataConfig, PhotoPatchesDataConfig]


class NamedProblemConfig(Section):
    """A given posterior that comes with the package."""

    kind: Literal[tuple(GIVEN_POSTERIORS)]
    batch_size: BatchSize = key(
        "Samples of q in an iteration, of each observed x as many; a multiple of their number (5 for `explaining_away`).")
    x: Literal["observed", "joint"] = key(
        "What the networks see: `observed`, which of the observations it is; `joint`, x itself, drawn anew for each update "
        "from the joint density (of `explaining_away` only).", default="observed")

    @pydantic.validator("x")
    def _x_can_be_drawn(cls, x, values):
        drawn = [name for name, problem in GIVEN_POSTERIORS.items() if problem.sample_likelihood is not None]
        if x == "joint" and values.get("kind", drawn[0]) not in drawn:
            raise ValueError("can be joint for %s only" % ", ".join(drawn))
        return x


class PythonFile(Section):
    """What loading.load_config reads problem.path to be: the path, for messages, and the text, which is part of the config."""

    path: str
    source: str

    @property
    def sha256(self):
        return hashlib.sha256(self.source.encode()).hexdigest()


class PythonProblemConfig(Section):
    """A given posterior of your own, by a Python file."""

    kind: Literal["python"]
    path: PythonFile = key("The Python file, from the config's folder.")
    batch_size: BatchSize = key("Samples of q in an iteration, of each observed x as many; a multiple of their number.")
    x: Literal["observed"] = key("What the networks see: which of the observations it is.", default="observed")


ProblemConfig = Union[NamedProblemConfig, PythonProblemConfig]
