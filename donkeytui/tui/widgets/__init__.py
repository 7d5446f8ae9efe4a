"""Widgets that draw lines: the virtual list, the reader, the header, the status line."""
