"""new, validate, pack and publish as they are typed: what is asked, printed, written, and the status."""

import io
import json
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from donkeytui.cli.author_output import FILES_SHOWN
from donkeytui.cli.output import Streams
from donkeytui.cli.run import run as run_cli
from tests.support.builders import tree, write_plugin
from tests.support.tools import Tools

PLUGINS = "src/server/plugins"


@pytest.fixture
def folder(project: Path) -> Path:
    return write_plugin(project / PLUGINS / "pay", "pay")


def manifest_of(project: Path, name: str = "pay") -> Any:
    return json.loads((project / PLUGINS / name / "package.json").read_text())


# new


def test_new_asks_nothing_off_a_terminal_and_passes_validate(cli: Callable[..., Any], project: Path) -> None:
    made = cli("new pay")
    checked = cli(f"validate {PLUGINS}/pay --json")

    assert (made.status, made.out.splitlines()[0]) == (0, f"✓ made pay in {PLUGINS}/pay")
    assert "server.registerPlugin(payPlugin);" in made.err
    assert (checked.status, checked.json["data"]["findings"]) == (0, [])
    assert manifest_of(project)["description"] == "Pay for DonkeyLabs."


def test_new_takes_everything_from_options(cli: Callable[..., Any], project: Path) -> None:
    made = cli(
        "new pay --display-name 'Pay Now' --description 'Takes money.' --category payments --category shop"
        " --tag money --license ISC --author 'Ada <ada@example.com>' --schema --with-config"
        " --needs users --needs 'email@>=1.2 <3' --no-tests --json"
    )
    manifest = manifest_of(project)

    assert [finding["code"] for finding in made.json["data"]["findings"]] == ["tests-missing"]
    assert {entry[0] for entry in made.json["data"]["files"]} == {
        path.relative_to(project / PLUGINS / "pay").as_posix()
        for path in (project / PLUGINS / "pay").rglob("*")
        if path.is_file()
    }
    assert manifest["donkeylabs"] == {
        "displayName": "Pay Now",
        "categories": ["payments", "shop"],
        "tags": ["money"],
        "plugins": {"email": ">=1.2 <3", "users": "*"},
        "framework": ">=2.0.0",
    }
    assert (manifest["license"], manifest["author"]) == ("ISC", "Ada <ada@example.com>")


def test_new_asks_on_a_terminal_and_enter_accepts(cli: Callable[..., Any], project: Path) -> None:
    made = cli("new pay", is_terminal=True, answer="\n" * 7)

    assert made.status == 0
    assert "display name [Pay]: description [Pay for DonkeyLabs.]: " in made.err
    assert "does it have tables of its own? (y/N): does it take a config? (y/N): " in made.err
    assert "begin with tests? (Y/n): " in made.err
    assert manifest_of(project)["donkeylabs"]["displayName"] == "Pay"
    assert (project / PLUGINS / "pay" / "tests" / "pay.test.ts").is_file()


def test_new_does_what_was_answered(cli: Callable[..., Any], project: Path) -> None:
    answers = "Pay Now\nTakes money.\npayments, shop\ny\nYES\nusers@^2 email\nno\n"
    cli("new pay", is_terminal=True, answer=answers)
    manifest = manifest_of(project)

    assert (manifest["description"], manifest["donkeylabs"]["categories"]) == (
        "Takes money.",
        ["payments", "shop"],
    )
    assert manifest["donkeylabs"]["plugins"] == {"email": "*", "users": "^2"}
    assert (project / PLUGINS / "pay" / "schema.ts").is_file()
    assert not (project / PLUGINS / "pay" / "tests").exists()


def test_new_asks_again_with_the_reason(cli: Callable[..., Any], project: Path) -> None:
    answers = "\n" + "x" * 301 + "\nPays.\nNo_Good\nshop\n\n\nusers@nope\npay\nusers@^2\n\n"
    made = cli("new pay", is_terminal=True, answer=answers)
    manifest = manifest_of(project)

    assert made.status == 0
    for reason in ("301 characters", "`No_Good`", "`nope` is not", "cannot need itself"):
        assert made.err.count(reason) == 1
    assert (manifest["description"], manifest["donkeylabs"]["plugins"]) == ("Pays.", {"users": "^2"})


