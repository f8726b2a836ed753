"""SoQL, as far as loaders ask it: text in, rows out."""
