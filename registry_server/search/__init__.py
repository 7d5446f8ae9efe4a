"""Full-text search over plugin documents, the same code for the server and for every client.

`document` and `query` are pure: what is indexed of a plugin, and what a person's text means.
`highlight` says which characters of a text matched. `index` is the only user of tantivy.
"""
