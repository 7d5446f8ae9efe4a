"""The sections of the app and the screen that holds them."""
