"""The segments that follow the one being watched."""

from edge.policy.watching import MOST_OF_ONE, MOST_SEGMENTS, Watching


def test_the_segments_after_the_one_watched() -> None:
    watching = Watching()
    watching.learn("list", 1, ["/a", "/b", "/c", "/d"])

    assert watching.following("/b", 2) == ("/c", "/d")


def test_nothing_follows_the_last_one() -> None:
    watching = Watching()
    watching.learn("list", 1, ["/a", "/b"])

    assert watching.following("/b", 2) == ()


def test_nothing_is_known_of_other_segments() -> None:
    assert Watching().following("/x", 2) == ()


def test_another_edition_takes_the_place_of_the_first() -> None:
    watching = Watching()
    watching.learn("live", 1, ["/1", "/2"])
    watching.learn("live", 2, ["/2", "/3"])

    assert watching.following("/1", 1) == ()
    assert watching.following("/2", 1) == ("/3",)
    assert (watching.knows("live", 1), watching.knows("live", 2)) == (False, True)


def test_a_segment_of_two_playlists_stays_while_one_of_them_has_it() -> None:
    watching = Watching()
    watching.learn("one", 1, ["/a", "/b"])
    watching.learn("two", 1, ["/a", "/c"])
    watching.forget("one")

    assert watching.following("/a", 1) == ("/c",)


def test_of_an_endless_playlist_the_last_segments_are_kept() -> None:
    watching = Watching()
    watching.learn("long", 1, [f"/{number}" for number in range(MOST_OF_ONE + 5)])

    assert len(watching) == MOST_OF_ONE
    assert watching.following(f"/{MOST_OF_ONE + 3}", 1) == (f"/{MOST_OF_ONE + 4}",)


def test_the_playlist_that_nobody_watches_is_forgotten_first() -> None:
    watching = Watching()
    lists = MOST_SEGMENTS // MOST_OF_ONE
    for number in range(lists):
        watching.learn(f"l{number}", 1, [f"/{number}/{place}" for place in range(MOST_OF_ONE)])
    watching.following("/0/0", 1)
    watching.learn("more", 1, ["/more/0", "/more/1"])

    assert len(watching) <= MOST_SEGMENTS
    assert watching.following("/0/0", 1) == ("/0/1",)
    assert watching.following("/1/0", 1) == ()
