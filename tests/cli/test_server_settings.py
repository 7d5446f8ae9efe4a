"""Where a setting of the server comes from, and what is said of one that does not fit."""

import ipaddress
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry_server.contract.archive import PACKAGE_MAX_BYTES
from registry_server.contract.problems import ProblemError
from registry_server.contract.tokens import make_token
from registry_server.limits import DEFAULT_LIMITS, RULES, Limit
from registry_server.settings import (
    SETTINGS,
    Configuration,
    Settings,
    SettingsInvalid,
    list_settings,
    read_data_folder,
    read_settings,
    variable_of,
)

EVERYTHING = """
host = "0.0.0.0"
port = 8080
read_only = true
reading = "token"
trusted_proxies = ["10.0.0.0/8", "::1"]
public_url = "https://plugins.example.com/"
publishes_at_once = 4
package_max_bytes = 1048576
metrics = false

[examine]
cpu_seconds = 9
memory_mib = 1024

[log]
format = "json"
level = "warning"
requests = false

[github]
client_id = "Iv1.0123456789abcdef"
device_url = "http://127.0.0.1:9000/device"
token_url = "http://127.0.0.1:9000/token"
user_url = "http://127.0.0.1:9000/user"
allowed_logins = ["Ada", "grace-hopper"]

[tokens]
default_days = 7
max_days = 90

[limits]
yank = false

[limits.search]
per_seconds = 2.5
burst = 50
"""


@pytest.fixture
def data(tmp_path: Path) -> Path:
    (tmp_path / "srv").mkdir()
    return tmp_path / "srv"


def read(data: Path | None, text: str | None = None, /, **environ: str) -> Configuration:
    """Settings of a server on `data`, with this text in its file, and variables named without prefix."""
    flags = {"data": str(data)} if data else {}
    if text is not None and data:
        (data / "registry.toml").write_text(text)
    return read_settings(
        flags, {f"REGISTRY_SERVER_{name}": value for name, value in environ.items()}, working_folder=data
    )


def refusal(data: Path, text: str | None = None, /, **environ: str) -> ProblemError:
    with pytest.raises(SettingsInvalid) as caught:
        read(data, text, **environ)
    problem = caught.value.problem
    assert problem.title
    assert problem.detail
    assert problem.hint
    assert problem.title.isprintable()
    return caught.value


# Where values come from


def test_without_anything_the_defaults_hold(data: Path) -> None:
    configuration = read(data)

    assert configuration.settings == Settings(data=data)
    assert configuration.file is None
    assert {name for name, source in configuration.sources.items() if source != "default"} == {"data"}


def test_the_defaults_are_those_of_the_design(data: Path) -> None:
    settings = read(data).settings

    assert (settings.host, settings.port, settings.reading, settings.read_only) == (
        "127.0.0.1",
        4873,
        "open",
        False,
    )
    assert (settings.examine.cpu_seconds, settings.examine.memory_mib) == (5, 512)
    assert settings.publishes_at_once == 2
    assert settings.package_max_bytes == PACKAGE_MAX_BYTES == 10 << 20
    assert settings.tokens.default_days == 30
    assert settings.limits == DEFAULT_LIMITS
    assert settings.trusted_proxies == ()


def test_a_flag_goes_before_a_variable_before_the_file_before_the_default(data: Path) -> None:
    environ = {"REGISTRY_SERVER_PORT": "3000"}
    found = [read(data), read(data, "port = 2000"), read(data, "port = 2000", PORT="3000")]
    found.append(read_settings({"data": data, "port": 4000}, environ))

    assert [(each.settings.port, each.sources["port"]) for each in found] == [
        (4873, "default"),
        (2000, str(data / "registry.toml")),
        (3000, "REGISTRY_SERVER_PORT"),
        (4000, "--port"),
    ]


