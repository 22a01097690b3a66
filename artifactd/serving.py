"""Running the service: one web process or several, and the task process they wake."""

import functools
import logging
import multiprocessing
import os
import shutil
import signal
import socket
import sys
import threading
from collections.abc import Callable
from datetime import timedelta

from artifactd import __version__, logs, memory
from artifactd.app import Application, Core, first_start
from artifactd.clock import now
from artifactd.http.server import DrainingServer, bind, configured
from artifactd.http.supervisor import Supervisor
from artifactd.settings import Settings, environment_of, load
from artifactd.tasks.process import LOCK, TaskProcess, run_worker

logger = logging.getLogger("artifactd.server")


def serve(settings: Settings, *, with_tasks: bool) -> None:
    """Serve until SIGTERM. `with_tasks`: wake a task process when there is work. Raises what `first_start`
    does, and OSError when the address is taken."""
    os.environ.update(environment_of(settings))
    logs.configure(settings.log)
    settings.data.mkdir(parents=True, exist_ok=True, mode=0o700)
    listening = bind(settings.host, settings.port)
    shutil.rmtree(settings.data / "run" / "metrics", ignore_errors=True)
    core = Core(settings)
    first_start(core)
    logger.info("artifactd %s on http://%s:%d", __version__, *listening.getsockname()[:2])
    if settings.workers == 1:
        _serve(core, listening, with_tasks=with_tasks)
        return
    core.close()
    Supervisor(functools.partial(web_process, with_tasks=with_tasks), listening, settings.workers).run()


def web_process(listening: socket.socket, *, with_tasks: bool) -> None:
    """The main of one of several web processes: a fresh interpreter that has only its environment."""
    settings = load({})
    logs.configure(settings.log)
    threading.Thread(target=_end_with_parent, name="parent", daemon=True).start()
    _serve(Core(settings), listening, with_tasks=with_tasks)


def _end_with_parent() -> None:
    """Drain when the supervisor is gone: nobody would replace us, and we would hold its port."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os.kill(os.getpid(), signal.SIGTERM)


NICE = 10
"""Of the task process of a web process: publishing 100,000 packages then leaves the processors to requests,
and takes no longer where there are none."""


def task_process(settings: Settings, *, spawned_by: int | None) -> bool:
    """Run tasks: until idle for a while when a web process spawned us, else until SIGTERM. Whether it ran:
    not, when another task process runs on this host."""
    os.environ.update(environment_of(settings))
    logs.configure(settings.log)
    if spawned_by is not None:
        os.nice(NICE)
    core = Core(settings)
    try:
        if spawned_by is None:
            first_start(core)
        idle: timedelta | None = None if spawned_by is None else settings.task_process_idle
        return run_worker(core.worker(), core.run_folder / LOCK, idle, spawned_by)
    finally:
        core.close()


def _serve(core: Core, listening: socket.socket, *, with_tasks: bool) -> None:
    settings = core.settings
    memory.few_arenas()
    application = Application(core)
    if with_tasks:
        command = [sys.executable, "-m", "artifactd.cli", "serve", "--role", "worker"]
        command += ["--spawned-by", str(os.getpid())]
        application.task_process = TaskProcess(command, core.run_folder, core.agenda, now)
    server = DrainingServer(
        configured(application, settings.drain_timeout),
        host=settings.host,
        declared=core.directory.ports,
        drain_delay=settings.drain_delay,
        on_drain=_drain(application),
    )
    # Instead of 5 ms: a thread that computes gives the loop its turn back ten times sooner. Shorter still
    # costs more in switches than it gains: small publishes lose a sixth at 0.1 ms.
    sys.setswitchinterval(0.5e-3)
    server.run([listening])


def _drain(application: Application) -> Callable[[], None]:
    def begin() -> None:
        application.health.draining = True

    return begin
