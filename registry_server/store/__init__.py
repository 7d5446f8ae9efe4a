"""Rows and blobs of a registry; nothing above this folder knows that it is SQLite and a folder.

Functions take a `Connection` (from `Database.read` or `Database.write`) and plain values. Every
function that changes what the public document of a plugin says ends in `changes.record`, in the
same transaction: the feed can never disagree with the rows.
"""
