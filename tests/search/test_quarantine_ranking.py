"""A plugin in quarantine in search: below its class like a deprecated one, and never out of sight."""

from pathlib import Path

from registry_server.contract.wire import PluginDocument
from registry_server.search.document import make_search_document
from registry_server.search.index import SearchIndex
from registry_server.search.query import parse_query
from tests.support.builders import document, release

REASON = "it sends keys away"


def found(folder: Path, text: str, *plugins: PluginDocument) -> list[str]:
    index = SearchIndex(folder)
    assert index.rebuild(map(make_search_document, plugins), epoch="e", cursor=1)
    return list(index.search(parse_query(text), limit=10).names)


def test_a_plugin_in_quarantine_stands_below_its_class_and_stays_in_sight(tmp_path: Path) -> None:
    banned = document("mail-bad", release("1.0.0", quarantine=REASON), quarantine=REASON, downloads=10**9)
    others = (document("mail-good", release("1.0.0")), document("post", release("1.0.0"), description="mail"))

    assert found(tmp_path / "a", "mail", banned, *others) == ["mail-good", "mail-bad", "post"]
    assert found(tmp_path / "b", "mail-bad", banned, *others)[0] == "mail-bad"


def test_one_release_in_quarantine_costs_a_plugin_no_place(tmp_path: Path) -> None:
    mended = document("mail-used", release("1.0.0"), release("1.1.0", quarantine=REASON), downloads=10**9)

    assert found(tmp_path, "mail", document("mail-good", release("1.0.0")), mended)[0] == "mail-used"
