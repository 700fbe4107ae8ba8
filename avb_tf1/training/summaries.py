"""TensorBoard event files of a run."""

import contextlib
import os

from avb_tf1.ground.tensorflow import tf

_EVERY = 10  # iterations


class SummaryLog:
    """Writes the monitors of every tenth iteration, and of the first, to an event file, beside the tf.Graph.

    The folder is made if need be; its parent must exist. TensorBoard drops what an interrupted run had written of iterations
    later than `n_done`.
    """

    def __init__(self, folder, graph, n_done=0):
        with contextlib.suppress(FileExistsError):
            os.mkdir(folder)  # not its parents: a run folder that was removed isn't made again without its config
        if not os.path.isdir(folder):
            raise OSError("%s: not a folder" % folder)
        self._writer = tf.summary.FileWriter(folder, graph)
        if n_done:
            self._writer.add_session_log(tf.SessionLog(status=tf.SessionLog.START), n_done + 1)

    def __call__(self, iteration, monitors):
        if iteration % _EVERY == 0 or iteration == 1:
            values = [tf.Summary.Value(tag=name, simple_value=value) for name, value in monitors.items()]
            self._writer.add_summary(tf.Summary(value=values), iteration)

    def close(self):
        """Write out what is still in memory."""
        self._writer.close()
