"""The program `registry-server`: parse, call an operation, print.

`run` is the entry, `group` what all commands share, the other modules the commands by subject.
"""