def test_everything_can_stand_in_the_file(data: Path) -> None:
    configuration = read(data, EVERYTHING)
    settings = configuration.settings

    assert configuration.file == data / "registry.toml"
    assert (settings.host, settings.port, settings.read_only, settings.reading) == (
        "0.0.0.0",  # noqa: S104 - a value to read back
        8080,
        True,
        "token",
    )
    assert settings.trusted_proxies == (ipaddress.ip_network("10.0.0.0/8"), ipaddress.ip_network("::1"))
    assert settings.public_url == "https://plugins.example.com"
    assert (settings.publishes_at_once, settings.package_max_bytes, settings.metrics) == (4, 1 << 20, False)
    assert (settings.examine.cpu_seconds, settings.examine.memory_mib) == (9, 1024)
    assert (settings.log.format, settings.log.level, settings.log.requests) == ("json", "warning", False)
    assert settings.github.client_id == "Iv1.0123456789abcdef"
    assert settings.github.user_url == "http://127.0.0.1:9000/user"
    assert settings.github.allowed_logins == ("ada", "grace-hopper")
    assert (settings.tokens.default_days, settings.tokens.max_days) == (7, 90)
    assert settings.limits["search"] == Limit(count=5, per_seconds=2.5, burst=50)
    assert "yank" not in settings.limits
    assert settings.limits["release"] == DEFAULT_LIMITS["release"]


def test_everything_but_the_parts_of_a_limit_can_stand_in_variables(data: Path) -> None:
    settings = read(
        data,
        HOST="::",
        PORT="80",
        READ_ONLY="yes",
        READING="token",
        TRUSTED_PROXIES="10.0.0.1, fd00::/8",
        PUBLIC_URL="https://example.com/base",
        METRICS="off",
        EXAMINE_CPU_SECONDS="3",
        LOG_FORMAT="JSON",
        LOG_LEVEL="debug",
        GITHUB_ALLOWED_LOGINS="ada,Grace",
        TOKENS_MAX_DAYS="90",
        LIMITS_NEW_PLUGIN="false",
    ).settings

    assert (settings.host, settings.port, settings.read_only, settings.reading) == ("::", 80, True, "token")
    assert [str(network) for network in settings.trusted_proxies] == ["10.0.0.1/32", "fd00::/8"]
    assert settings.public_url == "https://example.com/base"
    assert (settings.metrics, settings.examine.cpu_seconds) == (False, 3)
    assert (settings.log.format, settings.log.level) == ("json", "debug")
    assert settings.github.allowed_logins == ("ada", "grace")
    assert settings.tokens.max_days == 90
    assert set(settings.limits) == set(RULES) - {"new-plugin"}


def test_an_empty_variable_says_nothing(data: Path) -> None:
    configuration = read(data, "port = 2000", PORT="", CONFIG="", READ_ONLY="")

    assert (configuration.settings.port, configuration.settings.read_only) == (2000, False)


def test_a_flag_of_none_says_nothing(data: Path) -> None:
    settings = read_settings({"data": data, "port": None, "read_only": None, "config": None}, {}).settings

    assert settings == Settings(data=data)


def test_the_named_file_goes_before_the_one_in_the_data_folder(data: Path, tmp_path: Path) -> None:
    (data / "registry.toml").write_text("port = 1000")
    one, other = tmp_path / "one.toml", tmp_path / "other.toml"
    one.write_text("port = 2000")
    other.write_text("port = 3000")

    assert read(data).settings.port == 1000
    assert read(data, CONFIG=str(one)).settings.port == 2000
    by_flag = read_settings({"data": data, "config": str(other)}, {"REGISTRY_SERVER_CONFIG": str(one)})
    assert (by_flag.settings.port, by_flag.file) == (3000, other)


def test_a_named_file_may_name_the_data_folder_from_where_it_stands(tmp_path: Path) -> None:
    file = tmp_path / "etc" / "registry.toml"
    file.parent.mkdir()
    file.write_text('data = "../srv"')
    configuration = read_settings({"config": "etc/registry.toml"}, {}, working_folder=tmp_path)

    assert configuration.settings.data.resolve() == tmp_path.resolve() / "srv"
    assert configuration.sources["data"] == str(file)


def test_the_data_folder_is_meant_from_where_one_stands_and_the_home_is_known(tmp_path: Path) -> None:
    by_flag = read_settings({"data": "srv"}, {}, working_folder=tmp_path)
    by_variable = read_settings({}, {"REGISTRY_SERVER_DATA": "~/srv"}, working_folder=tmp_path)

    assert by_flag.settings.data == tmp_path / "srv"
    assert by_variable.settings.data == tmp_path / "home" / "srv"


def test_without_a_data_folder_there_is_a_sentence() -> None:
    with pytest.raises(SettingsInvalid, match="no data folder is named") as caught:
        read_settings({}, {})

    assert caught.value.problem.hint == "name it with --data DIR (or REGISTRY_SERVER_DATA)"


