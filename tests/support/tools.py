"""Programs for a test's own PATH: small scripts that write down how they were called."""

import json
import sys
from pathlib import Path
from typing import Any

_SCRIPT = """#!{python} -IS
import json, os, sys
with open({record!r}, "a") as file:
    call = {{
        "arguments": sys.argv[1:],
        "environment": dict(os.environ),
        "folder": os.getcwd(),
        "input": sys.stdin.read(),
    }}
    file.write(json.dumps(call) + "\\n")
{body}
"""


class Tools:
    """A folder of programs, and what they were called with."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True)

    @property
    def path(self) -> dict[str, str]:
        """An environment in which there are these programs and no others."""
        return {"PATH": str(self.folder)}

    def add(self, name: str, body: str = "") -> Path:
        """`body`: Python that runs after the call was written down."""
        script = _SCRIPT.format(python=sys.executable, record=str(self._record(name)), body=body)
        return self.write(name, script)

    def write(self, name: str, text: str) -> Path:
        program = self.folder / name
        program.write_text(text)
        program.chmod(0o755)
        return program

    def calls(self, name: str) -> list[dict[str, Any]]:
        record = self._record(name)
        return [json.loads(line) for line in record.read_text().splitlines()] if record.exists() else []

    def _record(self, name: str) -> Path:
        return self.folder.with_name(f"{self.folder.name}-{name}.jsonl")
