"""One index, many threads: what a search gives is of one generation, whatever is published meanwhile."""

import threading
from pathlib import Path

from registry_server.search.document import make_search_document
from registry_server.search.index import SearchIndex
from registry_server.search.query import parse_query
from tests.support.builders import document, release

NAMES = [f"plugin{number}x" for number in range(200)]


def test_exact_names_are_found_while_generations_are_published(tmp_path: Path) -> None:
    index = SearchIndex(tmp_path)
    documents = [make_search_document(document(name, release("1.0.0"))) for name in NAMES]
    index.rebuild(documents, epoch="e", cursor=1)
    wrong: list[tuple[str, tuple[str, ...]]] = []
    is_over = threading.Event()

    def read(names: list[str]) -> None:
        while not is_over.is_set():
            for name in names:
                found = index.search(parse_query(name), limit=1)
                if found.names != (name,):
                    wrong.append((name, found.names))

    readers = [threading.Thread(target=read, args=(NAMES[part::4],)) for part in range(4)]
    for reader in readers:
        reader.start()
    for number in range(15):
        # In another order each time, so that an address of one generation is another plugin's in the next.
        index.rebuild(documents[number:] + documents[:number], epoch="e", cursor=number + 2)
    is_over.set()
    for reader in readers:
        reader.join()

    assert wrong == []