def test_new_asks_again_for_a_yes_or_a_no(cli: Callable[..., Any], project: Path) -> None:
    made = cli("new pay", is_terminal=True, answer="\n\n\nmaybe\ny\n\n\nusers@^2\nn\n")

    assert (made.status, made.err.count("  y or n\n")) == (0, 2)
    assert (project / PLUGINS / "pay" / "schema.ts").is_file()
    assert not (project / PLUGINS / "pay" / "tests").exists()


def test_new_asks_only_what_no_option_said(cli: Callable[..., Any]) -> None:
    options = "--display-name P --description D --category c --with-config --no-schema --needs users"
    made = cli(f"new pay {options}", is_terminal=True, answer="\n")

    assert made.status == 0
    assert made.err.startswith("begin with tests? (Y/n): ")


@pytest.mark.parametrize("option", ["--yes", "-y", "--json", "--quiet"])
def test_new_asks_nobody_who_said_so(cli: Callable[..., Any], option: str) -> None:
    made = cli(f"new pay {option}", is_terminal=True, answer="")

    assert made.status == 0
    assert "display name" not in made.err


def test_new_writes_nothing_when_the_questions_are_not_answered(
    cli: Callable[..., Any], project: Path
) -> None:
    before = tree(project)
    made = cli("new pay", is_terminal=True, answer="Pay\n")

    assert made.status == 1
    assert "nothing was written" in made.err
    assert tree(project) == before


class InterruptedInput(io.StringIO):
    """A keyboard at which Ctrl-C is pressed before the first answer, and enter from then on."""

    is_pressed = False

    def readline(self, _size: int | None = -1, /) -> str:  # type: ignore[override]  # as StringIO's own
        if not self.is_pressed:
            self.is_pressed = True
            signal.raise_signal(signal.SIGINT)
        return "\n"


def test_new_ends_at_ctrl_c_and_writes_nothing(project: Path, tmp_path: Path) -> None:
    before, err = tree(project), io.StringIO()
    streams = Streams(
        stdin=InterruptedInput(),
        stdout=io.StringIO(),
        stderr=err,
        is_stdin_terminal=True,
        is_stdout_terminal=True,
        is_stderr_terminal=True,
        width=100,
    )
    places = {f"DONKEYTUI_{kind}_DIR": str(tmp_path / kind) for kind in ("DATA", "CACHE")}
    status = run_cli(
        ["new", "pay"], open_app=lambda _: 0, streams=streams, environ=places, working_folder=project
    )

    assert (status, err.getvalue().count(":")) == (130, 1)
    assert err.getvalue().endswith("interrupted; nothing was changed that was not reported\n")
    assert tree(project) == before


def test_new_tells_of_a_taken_place_before_it_asks(cli: Callable[..., Any], folder: Path) -> None:
    made = cli("new pay", is_terminal=True, answer="\n" * 7, NO_COLOR="1")

    assert made.status == 1
    assert made.err.startswith(f"error: {folder} is there already\n")


def test_new_warns_of_a_dash_and_names_the_way_round(cli: Callable[..., Any]) -> None:
    made = cli("new pay-now")

    assert made.status == 0
    assert "`pay-now` has a dash" in made.err
    assert "`payNow` avoids it" in made.err


def test_new_goes_where_it_is_told(cli: Callable[..., Any], project: Path, tmp_path: Path) -> None:
    assert cli("new pay lib").out.splitlines()[0] == "✓ made pay in lib/pay"
    assert cli("new cash --dir lib/cash").out.splitlines()[0] == "✓ made cash in lib/cash"
    assert cli("new gold", folder=tmp_path).out.splitlines()[0] == "✓ made gold in gold"
    assert cli("new one a --dir b").status == 2
    assert (project / "lib" / "cash" / "index.ts").is_file()


@pytest.mark.parametrize(
    "line",
    [
        "Pay",
        "2pay",
        "pay --needs 'users@nope'",
        "pay --category 'A B'",
        "pay --license ''",
        "pay --needs pay",
    ],
)
def test_new_refuses_what_cannot_be(cli: Callable[..., Any], project: Path, line: str) -> None:
    before = tree(project)

    assert cli(f"new {line}").status == 1
    assert tree(project) == before


