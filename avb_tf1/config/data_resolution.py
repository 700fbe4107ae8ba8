"""A config of images held against its data: are there enough images, and are they large enough for a convolution?"""

import os

from avb_tf1.ground.errors import InputError
from avb_tf1.problems.data_set import datasets
from avb_tf1.problems.registry import IMAGE_PROBLEMS

MIN_CONVOLVED = 16  # pixels a side: a smaller image has hardly anything to be made smaller


def with_resolved_data(config, path):
    """Return a config with data.path absolute and data.sha256 filled in, once it is known that data and networks go together.

    Of a config that has data.sha256, as a run's own, the file isn't read, and if its path is absolute needn't be there. One
    without a data set is returned as it is. data.path is looked for from the folder of `path`, the config's file, first, then
    from the working directory. Raises InputError if the file of images can't be read or used, there are too few, or they are
    too small for a convolution.
    """
    if config.task == "known_images":
        _require_convolvable(config, IMAGE_PROBLEMS[config.data.images].image_shape, path)
    if config.task != "data_set":
        return config
    data = config.data
    if data.path is not None and not (data.sha256 is not None and os.path.isabs(data.path)):
        data = data.copy(update={"path": _absolute(data.path, path)})
    if data.sha256 is not None:
        return config.copy(update={"data": data})
    known = datasets.known(data)
    datasets.require_enough(path, known.n_train, data)
    _require_convolvable(config, known.image_shape, path)
    if known.digest is not None:
        data = data.copy(update={"sha256": known.digest})
    return config.copy(update={"data": data})


def _absolute(name, path):
    beside_config, here = os.path.join(os.path.dirname(os.path.abspath(path)), name), os.path.abspath(name)
    if "\0" in name or os.path.lexists(beside_config):
        return beside_config
    if beside_config != here and not os.path.lexists(here):
        raise InputError("%s: data.path: there is neither %s, beside the config, nor %s, in the working directory" % (
            path, beside_config, here))
    return here


def _require_convolvable(config, image_shape, path):
    for key in ("encoder", "decoder", "discriminator"):
        network = config.model.network_sections.get(key)
        if getattr(network, "convolution", None) is not None and min(image_shape[:2]) < MIN_CONVOLVED:
            words = "kind must not be convolutional" if key == "discriminator" else "convolution must be null"
            raise InputError("%s: model.%s.%s: it needs images of at least %d x %d, not %d x %d" % (
                path, key, words, MIN_CONVOLVED, MIN_CONVOLVED, *image_shape[:2]))
