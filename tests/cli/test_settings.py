"""Where a setting comes from: flag, environment, file, default, in this order; what does not fit is named."""

from pathlib import Path

import pytest

from donkeytui.problems import ConfigInvalid
from donkeytui.settings import Flags, RegistryEntry, Settings, check_registry_url, read_settings

FILE = """
registry = "main"
offline = true

[registries.main]
url = "https://plugins.example.com"

[registries.test]
url = "http://127.0.0.1:4873/"
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "config.toml"


def read(path: Path, flags: Flags | None = None, **environ: str) -> Settings:
    environment = {f"DONKEYTUI_{name}": value for name, value in environ.items()}
    return read_settings(flags or Flags(), {"DONKEYTUI_CONFIG": str(path), **environment}, path.parent)


def test_without_anything_the_defaults_hold(path: Path) -> None:
    settings = read(path)

    assert settings.registry == RegistryEntry("embedded", "embedded:")
    assert settings.registries == (settings.registry,)
    assert (settings.registry_source, settings.is_offline, settings.token) == ("default", False, "")
    assert settings.project_start == path.parent


def test_the_folders_of_the_platform_are_the_last_resort(tmp_path: Path) -> None:
    settings = read_settings(Flags(), {}, tmp_path)

    home = tmp_path / "home"
    assert settings.config_path.is_relative_to(home)
    assert settings.data_dir.is_relative_to(home)
    assert settings.cache_dir.is_relative_to(home)
    assert len({settings.config_path.parent, settings.data_dir, settings.cache_dir}) == 3
    assert not home.exists()


def test_a_flag_goes_before_the_environment_before_the_file_before_the_default(path: Path) -> None:
    found = [read(path)]
    path.write_text(FILE)
    found.append(read(path))
    found.append(read(path, REGISTRY="test"))
    found.append(read(path, Flags(registry="embedded"), REGISTRY="test"))

    assert [(each.registry.name, each.registry_source) for each in found] == [
        ("embedded", "default"),
        ("main", "file"),
        ("test", "environment"),
        ("embedded", "flag"),
    ]


def test_offline_follows_the_same_order(path: Path) -> None:
    assert read(path).is_offline is False
    path.write_text(FILE)
    assert read(path).is_offline is True
    assert read(path, OFFLINE="0").is_offline is False
    assert read(path, Flags(is_offline=True), OFFLINE="0").is_offline is True
    assert read(path, OFFLINE="").is_offline is True


@pytest.mark.parametrize(
    ("text", "is_offline"), [("1", True), ("TRUE", True), ("yes", True), ("no", False), ("off", False)]
)
def test_truth_has_several_words(path: Path, text: str, is_offline: bool) -> None:
    assert read(path, OFFLINE=text).is_offline is is_offline


def test_the_config_named_by_flag_goes_before_the_one_in_the_environment(path: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.toml"
    other.write_text(FILE)

    assert read(path, Flags(config=str(other))).registry.name == "main"
    assert read(path, Flags(config=str(other))).config_path == other


def test_a_project_is_named_relative_to_where_one_stands(path: Path) -> None:
    assert read(path, PROJECT="shop").project_start == path.parent / "shop"
    assert read(path, Flags(project="other"), PROJECT="shop").project_start == path.parent / "other"
    assert read(path, PROJECT="/srv/shop").project_start == Path("/srv/shop")
    assert read(path, PROJECT="~/shop").project_start == path.parent / "home" / "shop"


def test_folders_are_named_by_the_environment(path: Path) -> None:
    settings = read(path, DATA_DIR="/srv/data", CACHE_DIR="~/cache")

    assert (settings.data_dir, settings.cache_dir) == (Path("/srv/data"), path.parent / "home" / "cache")


@pytest.mark.parametrize("variable", ["PROJECT", "DATA_DIR", "CACHE_DIR", "CONFIG"])
def test_the_home_of_somebody_unknown_is_a_problem(path: Path, variable: str) -> None:
    with pytest.raises(ConfigInvalid, match="`~nobody-here/x` names the home folder"):
        read(path, **{variable: "~nobody-here/x"})


def test_a_token_comes_from_the_environment_without_its_newline(path: Path) -> None:
    assert read(path, TOKEN="dkt_secret\n").token == "dkt_secret"


def test_a_registry_can_be_named_by_its_address(path: Path) -> None:
    path.write_text(FILE)

    assert read(path, REGISTRY="https://plugins.example.com/").registry.name == "main"
    assert read(path, REGISTRY="embedded:").registry.name == "embedded"
    unknown = read(path, REGISTRY="https://new.example.com:8443/base/").registry
    assert unknown == RegistryEntry("new.example.com:8443", "https://new.example.com:8443/base")


def test_addresses_in_the_file_lose_their_last_slash(path: Path) -> None:
    path.write_text(FILE)

    assert [entry.url for entry in read(path).registries] == [
        "embedded:",
        "https://plugins.example.com",
        "http://127.0.0.1:4873",
    ]


@pytest.mark.parametrize(
    "text",
    [
        "registry = ",
        "registry = 1",
        'registry = "nowhere"',
        "registries = 1",
        "[registries.main]",
        "[registries.main]\nurl = 1",
        '[registries.main]\nurl = "file:///etc"',
        '[registries.Main]\nurl = "https://example.com"',
        "offline = 'yes'",
        "offline = 1",
        "x = " + "[" * 100_000,
        "\xff",
    ],
    ids=range(12),
)
def test_a_file_that_does_not_fit_is_a_problem(path: Path, text: str) -> None:
    path.write_bytes(text.encode("latin-1"))

    with pytest.raises(ConfigInvalid) as caught:
        read(path)
    assert caught.value.exit_status == 1


def test_a_folder_in_place_of_the_file_is_a_problem(path: Path) -> None:
    path.mkdir()

    with pytest.raises(ConfigInvalid, match="cannot be read"):
        read(path)


def test_what_the_file_has_besides_is_left_to_others(path: Path) -> None:
    path.write_text('theme = "dark"\n[keys]\nquit = "q"\n')

    assert read(path).registry.name == "embedded"


@pytest.mark.parametrize("environ", [{"OFFLINE": "maybe"}, {"REGISTRY": "nowhere"}, {"REGISTRY": "ftp://x"}])
def test_a_variable_that_does_not_fit_is_a_problem(path: Path, environ: dict[str, str]) -> None:
    with pytest.raises(ConfigInvalid) as caught:
        read(path, **environ)
    assert next(iter(environ.values())) in str(caught.value)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "example.com",
        "ftp://example.com",
        "file:///etc/passwd",
        "https://",
        "https:///path",
        "https://user@example.com",
        "https://user:password@example.com",
        "https://@example.com",
        "https://example.com?x=1",
        "https://example.com/?",
        "https://example.com/#",
        "https://example.com#x",
        "https://exa mple.com",
        "https://example.com/\x1b[2J",
        "https://example.com\n",
        "https://example.com:0",
        "https://example.com:99999",
        "https://example.com:port",
        "https://[::1",
    ],
)
def test_what_is_no_base_address_is_refused(url: str) -> None:
    with pytest.raises(ConfigInvalid, match="is not the address of a registry"):
        check_registry_url(url)


@pytest.mark.parametrize(
    "url", ["http://localhost:4873", "https://example.com/registry", "HTTPS://example.com", "http://[::1]:80"]
)
def test_an_http_base_address_is_kept_as_written(url: str) -> None:
    assert check_registry_url(url) == check_registry_url(f"{url}/") == url