def test_only_the_data_folder_can_be_asked_for(tmp_path: Path) -> None:
    assert read_data_folder("/srv/a", {"REGISTRY_SERVER_DATA": "/srv/b"}) == Path("/srv/a")
    assert read_data_folder(None, {"REGISTRY_SERVER_DATA": "~/b"}) == tmp_path / "home" / "b"
    assert read_data_folder(None, {}) is None


# Limits


def test_all_limits_can_be_off_and_every_line_says_by_what(data: Path) -> None:
    configuration = read(data, "limits = false")
    lines = [line for line in list_settings(configuration) if line.name.startswith("limits")]

    assert configuration.settings.limits == {}
    assert {(line.value, line.source) for line in lines} == {("false", str(data / "registry.toml"))}


def test_the_variable_turns_off_what_the_file_limits(data: Path) -> None:
    text = "[limits.search]\nburst = 3"

    assert read(data, text, LIMITS="off").settings.limits == {}
    assert read(data, text, LIMITS="on").settings.limits["search"] == Limit(count=5, per_seconds=1, burst=3)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("[limits]\nsearch = 5", "it has to be `false`, or a table like"),
        ("[limits]\nsearch = {}", "it has to be `false`, or a table like"),
        ("[limits]\nsearch = { rate = 5 }", "it has count, per_seconds and burst, not `rate`"),
        ("[limits]\nsearch = { burst = 0 }", "its `burst` has to be a whole number from 1 to 100000"),
        ("[limits]\nsearch = { burst = 2.5 }", "its `burst` has to be a whole number"),
        ("[limits]\nsearch = { burst = true }", "its `burst` has to be a whole number"),
        ("[limits]\nsearch = { count = '5' }", "its `count` has to be a whole number"),
        (
            "[limits]\nsearch = { per_seconds = 0 }",
            "its `per_seconds` has to be a number from 0.001 to 86400",
        ),
        ("[limits]\nsearch = { per_seconds = nan }", "its `per_seconds` has to be a number"),
        ("[limits]\nsearch = { per_seconds = inf }", "its `per_seconds` has to be a number"),
        ("[limits]\nsearch = { per_seconds = 1e309 }", "its `per_seconds` has to be a number"),
    ],
)
def test_a_limit_that_does_not_fit_is_named(data: Path, text: str, reason: str) -> None:
    error = refusal(data, text)

    assert str(error).startswith(f"`limits.search` in {data / 'registry.toml'} is ")
    assert error.problem.detail.startswith(reason)


# What does not fit

WRONG = [
    ("host", "1", "an address or the name of this host"),
    ("host", "''", "an address or the name of this host"),
    ("host", "'a b'", "an address or the name of this host"),
    ("port", "0", "a whole number from 1 to 65535"),
    ("port", "65536", "a whole number from 1 to 65535"),
    ("port", "80.0", "a whole number from 1 to 65535"),
    ("port", "true", "a whole number from 1 to 65535"),
    ("port", "'eighty'", "a whole number from 1 to 65535"),
    ("port", "0x" + "f" * 9000, "a whole number from 1 to 65535"),
    ("port", "2026-11-22", "a whole number from 1 to 65535"),
    ("port", "[80]", "a whole number from 1 to 65535"),
    ("read_only", "1", "true or false"),
    ("read_only", "'perhaps'", "true or false"),
    ("reading", "'closed'", "`open` or `token`"),
    ("reading", "true", "`open` or `token`"),
    ("trusted_proxies", "1", "a list of addresses and networks"),
    ("trusted_proxies", "[1]", "a list of addresses and networks"),
    ("trusted_proxies", "['10.0.0.1/8']", "`10.0.0.1/8` is no address and no network"),
    ("trusted_proxies", "['proxy.local']", "`proxy.local` is no address and no network"),
    ("trusted_proxies", "['::ffff:0.0.0.0/90']", "is no address and no network"),
    ("public_url", "'example.com'", "an http:// or https:// address"),
    ("public_url", "'https://u:p@example.com'", "an http:// or https:// address"),
    ("public_url", "'https://example.com/?a'", "an http:// or https:// address"),
    ("public_url", "'https://example.com:99999'", "an http:// or https:// address"),
    ("public_url", "'https://[::1'", "an http:// or https:// address"),
    ("publishes_at_once", "0", "a whole number from 1 to 32"),
    ("package_max_bytes", str((10 << 20) + 1), "a whole number from 1024 to 10485760"),
    ("metrics", "'x'", "true or false"),
    ("examine.cpu_seconds", "0", "a whole number from 1 to 60"),
    ("examine.memory_mib", "64", "a whole number from 128 to 8192"),
    ("log.format", "'xml'", "`text` or `json`"),
    ("log.level", "'loud'", "`debug` or `info` or `warning` or `error`"),
    ("log.requests", "0", "true or false"),
    ("github.client_id", "'a b'", "the id of an OAuth app"),
    ("github.device_url", "''", "an http:// or https:// address"),
    ("github.token_url", "'file:///etc/passwd'", "an http:// or https:// address"),
    ("github.user_url", "'ftp://example.com'", "an http:// or https:// address"),
    ("github.allowed_logins", "['a b']", "`a b` is no login of GitHub"),
    ("tokens.default_days", "0", "a whole number from 1 to 365"),
    ("tokens.max_days", "366", "a whole number from 1 to 365"),
    ("data", "1", "the path of a folder"),
]


