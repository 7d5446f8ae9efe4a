"""Which releases fit together: pure, synchronous, complete.

`universe` is what the solver may ask, `solver` finds an answer or a proof that there is none,
`explain` turns such a proof into sentences.
"""
