"""What the registry can do: one function an operation, on a `Registry`, a `Caller` and values.

Every operation returns, or raises a `ProblemError`; none knows of HTTP.
"""
