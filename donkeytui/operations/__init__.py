"""What a user can do: one module a verb, silent functions on a `Session`.

Each returns its result, raises a `ProblemError`, and reports events on the way; none asks a person
anything. Where somebody must agree there are two, `plan_...` and `apply_...`.
"""
