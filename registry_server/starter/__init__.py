"""The starter plugins: TypeScript sources under `plugins/NAME/VERSION`, and the order to publish them in."""
