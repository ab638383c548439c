"""What followers hold: each rule on histories that keep it, that break it, and that leave it open."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from checkers.trials import Trials
from checkers.verdict import Limits, Verdict
from tests.checkers.trial_histories import FOLLOWER, LEADER, OTHER, PLAIN, Story

DOCUMENTS = {"a": "_1", "b": "_2"}


def judge(story: Story) -> Verdict:
    return Trials().check(story.history, Limits())


def names(story: Story) -> list[tuple[str, str | None]]:
    return sorted({(anomaly.name, anomaly.clause) for anomaly in judge(story).anomalies})


def moments(story: Story, clause: str) -> int:
    return int(judge(story).statistics["moments"].get(clause, 0))


def set_up() -> Story:
    return Story().filled(LEADER, "c", "a", "b").followed()


def test_a_set_up_that_has_copied_everything_is_right() -> None:
    story = set_up().looked(FOLLOWER, c=DOCUMENTS)
    assert judge(story).valid is True
    assert moments(story, "LF-SETUP") == 1


def test_a_set_up_that_answers_before_it_has_copied_is_found() -> None:
    assert names(set_up().looked(FOLLOWER, c={"a": "_1"})) == [("answered-early", "LF-SETUP")]
    assert names(set_up().looked(FOLLOWER)) == [("answered-early", "LF-SETUP")]


@pytest.mark.parametrize(
    "unclear",
    [
        lambda: Story().filled(LEADER, "c", "a", "b", end="info").followed(),
        lambda: Story().filled(LEADER, "c", "a", "b", durable=False).followed(),
        lambda: set_up().did("remove", LEADER, collection="c", key="b"),
        lambda: Story().filled(LEADER, "c", "a", "b").followed(end="info"),
        lambda: Story().followed().filled(LEADER, "c", "a", "b"),
        lambda: (
            Story()
            .filled(LEADER, "c", "b")
            .followed({"restrictType": "include", "restrictCollections": ["d"]})
        ),
    ],
)
def test_nothing_is_demanded_of_a_set_up_where_it_is_open_what_it_had_to_copy(
    unclear: Callable[[], Story],
) -> None:
    assert ("answered-early", "LF-SETUP") not in names(unclear().looked(FOLLOWER, c={"a": "_1"}))


@pytest.mark.parametrize("copy", [Story.followed, Story.synced])
def test_what_only_the_follower_had_must_be_gone_after_a_copy(copy: Callable[[Story], Story]) -> None:
    def before() -> Story:
        story = Story().filled(LEADER, "c", "a", "b").filled(FOLLOWER, "own", "m")
        return copy(story.filled(FOLLOWER, "c", "mine"))

    assert not names(before().looked(FOLLOWER, c=DOCUMENTS))
    assert moments(before().looked(FOLLOWER, c=DOCUMENTS), "LF-SYNC-OVERWRITES") == 2
    surplus = before().looked(FOLLOWER, c=DOCUMENTS, own={"m": "_3"})
    assert ("surplus-collection", "LF-SYNC-OVERWRITES") in names(surplus)
    surplus = before().looked(FOLLOWER, c={**DOCUMENTS, "mine": "_3"})
    assert ("surplus-document", "LF-SYNC-OVERWRITES") in names(surplus)


def test_what_the_leader_had_removed_must_be_gone_after_a_copy() -> None:
    story = set_up().did("remove", LEADER, collection="c", key="b").synced()
    assert names(story.looked(FOLLOWER, c=DOCUMENTS)) == [("surplus-document", "LF-SYNC-OVERWRITES")]


def test_what_a_restricted_follower_has_besides_may_stay() -> None:
    only = {"restrictType": "include", "restrictCollections": ["c"]}
    story = Story().filled(LEADER, "c", "a", "b").filled(FOLLOWER, "own", "m").followed(only)
    assert not names(story.looked(FOLLOWER, c=DOCUMENTS, own={"m": "_3"}))


def test_a_follower_that_has_caught_up_equals_its_leader() -> None:
    story = set_up().caught_up().looked(LEADER, c=DOCUMENTS).looked(FOLLOWER, c=DOCUMENTS)
    assert judge(story).valid is True
    assert moments(story, "LF-CONVERGE") == 1


@pytest.mark.parametrize(
    "documents",
    [{"c": {"a": "_1"}}, {"c": {"a": "_1", "b": "_other"}}, {"c": {**DOCUMENTS, "x": "_3"}}, {}],
)
def test_a_follower_that_has_caught_up_and_differs_is_found(documents: dict[str, dict[str, str]]) -> None:
    story = Story().followed().filled(LEADER, "c", "a", "b").caught_up()
    found = names(story.looked(LEADER, c=DOCUMENTS).looked(FOLLOWER, **documents))
    assert found == [("divergence", "LF-CONVERGE")]


@pytest.mark.parametrize(
    "story",
    [
        lambda: set_up().ticked(100).told(target=100, applied=99),
        lambda: set_up().ticked(100).told(target=100, applied=100, running=False),
        lambda: set_up().filled(LEADER, "c", "x", new=False, end="info").caught_up(),
        lambda: set_up().filled(FOLLOWER, "c", "mine", new=False).caught_up(),
        lambda: set_up().caught_up().filled(LEADER, "c", "x", new=False),
        lambda: set_up().ticked(100).filled(LEADER, "c", "x", new=False).told(target=100, applied=100),
        lambda: Story().filled(LEADER, "c", "a", "b").caught_up(),
    ],
    ids=["behind", "stopped", "unknown write", "touched", "write after", "old tick", "no follower"],
)
def test_nothing_is_compared_that_need_not_be_equal(story: Callable[[], Story]) -> None:
    told = story().looked(LEADER, c=DOCUMENTS).looked(FOLLOWER, c={"a": "_1", "b": "_old"})
    assert ("divergence", "LF-CONVERGE") not in names(told)
    assert moments(told, "LF-CONVERGE") == 0


def test_a_sync_whose_answer_was_lost_leaves_the_comparison_to_an_applier_that_runs() -> None:
    story = set_up().did("sync", FOLLOWER, leader=LEADER, configuration=PLAIN, end="info").caught_up()
    assert ("divergence", "LF-CONVERGE") in names(story.looked(LEADER, c=DOCUMENTS).looked(FOLLOWER, c={}))


def test_ticks_of_another_leader_prove_nothing() -> None:
    def stranger(*, stopped_at: int) -> Story:
        story = set_up().did("follow", FOLLOWER, leader=OTHER, configuration=PLAIN).did("stop", FOLLOWER)
        story.told(running=False, applied=stopped_at)
        story.did("configure", FOLLOWER, leader=LEADER, configuration=PLAIN).did("start", FOLLOWER)
        return story.caught_up(100).looked(LEADER, c=DOCUMENTS).looked(FOLLOWER, c={})

    assert ("divergence", "LF-CONVERGE") in names(stranger(stopped_at=99))
    assert ("divergence", "LF-CONVERGE") not in names(stranger(stopped_at=100))


def system(name: str, configuration: dict[str, bool]) -> Story:
    return Story().filled(LEADER, name, "s", new=False).followed(configuration)


@pytest.mark.parametrize(
    ("name", "configuration", "clause"),
    [
        ("_apps", {"includeSystem": True}, "LF-EXCLUDED"),
        ("_jobs", {"includeSystem": True}, "LF-FOXX-QUEUES"),
        ("_graphs", {"includeSystem": False}, "LF-INCLUDE-SYSTEM"),
    ],
)
def test_system_collections_that_are_not_to_leave_are_missed_on_the_follower(
    name: str, configuration: dict[str, bool], clause: str
) -> None:
    kept = system(name, configuration).looked(FOLLOWER, **{name: {}})
    assert judge(kept).valid is True
    assert moments(kept, clause) == 1
    assert names(system(name, configuration).looked(FOLLOWER, **{name: {"s": "_1"}})) == [
        ("leaked-collection", clause)
    ]


def test_what_one_of_two_configurations_takes_may_be_there() -> None:
    story = system("_jobs", {"includeSystem": True, "includeFoxxQueues": True})
    story.followed({"includeSystem": True}, end="info")
    assert not names(story.looked(FOLLOWER, _jobs={"s": "_1"}))


def test_collections_from_outside_the_configuration_or_the_database_are_found() -> None:
    only = {"restrictType": "include", "restrictCollections": ["c"]}
    story = Story().filled(LEADER, "d", "x").followed(only)
    assert judge(story.looked(FOLLOWER)).valid is True
    assert names(story.looked(FOLLOWER, ["d"])) == [("leaked-collection", "LF-CONVERGE")]
    story = Story().followed().filled(LEADER, "e", "x", elsewhere=True)
    assert judge(story.looked(FOLLOWER)).valid is True
    assert names(story.looked(FOLLOWER, ["e"])) == [("leaked-collection", "LF-PER-DATABASE")]
    assert names(Story().followed().looked(FOLLOWER, ["of another trial"])) == [
        ("leaked-collection", "LF-PER-DATABASE")
    ]


def test_a_document_that_the_leader_has_lost_and_the_follower_not_is_a_phantom() -> None:
    def story(theirs: dict[str, str]) -> Story:
        said = Story().followed().filled(LEADER, "c", "a", "b", durable=False)
        return said.looked(FOLLOWER, c=DOCUMENTS).looked(LEADER, c=theirs)

    assert not names(story(DOCUMENTS))
    assert names(story({"a": "_1"})) == [("phantom-on-follower", "LF-ORDER")]


def test_what_was_removed_or_seen_before_is_no_phantom() -> None:
    story = Story().followed().filled(LEADER, "c", "a", "b").looked(FOLLOWER, c=DOCUMENTS)
    story.did("remove", LEADER, collection="c", key="b", end="info")
    assert not names(story.looked(LEADER, c={"a": "_1"}))
    story = Story().followed().looked(LEADER, c={}).filled(LEADER, "c", "a", "b")
    assert not names(story.looked(FOLLOWER, c=DOCUMENTS))
