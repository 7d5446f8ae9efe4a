"""The plugin registry of the DonkeyLabs framework, in your terminal: an app and one-shot commands.

Layers, top to bottom (checked by import-linter): `__main__` > `cli | tui` > `operations` >
`session | install` > `embedded | remote | catalogue` > `project` > `resolution` >
`settings | events | problems` > (`registry_server.contract`, `registry_server.search`).

A search: `operations.search` asks the index and the catalogue, no request. An install:
`project.snapshot` looks, `resolution.solver` decides, `install.plan` says what would be done; then
`install.fetch`, `install.stage` and, alone in writing to a project, `install.commit`.

Below the platform's cache folder: `catalogues/<registry>/` with `catalogue.sqlite`, `search/` and
`readmes/`, and `packages/` (by digest); all of it may be deleted. Below its data folder: `registry/`,
the embedded registry. Below its config folder: `config.toml`. In a project: `donkeylabs-lock.json`
and `.donkeylabs/` (lock, journal, what the last change replaced).
"""

__version__ = "0.1.0"
