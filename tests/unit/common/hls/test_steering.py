"""Steering manifests."""

import json

from common.hls import HERE, PathwayClone, steering_manifest


def test_a_manifest_tells_when_and_where_to_ask_again_and_the_clones_of_a_pathway() -> None:
    clones = [PathwayClone("eu-2", HERE, "eu-2.example.org")]
    manifest = steering_manifest(
        seconds=30, reload="/steer/a", priority=[HERE, "eu-2"], clones=clones
    )
    assert json.loads(json.dumps(manifest)) == {
        "VERSION": 1,
        "TTL": 30,
        "RELOAD-URI": "/steer/a",
        "PATHWAY-PRIORITY": ["here", "eu-2"],
        "PATHWAY-CLONES": [
            {
                "BASE-ID": "here",
                "ID": "eu-2",
                "URI-REPLACEMENT": {"HOST": "eu-2.example.org"},
            }
        ],
    }
