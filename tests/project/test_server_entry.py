"""The lines for the server entry, to be copied as they stand."""

import pytest

from donkeytui.project.server_entry import Registration, registration
from registry_server.contract.definition import Definition, read_definitions

OBJECT = 'export const authJwtPlugin = createPlugin.define({ name: "auth-jwt", service: () => 1 });'
FACTORY = OBJECT.replace("createPlugin.define", "createPlugin.withConfig<{}>().define")
DEFAULT = OBJECT.replace("export const authJwtPlugin =", "export default")


def definition(text: str) -> Definition:
    reading = read_definitions(f'import {{ createPlugin }} from "@donkeylabs/server";\n{text}\n')
    (found,) = reading.definitions
    return found


def lines(text: str, entry: str, plugins_root: str) -> Registration:
    return registration("auth-jwt", definition(text), entry=entry, plugins_root=plugins_root)


@pytest.mark.parametrize(
    ("entry", "plugins_root", "module"),
    [
        ("src/server/index.ts", "src/server/plugins", "./plugins/auth-jwt"),
        ("src/index.ts", "src/plugins", "./plugins/auth-jwt"),
        ("src/server/index.ts", "plugins", "../../plugins/auth-jwt"),
        ("index.ts", "src/plugins", "./src/plugins/auth-jwt"),
    ],
)
def test_the_import_is_relative_to_the_entry(entry: str, plugins_root: str, module: str) -> None:
    found = lines(OBJECT, entry, plugins_root)

    assert found.import_line == f'import {{ authJwtPlugin }} from "{module}";'
    assert found.register_line == "server.registerPlugin(authJwtPlugin);"


def test_a_plugin_with_a_config_is_called() -> None:
    found = lines(FACTORY, "src/index.ts", "src/plugins")

    assert found.register_line == "server.registerPlugin(authJwtPlugin({ /* config */ }));"


def test_a_default_export_gets_the_conventional_name() -> None:
    found = lines(DEFAULT, "src/index.ts", "src/plugins")

    assert found.import_line == 'import authJwtPlugin from "./plugins/auth-jwt";'