# validate


def test_validate_tells_everything_with_its_place(cli: Callable[..., Any], folder: Path) -> None:
    (folder / "README.md").unlink()
    (folder / "index.ts").write_text((folder / "index.ts").read_text() + 'eval("1");\n')
    checked = cli(f"validate {PLUGINS}/pay")

    assert checked.status == 1
    assert f"({PLUGINS}/pay/index.ts:8) [eval]" in checked.err
    assert "there is no README.md" in checked.err
    assert checked.err.endswith("pay 1.0.0: 1 error, 1 warning\n")


def test_validate_fix_says_each_change_and_what_is_left(cli: Callable[..., Any], folder: Path) -> None:
    manifest = folder / "package.json"
    manifest.write_text(manifest.read_text().replace('"pay"', '"other"'))
    (folder / "index.ts").write_text((folder / "index.ts").read_text() + 'eval("1");\n')
    fixed = cli(f"validate {PLUGINS}/pay --fix --diff")

    assert fixed.status == 1
    assert f"mended {PLUGINS}/pay/package.json: name was `other`, is `pay` as in the definition" in fixed.out
    assert '+  "name": "pay",' in fixed.out
    assert "[eval]" in fixed.err
    assert "[name-differs]" not in fixed.err


def test_validate_fix_is_whole_in_json(cli: Callable[..., Any], folder: Path) -> None:
    (folder / "README.md").unlink()
    fixed = cli(f"validate {PLUGINS}/pay --fix --json")

    assert fixed.json["ok"] is True
    assert [mend["path"] for mend in fixed.json["data"]["mended"]] == ["README.md", "CHANGELOG.md"]
    assert fixed.json["data"]["findings"] == []
    assert cli(f"validate {PLUGINS}/pay --fix").err == "nothing that could be mended without you\n"


def test_validate_diff_alone_is_no_command(cli: Callable[..., Any], folder: Path) -> None:
    assert cli(f"validate {PLUGINS}/pay --diff").status == 2


def test_validate_says_what_is_left_out_and_which_tools_ran(
    cli: Callable[..., Any], folder: Path, project: Path, tmp_path: Path
) -> None:
    tools = Tools(tmp_path / "bin")
    tools.add("bun", "print('(fail) pays [1ms]')\nsys.exit(1)")
    (folder / ".donkeyignore").write_text("*.sketch\n")
    (folder / "logo.sketch").write_text("")
    checked = cli(f"validate {PLUGINS}/pay", **tools.path)
    data = cli(f"validate {PLUGINS}/pay --json", **tools.path).json["data"]

    assert checked.status == 0
    assert "left out: logo.sketch (.donkeyignore:1)" in checked.err
    assert "bun test: it ended with status 1\n  (fail) pays [1ms]" in checked.err
    assert [(run["tool"], run["state"], run["why"]) for run in data["tools"]] == [
        ("tsc", "not-run", "there is no tsconfig.json"),
        ("bun test", "failed", "it ended with status 1"),
    ]
    assert len(tools.calls("bun")) == 2

    cli(f"validate {PLUGINS}/pay --no-tools", **tools.path)
    assert len(tools.calls("bun")) == 2


# pack


def test_pack_writes_a_file_and_shows_what_is_in_it(
    cli: Callable[..., Any], project: Path, folder: Path
) -> None:
    packed = cli(f"pack {PLUGINS}/pay", is_terminal=True, NO_COLOR="1")
    data = cli(f"pack {PLUGINS}/pay --out other.tar.gz --json").json["data"]

    assert (project / "pay-1.0.0.tar.gz").read_bytes() == (project / "other.tar.gz").read_bytes()
    assert "✓ pay-1.0.0.tar.gz: 5 files, " in packed.out
    assert data["integrity"] in packed.out
    for path, _ in data["files"]:
        assert f"  {path}\n" in packed.out


