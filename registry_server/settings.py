"""Frozen Settings of the server; the only reader of environment variables here."""

import os
from collections.abc import Mapping
from pathlib import Path

from msgspec import Struct

DEFAULT_PORT = 4873


class Settings(Struct, frozen=True, kw_only=True):
    data: Path
    """Folder of the database, the packages and the index."""
    host: str = "127.0.0.1"
    port: int = DEFAULT_PORT
    is_local: bool = False
    """The embedded registry: whoever can reach it is its owner, and there are no tokens."""
    has_starter: bool = False
    """Publish the starter plugins that the registry lacks when it opens."""


def read_data_folder(flag: str | None, environ: Mapping[str, str] = os.environ) -> Path | None:
    """The data folder from `--data`, else `REGISTRY_SERVER_DATA`; None when neither says."""
    text = flag or environ.get("REGISTRY_SERVER_DATA", "")
    return Path(text).expanduser().absolute() if text else None
