"""The plugin registry of the DonkeyLabs framework: embedded in a program, or a server for a team.

Layers, top to bottom (checked by import-linter): `__main__` > `cli | embedded` > `http` >
`operations` > `registry` > `store | search | settings` > `contract`.

A publish: `http.api` streams the form in, `operations.publish` reads the package
(`contract.archive`), judges it (`contract.validation`), keeps the blob (`store.blobs`), then writes
release, document and feed entry in one transaction (`store.plugins`, `store.changes`).
A search: `operations.index` lets the index catch up with the feed, `search` ranks.

In a data folder: `registry.sqlite` (rows, documents, feed; written by `store.database`),
`packages/` and `shards/` (content-addressed, `store.blobs`), `search/` (generations, `search.index`;
may be deleted at any time).
"""

__version__ = "0.1.0"
