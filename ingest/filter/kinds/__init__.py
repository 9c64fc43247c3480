"""The filters that come with Nearcast; each module is one plug-in."""
