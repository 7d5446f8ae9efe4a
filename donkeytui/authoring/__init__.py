"""The author's side of a plugin: read its folder, judge it, begin one, mend one, compare two.

Nothing here knows a registry or a terminal. Only `source` reads files; the rest is values in,
values out. What writes, asks a registry or starts programs is in `operations`.

    ignoring          .gitignore and .donkeyignore: what stays out, by which line
    source            a folder becomes entries
    judging           entries become findings, by the rules the registry has too
    manifest_text     package.json: one value changed, every other byte as it was
    scaffold          the files of a new plugin
    licences          texts of the licences that are short enough to be written out
    mending           what can surely be mended becomes changes of files
    definition_parts  exports, methods, events and config, as the sources have them
    surface           what others can see of a plugin, of a folder or of a release
    suggestion        two surfaces become the next version, with reasons
    sizes             bytes in words
"""