@pytest.mark.parametrize(("name", "value", "allowed"), WRONG)
def test_a_value_in_the_file_that_does_not_fit_is_named_with_what_would(
    tmp_path: Path, name: str, value: str, allowed: str
) -> None:
    group, _, key = name.rpartition(".")
    file = tmp_path / "my.toml"
    file.write_text(f"[{group}]\n{key} = {value}" if group else f"{key} = {value}")
    with pytest.raises(SettingsInvalid) as caught:
        read_settings({"config": str(file)}, {})

    problem = caught.value.problem
    assert problem.title.startswith(f"`{name}` in {file} is ")
    assert allowed in problem.detail
    assert len(problem.title) < 400 + len(str(file))


def test_what_every_wrong_value_is_tested_for_is_every_setting() -> None:
    assert {name for name, _, _ in WRONG} == {name for name in SETTINGS if not name.startswith("limits")}


def test_a_wrong_variable_and_a_wrong_flag_are_named_as_a_person_would_look_for_them(data: Path) -> None:
    assert str(refusal(data, PORT="eighty")) == "`port` in REGISTRY_SERVER_PORT is `eighty`"
    with pytest.raises(SettingsInvalid, match=r"`log\.format` in --log-format is `xml`"):
        read_settings({"data": data, "log.format": "xml"}, {})


def test_a_port_from_kubernetes_is_explained(data: Path) -> None:
    error = refusal(data, PORT="tcp://10.0.0.1:4873")

    assert "enableServiceLinks" in error.problem.hint


@pytest.mark.parametrize(
    ("text", "title", "hint"),
    [
        ("prot = 80", "`prot` in FILE is no setting", "use `port`"),
        ("read-only = true", "`read-only` in FILE is no setting", "use `read_only`"),
        ("[log]\nfromat = 'json'", "`log.fromat` in FILE is no setting", "use `log.format`"),
        ("[limits.serch]\nburst = 1", "`limits.serch` in FILE is no setting", "use `limits.search`"),
        ("zzzzzzzzzzzzz = 1", "`zzzzzzzzzzzzz` in FILE is no setting", "take it out"),
        ("[zzzzzzzzzzzzz]\na = 1", "`zzzzzzzzzzzzz` in FILE is no setting", "take it out"),
        ("log = 'json'", "`log` in FILE has to be a table", "write [log]"),
        ("config = 'x'", "`config` in FILE is no setting", ""),
        ('"a\\u001b[31m" = 1', "`a\u241b[31m` in FILE is no setting", "take it out"),
    ],
)
def test_an_unknown_name_is_refused_with_the_nearest_one(
    data: Path, text: str, title: str, hint: str
) -> None:
    error = refusal(data, text)

    assert str(error) == title.replace("FILE", str(data / "registry.toml"))
    assert error.problem.hint.startswith(hint)


@pytest.mark.parametrize(
    "content",
    [
        b"port = ",
        b"port = 1\nport = 2",
        b"\xff\xfe",
        b"a = " + b"[" * 100_000,
        b"port = " + b"9" * 10_000,
        b"#" * ((1 << 20) + 1),
    ],
)
def test_a_file_that_cannot_be_read_is_a_problem(data: Path, content: bytes) -> None:
    (data / "registry.toml").write_bytes(content)
    error = refusal(data)

    assert str(error) == f"the configuration file {data / 'registry.toml'} cannot be read"


def test_a_named_file_has_to_be_there(data: Path, tmp_path: Path) -> None:
    error = refusal(data, CONFIG=str(tmp_path / "none.toml"))

    assert str(error) == f"the configuration file {tmp_path / 'none.toml'} cannot be read"
    assert error.problem.detail == "No such file or directory"