def test_pack_of_a_plugin_with_errors_writes_nothing(
    cli: Callable[..., Any], project: Path, folder: Path
) -> None:
    (folder / "index.ts").unlink()
    packed = cli(f"pack {PLUGINS}/pay")

    assert packed.status == 1
    assert "there is no index.ts" in packed.err
    assert not list(project.glob("*.tar.gz"))


# publish


def test_publish_shows_what_goes_in_on_a_terminal_and_gives_a_receipt(
    cli: Callable[..., Any], folder: Path
) -> None:
    for number in range(FILES_SHOWN):
        (folder / f"part{number:02}.ts").write_text("export const a = 1;\n")
    published = cli(f"publish {PLUGINS}/pay", is_terminal=True, NO_COLOR="1")

    assert published.status == 0
    assert "and 5 more; donkeytui pack shows them all" in published.err
    assert published.err.count("part") == FILES_SHOWN - 4
    assert "published " in published.out
    assert " 1.0.0 to embedded (25 files, " in published.out
    assert "  sha256:" in published.out
    assert "  embedded:/api/plugins/pay\n" in published.out


def test_publish_is_whole_in_json(cli: Callable[..., Any], folder: Path) -> None:
    tried = cli(f"publish {PLUGINS}/pay --dry-run --json").json
    published = cli(f"publish {PLUGINS}/pay --json").json
    again = cli(f"publish {PLUGINS}/pay --json").json

    assert [answer["ok"] for answer in (tried, published, again)] == [True] * 3
    assert [answer["data"]["state"] for answer in (tried, published, again)] == [
        "would-publish",
        "published",
        "present",
    ]
    assert tried["data"]["integrity"] == published["data"]["integrity"]
    assert published["data"]["url"] == "embedded:/api/plugins/pay"
    assert published["data"]["receipt"]["version"] == "1.0.0"
    assert len(published["data"]["tools"]) == 2


def test_publish_refuses_a_taken_version_and_bump_takes_the_suggestion(
    cli: Callable[..., Any], project: Path, folder: Path
) -> None:
    cli(f"publish {PLUGINS}/pay")
    (folder / "index.ts").write_text((folder / "index.ts").read_text() + "export const more = 1;\n")
    refused = cli(f"publish {PLUGINS}/pay")
    checked = cli(f"validate {PLUGINS}/pay")
    suggested = cli(f"publish {PLUGINS}/pay --suggest")
    as_json = cli(f"publish {PLUGINS}/pay --suggest --json")
    bumped = cli(f"publish {PLUGINS}/pay --bump auto")

    assert refused.status == suggested.status == as_json.status == 1
    assert checked.out == "✓ pay 1.0.0 has no errors, and can be published as 1.1.0 (1 warning)\n"
    assert "next is 1.1.0: `index.ts` exports `more` too" in refused.err
    assert "hint: donkeytui publish --bump auto" in refused.err
    assert "next version: 1.1.0 (minor since 1.0.0)\n  `index.ts` exports `more` too\n" in suggested.err
    assert as_json.json["ok"] is False
    assert as_json.json["data"]["suggestion"]["version"] == "1.1.0"
    assert bumped.status == 0
    assert "package.json: version 1.0.0 is 1.1.0 now" in bumped.err
    assert manifest_of(project)["version"] == "1.1.0"


def test_a_dry_run_raises_the_version_in_no_file(
    cli: Callable[..., Any], project: Path, folder: Path
) -> None:
    tried = cli(f"publish {PLUGINS}/pay --dry-run --bump major --json").json

    assert tried["data"]["version"] == "2.0.0"
    assert manifest_of(project)["version"] == "1.0.0"


def test_publish_runs_the_tests_and_is_not_kept_by_them(
    cli: Callable[..., Any], folder: Path, tmp_path: Path
) -> None:
    tools = Tools(tmp_path / "bin")
    tools.add("bun", "print('(fail) pays [1ms]')\nsys.exit(1)")
    published = cli(f"publish {PLUGINS}/pay", is_terminal=True, NO_COLOR="1", **tools.path)

    assert published.status == 0
    assert "bun test ... (120 seconds at most; --no-tools leaves it out)\n" in published.err
    assert "tsc ..." not in published.err
    assert "warning: `bun test` failed: (fail) pays [1ms]" in published.err
    assert len(tools.calls("bun")) == 1
