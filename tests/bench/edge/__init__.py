"""The edge's speed beside nginx's and Varnish's, on one core, in the same run."""
