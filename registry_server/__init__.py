"""The plugin registry of the DonkeyLabs framework: embedded in a program, or a server for a team.

Layers, top to bottom (checked by import-linter): `__main__` > `cli | embedded` > `http` >
`operations` > `registry` > `store | search | settings | examiner | github` > `limits` > `contract`.

A request: `http.routing` finds out who calls (`http.auth`, `operations.accounts`), whether they may ask
again (`limits`), decodes, calls one operation and encodes; `http.observing` counts and logs it from
outside. The tables of routes are `http.catalogue_api`, `people_api` and `registry_api`.

A publish: `http.forms` reads the form, `examiner` has the package read and judged in a limited child
process (`contract.examination`: archive, rules, contents), `operations.publish` asks who may
(`operations.naming` for new names), keeps the blob (`store.blobs`), then writes release, document, feed
entry and audit entry in one transaction (`store.plugins`, `store.changes`, `store.audit`). In the
background `http.app` lets the search index follow the feed (`operations.index`) and download counts be
written down (`operations.statistics`).

In a data folder: `registry.sqlite` (rows, documents, feed; written by `store.database`),
`packages/` and `shards/` (content-addressed, `store.blobs`), `search/` (generations, `search.index`;
may be deleted at any time), `serving.lock` (held by the one server), and if there is one `registry.toml`
(`settings`). A backup is such a folder too, with `backup.json` (`operations.backup`).
"""

__version__ = "0.1.0"
