"""From a resolution to a changed project: plan (pure), fetch, stage, commit.

Everything before the commit can be thrown away. `commit` is the only writer to a project's own
files; it goes through a journal, so that a kill at any moment leaves the project as before or as after.
"""
