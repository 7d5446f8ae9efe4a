"""Which releases fit together: pure, synchronous, complete.

From the bottom: `edges` and `universe` are what the solver may ask (plugins, releases, version sets
as bit masks), `request` is what is asked of it and answered. `clauses`, `rules` (what a request says
about releases), `trail` (what is known and why), `order` (what is chosen next) and `analysis` (what a
contradiction teaches) make up the `search`; `solver` is its door, `notes` what is said of an answer.
When there is none, `facts` finds a smallest contradiction and `sentences` words it, with `wording`;
`explain` is the door to both. `ways_out` looks for what could be asked for instead.
"""
