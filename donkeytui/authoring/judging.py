"""Entries become findings: the one place on the author's side where a package is examined."""

from registry_server.contract.archive import Entries
from registry_server.contract.validation import PackageCheck, check_package


def judge(entries: Entries) -> PackageCheck:
    """By the same rules as the registry. Never raises for what is in the entries."""
    return check_package(entries)
