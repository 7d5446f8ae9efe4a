"""The registry over HTTP: `routing` turns a typed function into an endpoint, `api` lists them.

One request = decode, call one operation, encode. Failures are problems (`application/problem+json`,
or an HTML page for a browser). `app` puts it together, `serve` runs it under granian.
"""
