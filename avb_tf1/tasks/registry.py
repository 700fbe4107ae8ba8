"""The tasks by name, and which one a config is of."""

from avb_tf1.tasks.data_set.task import DataSetTask
from avb_tf1.tasks.given_posterior.task import GivenPosteriorTask
from avb_tf1.tasks.known_images.task import KnownImagesTask

TASKS = {task.name: task for task in (KnownImagesTask(), GivenPosteriorTask(), DataSetTask())}
# Of run folders of any task, besides the files of every run.
FILES = tuple(dict.fromkeys(name for task in TASKS.values() for name in task.files))


def task_of(config):
    """Return the tasks.task.Task of a config."""
    return TASKS[config.task]
