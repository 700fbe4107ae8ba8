"""Many runs in one process: what one leaves behind is not more with each of them."""

import gc
import os

import pytest
from helpers import ROOT

from avb_tf1.config.loading import load_config
from avb_tf1.experiment.run import run_experiment

CONFIGS = ("synthetic.yaml", "posteriors/banana.yaml", "images/digits_avb.yaml")


def held():
    """How many threads, descriptors and Python objects this process has, and its resident memory in bytes."""
    gc.collect()
    threads, descriptors = (len(os.listdir("/proc/self/" + kind)) for kind in ("task", "fd"))
    with open("/proc/self/statm", encoding="ascii") as file:
        pages = int(file.read().split()[1])
    return threads, descriptors, len(gc.get_objects()), pages * os.sysconf("SC_PAGE_SIZE")


@pytest.mark.long
@pytest.mark.skipif(not os.path.isdir("/proc/self/task"), reason="Linux tells it there")
def test_memory_threads_and_descriptors_do_not_grow(tmp_path):
    seen = []
    for number in range(21):
        config = load_config(os.path.join(ROOT, "configs", CONFIGS[number % 3]), [
            "seed=%d" % number, "training.n_iterations=10", "evaluation.n_samples=%d" % (1024 if number % 3 < 2 else 10)])
        run_experiment(config, str(tmp_path / str(number)))
        seen.append(held())
    for number in range(9, 21):  # the first two of each kind fill caches
        earlier = seen[number - 3]
        assert seen[number][:2] == earlier[:2], number
    for before, after in zip(seen[6:9], seen[18:21]):
        assert after[2] - before[2] < 1000, seen  # a graph has 30,000
        assert after[3] - before[3] < 200e6, seen  # of 12 runs; the C library keeps some of what is freed
