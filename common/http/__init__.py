"""Reading and answering HTTP field values (RFC 9110, RFC 9111): pure."""
