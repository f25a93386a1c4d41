"""What all tests share."""

import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

signal.signal(signal.SIGHUP, signal.SIG_DFL)  # under nohup, no program would be told of it
settings.register_profile(
    "ci",
    max_examples=60,
    derandomize=True,  # soaks look for more; here the same must come of the same
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
settings.register_profile(
    "soak", parent=settings.get_profile("ci"), max_examples=5000, derandomize=False
)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci"))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Iterator[None]:
    """Ends the processes of a test that failed, so that one failure is one failure.

    Those of a test that passed are its own affair: what it leaves open fails it.
    """
    begun: list[subprocess.Popen[Any]] = []
    begin = subprocess.Popen.__init__

    def recorded(self: subprocess.Popen[Any], *args: Any, **more: Any) -> None:
        begin(self, *args, **more)
        begun.append(self)

    failed = item.session.testsfailed
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(subprocess.Popen, "__init__", recorded)
        yield
    if item.session.testsfailed != failed:
        for process in begun:
            process.kill()
            process.wait()
            for pipe in (process.stdin, process.stdout, process.stderr):
                with suppress(OSError):
                    if pipe is not None:
                        pipe.close()
