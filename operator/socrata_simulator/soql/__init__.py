"""SoQL, as far as loaders use it: from a query's text to rows."""
