"""Documents of a feed that no registry of ours would send never enter the catalogue."""

from typing import Any

import pytest

from donkeytui.operations.sync import _check_document
from donkeytui.problems import UnexpectedResponse
from tests.support.builders import document, release


@pytest.mark.parametrize(
    "hostile",
    [
        document("../x", release("1.0.0")),
        document("users", release("one")),
        document("users", release("1.0.0", checksum="md5:abc")),
        document("users", release("1.0.0"), release("1.0.0")),
        document("users", release("1.0.0"), latest_version="9.0.0"),
    ],
    ids=["name", "version", "checksum", "twice", "latest"],
)
def test_impossible_document_is_refused(hostile: Any) -> None:
    with pytest.raises(UnexpectedResponse):
        _check_document(hostile)


def test_ordinary_documents_pass() -> None:
    _check_document(document("users"))
    _check_document(document("authJwt", release("1.0.0-beta.1"), release("1.0.0", "users@^1.0.0")))
