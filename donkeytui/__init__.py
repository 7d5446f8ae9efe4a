"""The plugin registry of the DonkeyLabs framework, in your terminal: an app and one-shot commands.

Layers, top to bottom (checked by import-linter): `__main__` > `cli | tui` > `operations` >
`session | install` > `embedded | remote | catalogue | credentials` > `project | authoring` >
`resolution` >
`settings | events | problems` > (`registry_server.contract`, `registry_server.search`).

A search: `operations.search` asks the index and the catalogue, no request. A change:
`operations.changes` turns a request into a plan (`project.snapshot` looks, `resolution.solver`
decides, `install.planning` says what would be done), `operations.apply` makes it real with
`install.fetch`, `install.stage` and, alone in writing to a project, `install.commit`. An undo is a plan
too, made by `operations.undo` from what `install.history` finds. A plugin's own folder is read,
judged, mended and packed by `authoring`.

Below the platform's cache folder: `catalogues/<registry>/` with `catalogue.sqlite`, `search/` and
`readmes/`; `packages/` (by digest, `partial/` what has not all come yet) and `engines.*` (versions of
Bun and Node); all of it may be deleted. Below its data folder: `registry/`, the embedded registry,
`approved-hooks.json`, and `private/credentials.json` (0600, tokens where there is no keyring). Below its
config folder: `config.toml`. In a project: `donkeylabs-lock.json` and `.donkeylabs/`: the lock and who
holds it, the journal of a change under way, and a `txn-...` for each of the last ten changes, with its
record and what it replaced.
"""

__version__ = "0.1.0"
