"""What is trained on: known images or a data set (the section `data`), or a given posterior in their place (`problem`)."""

import hashlib
from typing import ClassVar, Optional, Union

import pydantic
from pydantic import StrictBool, constr
from typing_extensions import Literal

from avb_tf1.config.sections import DEFAULTS, BatchSize, Section, integer
from avb_tf1.problems.registry import GIVEN_POSTERIORS, IMAGE_PROBLEMS


class _KnownImagesDataConfig(Section):
    """`images`: which problem the images are of."""

    images: Literal[tuple(IMAGE_PROBLEMS)] = DEFAULTS["data"]["images"]


class ConstantDataConfig(_KnownImagesDataConfig):
    kind: Literal["constant"]
    batch_size: BatchSize

    @pydantic.validator("batch_size")
    def _batch_can_be_shared_out(cls, batch_size, values):
        n_shares = sum(IMAGE_PROBLEMS[values["images"]].weights) if "images" in values else 1
        if batch_size % n_shares:
            raise ValueError("must be a multiple of %d" % n_shares)
        return batch_size


class UniformLabelsDataConfig(_KnownImagesDataConfig):
    kind: Literal["uniform_labels"]
    batch_size: BatchSize


class ShuffledSampleDataConfig(_KnownImagesDataConfig):
    """`noise: drawn_once`: the encoder's noise and the prior sample too, a row for each image, are drawn before training."""

    kind: Literal["shuffled_sample"]
    n_samples: BatchSize
    batch_size: BatchSize
    has_each_image: StrictBool
    noise: Literal["fresh", "drawn_once"]

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


class _DatasetConfig(Section):
    """A data set of real images (problems.data_set.datasets), in mini-batches, shuffled before each pass.

    `binarisation`: how pixels become binary; none: they don't, but are real values in [0, 1]. `n_validation`: how many of the
    train images, from the end, are set apart.
    Of a file: `path`, an absolute one once load_config has read it; `sha256`, what stands for its arrays, which load_config
    fills in if it is null, so that a run goes on only with the data that it was begun with.
    """

    path: ClassVar[None] = None
    sha256: ClassVar[None] = None

    binarisation: Literal["dynamic", "static", "threshold", "none"]
    n_validation: integer(ge=0, le=1048576)
    batch_size: BatchSize

    @property
    def is_real(self):
        """Whether x has real values, for which the likelihood must have a density."""
        return self.binarisation == "none"


_Path = constr(strict=True, min_length=1)
_Digest = constr(strict=True, regex=r"^[0-9a-f]{64}\Z")


class DigitsDataConfig(_DatasetConfig):
    kind: Literal["digits"]


class MnistDataConfig(_DatasetConfig):
    """`path: null` stands for the place where Keras keeps it, and downloads it to."""

    kind: Literal["mnist"]
    path: Optional[_Path] = None
    sha256: Optional[_Digest] = None


class NpzDataConfig(_DatasetConfig):
    kind: Literal["npz"]
    path: _Path
    sha256: Optional[_Digest] = None


class PhotoPatchesDataConfig(_DatasetConfig):
    """Patches of two photographs, `size` pixels a side, so many to train with and to test; `color`: whether they keep it."""

    kind: Literal["photo_patches"]
    size: integer(ge=2, le=128)
    n_train: integer(ge=1, le=1048576)
    n_test: integer(ge=1, le=1048576)
    color: StrictBool


DataConfig = Union[ConstantDataConfig, UniformLabelsDataConfig, ShuffledSampleDataConfig, DigitsDataConfig, MnistDataConfig,
                   NpzDataConfig, PhotoPatchesDataConfig]


class NamedProblemConfig(Section):
    """A given posterior in the place of data: which, and how many samples of q an iteration has, of each x as many.

    `x: joint`: the networks see x itself, and are trained on x from the joint density; else which observation it is.
    """

    kind: Literal[tuple(GIVEN_POSTERIORS)]
    batch_size: BatchSize
    x: Literal["observed", "joint"] = "observed"

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
    """A given posterior of the user's own: `path`, from the config's folder, is the Python file that has it."""

    kind: Literal["python"]
    path: PythonFile
    batch_size: BatchSize
    x: Literal["observed"] = "observed"


ProblemConfig = Union[NamedProblemConfig, PythonProblemConfig]
