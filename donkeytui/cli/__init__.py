"""One-shot commands: parse, call one operation, print. Data on stdout, words on stderr.

`run` holds the outermost `except`, `output` is the only writer to the streams and cleans what it
writes, `commands` has a few lines a verb. Nothing here decides anything, and nothing loads the app.
"""
