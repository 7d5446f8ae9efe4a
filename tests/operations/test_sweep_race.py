from pathlib import Path

from registry_server.operations.check import check
from registry_server.registry import Registry
from registry_server.store.blobs import Blobs


class SweptOnce(Blobs):
    """Somebody sweeps between the first put and the row that names the blob."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.was_swept = False

    def put(self, data: bytes) -> str:
        integrity = super().put(data)
        if not self.was_swept:
            self.was_swept = True
            self.path(integrity).unlink()
        return integrity


def test_a_package_that_is_swept_before_its_row_is_there_is_written_again(
    registry: Registry, publish
) -> None:
    registry.packages = SweptOnce(registry.packages.root)

    publish("auth")

    assert check(registry.database.path.parent, is_stopped=True).findings == ()
