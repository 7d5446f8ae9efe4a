"""What a refused publish leaves in the server's memory: nothing of the package."""

import gc
import os
import tracemalloc
from collections.abc import Iterator

import pytest

from registry_server.registry import Registry
from tests.support.town import Town

PACKAGE_BYTES = 4 << 20


@pytest.fixture
def without_collector() -> Iterator[None]:
    """Cycles stay: a server that makes few objects is collected seldom."""
    gc.collect()
    gc.disable()
    tracemalloc.start()
    yield
    tracemalloc.stop()
    gc.enable()


@pytest.mark.usefixtures("without_collector")
def test_a_refused_package_goes_before_the_collector_comes(registry: Registry) -> None:
    ada = Town(registry)("ada")
    files = {"package": ("package.tar.gz", os.urandom(PACKAGE_BYTES))}
    codes, sizes = [], []
    for _ in range(4):
        codes.append(ada("POST", "/api/plugins", files=files).json()["code"])
        sizes.append(tracemalloc.get_traced_memory()[0])

    assert codes == ["archive-unsafe"] * 4
    assert sizes[-1] - sizes[0] < PACKAGE_BYTES
