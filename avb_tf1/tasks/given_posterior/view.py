"""What a snapshot of a model of a given posterior holds: samples of each q(z|x), and the joint density there."""

from avb_tf1.estimation.trained_networks import in_chunks
from avb_tf1.tasks.views import CodesView


class View(CodesView):
    """What is looked at in each snapshot; arguments: networks, a GivenPosterior and a numpy RandomState."""

    def look(self):
        """Return the arrays of one snapshot by name.

        Returns:
            dict: z float32 [n, dim], samples of q(z|x) of the x labels_of_codes; log_ratio and log_density float32 [n], as far
            as the model has them (tasks.views.codes); log_joint float32 [n], log p(x, z) at z, nats.
        """
        record = super().look()
        return dict(record, log_joint=in_chunks(self._networks.log_joint, self._x, record["z"]))
