"""A server killed again and again under two publishers loses nothing it acknowledged.

`KILL_ROUNDS=100` kills it a hundred times; the suite does with fewer.
"""

import os
import random
import threading
from pathlib import Path

import httpx
import pytest

from registry_server.contract.integrity import integrity_of
from registry_server.contract.routes import CHANGES, download
from registry_server.operations.backup import back_up
from registry_server.operations.check import check
from registry_server.operations.repair import repair
from registry_server.operations.restore import restore
from tests.support.killing import MortalServer, Publisher, Record

ROUNDS = int(os.environ.get("KILL_ROUNDS", "12"))
SEED = 20260314
SWEEPABLE = {"blob-unnamed", "temporary-file"}


@pytest.mark.network
def test_a_server_that_is_killed_loses_nothing_it_acknowledged(tmp_path: Path) -> None:
    server = MortalServer(tmp_path / "server")
    record = Record()
    kill_under_load(server, record)

    server.start()
    try:
        served_digests(server, record)
        assert_feed_is_gap_free(server)
        # While it serves: nothing of a publish under way is taken for a leftover.
        assert check(server.data).findings == ()
        back_up(server.data, tmp_path / "backup")
    finally:
        server.stop()

    assert record.surprises == []
    assert "Traceback" not in "".join(server.said)
    assert record.acknowledged
    assert all(len(digests) == 1 for digests in record.acknowledged.values())
    left = check(server.data, is_stopped=True).findings
    assert {finding.code for finding in left} <= SWEEPABLE, left
    print(  # noqa: T201
        f"\n{ROUNDS} kills, {dict(record.counts)}, {len(record.acknowledged)} releases acknowledged,"
        f" {len(left)} files left over"
    )
    assert len(repair(server.data, is_stopped=True).mended) == len(left)
    assert check(server.data, is_stopped=True).findings == ()

    restore(tmp_path / "backup", tmp_path / "restored")
    assert check(tmp_path / "restored", is_stopped=True).findings == ()


def kill_under_load(server: MortalServer, record: Record) -> None:
    """Each round ends at a moment of its own: so many requests later, and a little."""
    chance = random.Random(SEED)  # noqa: S311
    publishers = [Publisher(name, server, record, SEED + n) for n, name in enumerate(("ada", "bob"))]
    never = threading.Event()
    for publisher in publishers:
        publisher.start()
    try:
        for _ in range(ROUNDS):
            server.start()
            record.wait_for_more_sent(chance.randint(1, 8))
            never.wait(chance.uniform(0, 0.03))
            server.kill()
    finally:
        for publisher in publishers:
            publisher.is_over.set()
        server.kill()
        for publisher in publishers:
            publisher.join()


def served_digests(server: MortalServer, record: Record) -> None:
    with httpx.Client(base_url=server.url, timeout=30, trust_env=False) as client:
        for (name, version), digests in record.acknowledged.items():
            answer = client.get(download(name, version))
            assert answer.status_code == 200, f"{name} {version} is lost"
            assert {integrity_of(answer.content)} == digests


def assert_feed_is_gap_free(server: MortalServer) -> None:
    """A page has each name once, so it is read entry by entry: one a page, and none is skipped."""
    with httpx.Client(base_url=server.url, timeout=30, trust_env=False) as client:
        serial, names = 0, set()
        while True:
            page = client.get(CHANGES, params={"since": serial, "limit": 1}).json()
            if not page["changes"]:
                break
            [change] = page["changes"]
            assert change["serial"] == page["cursor"] == serial + 1
            serial = page["cursor"]
            names.add(change["name"])
        assert client.get("/api/snapshot").json()["serial"] == serial
        assert client.get("/api/snapshot").json()["plugins"] == len(names)