def test_a_folder_in_the_place_of_the_file_is_a_problem(data: Path) -> None:
    (data / "registry.toml").mkdir()

    assert "cannot be read" in str(refusal(data))


@pytest.mark.parametrize("variable", ["DATA", "CONFIG"])
def test_the_home_of_somebody_unknown_is_a_problem(variable: str) -> None:
    with pytest.raises(SettingsInvalid, match=f"REGISTRY_SERVER_{variable} is `~nobody-here/x`"):
        read_settings({}, {f"REGISTRY_SERVER_{variable}": "~nobody-here/x"})


def test_a_default_longer_than_the_longest_is_refused(data: Path) -> None:
    error = refusal(data, "[tokens]\nmax_days = 10")

    assert str(error) == "`tokens.default_days` is more than `tokens.max_days`"
    assert error.problem.detail == f"30 (default) and 10 ({data / 'registry.toml'})"


def test_variables_like_ours_that_are_no_settings_are_told_not_refused(data: Path) -> None:
    configuration = read(data, PROT="80", SERVICE_HOST="10.0.0.1", PORT="80", CONFIG="")

    assert configuration.ignored == ("REGISTRY_SERVER_PROT", "REGISTRY_SERVER_SERVICE_HOST")


json_like = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inside: st.lists(inside, max_size=3) | st.dictionaries(st.text(), inside, max_size=3),
    max_leaves=5,
)


@given(st.sampled_from([name for name in SETTINGS if name != "data"]), json_like)
def test_whatever_a_value_is_it_fits_or_is_named(name: str, value: object) -> None:
    try:
        configuration = read_settings({"data": "/srv", name: value}, {}, working_folder=Path("/"))
    except SettingsInvalid as error:
        said = str(error)
    else:
        said = next(line.value for line in list_settings(configuration) if line.name == name)

    assert said.isprintable()


# The listing


def test_every_setting_is_listed_with_value_and_source(data: Path) -> None:
    configuration = read(data, EVERYTHING, PORT="81")
    lines = {line.name: (line.value, line.source) for line in list_settings(configuration)}

    file = str(data / "registry.toml")
    assert list(lines) == list(SETTINGS)
    assert lines["data"] == (str(data), "--data")
    assert lines["port"] == ("81", "REGISTRY_SERVER_PORT")
    assert lines["read_only"] == ("true", file)
    assert lines["trusted_proxies"] == ("10.0.0.0/8, ::1/128", file)
    assert lines["github.allowed_logins"] == ("ada, grace-hopper", file)
    assert lines["limits"] == ("true", "default")
    assert lines["limits.search"] == ("5 in 2.5 s, 50 at once", file)
    assert lines["limits.yank"] == ("false", file)
    assert lines["limits.release"] == ("1 in 60 s, 30 at once", "default")


def test_a_token_in_the_wrong_place_is_neither_listed_nor_quoted(data: Path) -> None:
    token = make_token(bytes(32))
    listed = str(list_settings(read(data, GITHUB_CLIENT_ID=token)))
    quoted = refusal(data, PORT=token)

    assert token not in listed
    assert token not in str(quoted.problem)


def test_the_table_and_the_structs_name_the_same_settings() -> None:
    def names(kind: Any, prefix: str = "") -> set[str]:
        found: set[str] = set()
        for field in msgspec.structs.fields(kind):
            is_group = isinstance(field.type, type) and issubclass(field.type, msgspec.Struct)
            found |= names(field.type, f"{field.name}.") if is_group else {prefix + field.name}
        return found

    assert names(Settings) == {name for name in SETTINGS if not name.startswith("limits.")}
    assert {name.partition(".")[2] for name in SETTINGS if name.startswith("limits.")} == set(RULES)


def test_no_two_settings_share_a_variable() -> None:
    variables = {variable_of(name) for name in (*SETTINGS, "config")}

    assert len(variables) == len(SETTINGS) + 1
    assert "REGISTRY_SERVER_LIMITS_FAILED_AUTH" in variables


def test_a_proxy_named_as_ipv4_in_ipv6_is_the_ipv4_one(data: Path) -> None:
    settings = read(data, TRUSTED_PROXIES="::ffff:10.0.0.0/104").settings

    assert settings.trusted_proxies == (ipaddress.ip_network("10.0.0.0/8"),)
