"""From a resolution to a changed project: plan (pure), fetch, stage, commit.

`planning` makes the plan (with `npm_plan`, `copies` and `notices`), `fetch` gets packages (through
`partial` files), `stage` reads and merges them; all that can be thrown away. `commit` is the only
writer to a project's own files; it goes through a `journal`, so that a kill at any moment leaves the
project as before or as after, and keeps what it replaced, which `history` reads. `tools` is the one
door to other programs.
"""
