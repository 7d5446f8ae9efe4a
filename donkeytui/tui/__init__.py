"""The full-screen app.

`text` is the one door from foreign text to the screen: it makes `Line`s, and every widget of ours
draws lines and nothing else. `lines` has plain functions from results of operations to lines,
`widgets` draw them, `screens` put them together, `runner` runs operations. No logic of its own: what
the app knows it read from an operation, and reads again after each change.
"""
