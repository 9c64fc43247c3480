"""The object store and its delivery to edges over HTTP."""
