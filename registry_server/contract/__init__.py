"""What author, server and installer agree on, the same code for all three; pure, values in, values out.

Names, versions and ranges; the manifest and the definition in the source; the package format; the
rules a package must keep; the structs on the wire; and the problems all of them can end in.
"""
