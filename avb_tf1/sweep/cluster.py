"""Ray, started here or joined."""

import contextlib
import io
import os
import signal
import socket
import time

import ray
from ray._raylet import check_health  # what `ray health-check` calls

from avb_tf1.ground import command_line, stopping
from avb_tf1.ground.cpu import n_cpus
from avb_tf1.ground.errors import InputError
from avb_tf1.sweep.plan import ADDRESS_SECONDS

_OBJECT_STORE_BYTES = 200 * 1024**2


@contextlib.contextmanager
def joined(address, n_workers):
    """Ray, started here or joined."""
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"  # no report to anyone
    # A local cluster's workers inherit this: they import the package that this process has imported.
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [command_line.ROOT, os.environ.get("PYTHONPATH")]))
    quiet = dict(log_to_driver=False, logging_level="ERROR")
    try:
        if address is None:
            ray.init(address="local", num_cpus=n_workers or n_cpus(), include_dashboard=False,
                     object_store_memory=_OBJECT_STORE_BYTES, **quiet)
        else:
            ray.init(address=address, **quiet)
    except (ConnectionError, ValueError, RuntimeError) as error:
        where = "a local Ray cluster can't be started" if address is None else "--address %s: no Ray cluster there" % address
        raise InputError("%s: %s" % (where, error or type(error).__name__))
    # Of a cluster that was joined there are none.
    started = [process.process.pid for processes in ray._private.worker._global_node.all_processes.values()
               for process in processes]
    stopping.groups.update(started)
    try:
        yield
    finally:
        ray.shutdown()
        stopping.groups.difference_update(started)
        for pid in started:  # the raylet's agents and workers, in its group (command_line.begin), may outlive it for minutes
            with contextlib.suppress(ProcessLookupError):
                os.killpg(pid, signal.SIGKILL)


def require_cluster(address):
    """Raise InputError unless a Ray cluster answers at HOST:PORT, where Ray itself would try for minutes."""
    host, _, port = address.rpartition(":")
    if not host or not port.isdigit() or not 0 < int(port) < 65536:
        raise InputError("--address %s: must be HOST:PORT" % address)
    deadline = time.monotonic() + ADDRESS_SECONDS
    try:
        socket.create_connection((host, int(port)), timeout=ADDRESS_SECONDS).close()
    except OSError as error:
        raise InputError("--address %s: no Ray cluster there: %s" % (address, error))
    try:
        with contextlib.redirect_stderr(io.StringIO()):  # where check_health shows a traceback each time
            while not check_health(address):
                if time.monotonic() > deadline:
                    raise InputError("--address %s: no Ray cluster there: no answer in %d s" % (address, ADDRESS_SECONDS))
                time.sleep(0.1)
    except RuntimeError as error:  # of another version of Ray
        raise InputError("--address %s: %s" % (address, error))
