"""Places of a project where something else than a file lies: read without waiting, refused with a word."""

import os
from pathlib import Path

import pytest

from donkeytui.problems import ProjectNotWritable
from donkeytui.project.snapshot import FRAMEWORK_PACKAGE, read_snapshot

pytestmark = pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no pipes in folders here")


@pytest.mark.parametrize("path", ["package.json", "donkeylabs-lock.json"])
def test_a_pipe_in_place_of_a_text_is_refused_and_not_waited_for(project: Path, path: str) -> None:
    (project / path).unlink(missing_ok=True)
    os.mkfifo(project / path)

    with pytest.raises(ProjectNotWritable, match="is no file"):
        read_snapshot(project)


@pytest.mark.parametrize("device", ["/dev/zero", "/dev/null"])
def test_a_framework_package_that_leads_to_a_device_is_an_unknown_framework(
    project: Path, device: str
) -> None:
    place = project / FRAMEWORK_PACKAGE
    place.parent.mkdir(parents=True)
    place.symlink_to(device)

    assert read_snapshot(project).framework is None
