"""When appliers run, stop and ask, and what single answers show: rules kept, broken and left open."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from checkers.history import History
from checkers.trials import Trials
from checkers.verdict import Limits
from tests.checkers.test_trials_copies import judge, moments, names
from tests.checkers.trial_histories import FOLLOWER, LEADER, PLAIN, Story


def conflict() -> Story:
    story = Story().filled(LEADER, "c", "a").followed().did("drop", FOLLOWER, collection="c")
    return story.filled(LEADER, "c", "b", new=False)


def test_an_applier_that_stops_at_what_it_cannot_apply_is_right() -> None:
    story = conflict().ticked().told(target=100, running=False, error=1203)
    assert judge(story).valid is True
    assert moments(story, "LF-APPLIER-STOPS") == 1
    elsewise = conflict().ticked().told(target=100, running=False, error=1414)
    assert moments(elsewise, "LF-APPLIER-STOPS") == 0


def test_an_applier_that_goes_on_after_what_it_cannot_apply_is_found() -> None:
    assert names(conflict().caught_up().looked(FOLLOWER, [])) == [("went-on-after-error", "LF-APPLIER-STOPS")]


@pytest.mark.parametrize(
    "story",
    [
        lambda: conflict().ticked().told(target=100, applied=90).looked(FOLLOWER, []),
        lambda: conflict().caught_up().looked(FOLLOWER, c={"a": "_1", "b": "_2"}),
        lambda: conflict().followed().caught_up().looked(FOLLOWER, c={"a": "_1", "b": "_2"}),
        lambda: Story().followed().did("drop", FOLLOWER, collection="c").caught_up().looked(FOLLOWER, []),
    ],
    ids=["not yet", "drop undone by a loss of power", "set up again", "nothing written"],
)
def test_an_applier_may_run_as_long_as_it_has_met_no_conflict(story: Callable[[], Story]) -> None:
    assert not names(story())


def test_an_applier_that_stops_at_an_event_though_nobody_touched_its_data_is_found() -> None:
    stopped = {"running": False, "error": 1203}
    assert names(Story().followed().told(**stopped)) == [("unapplicable-event", "LF-CONVERGE")]
    assert not names(Story().followed().told(running=False, error=1414))
    assert not names(Story().followed().filled(FOLLOWER, "c", "mine").told(**stopped))
    assert not names(Story().followed(end="info").told(**stopped))


def retrying(most: int = 2) -> Story:
    patient = {"autoResync": True, "autoResyncRetries": most}
    story = Story().followed(patient).did("stop", FOLLOWER).did("forget", FOLLOWER)
    return story.did("configure", FOLLOWER, leader=None, configuration=patient).did("start", FOLLOWER)


def test_more_copies_in_a_row_than_allowed_are_found() -> None:
    assert not names(retrying().told(resyncs=2))
    assert moments(retrying().told(resyncs=2), "LF-RESYNC-RETRIES") == 1
    assert names(retrying().told(resyncs=3)) == [("too-many-resyncs", "LF-RESYNC-RETRIES")]
    assert not names(retrying().told(resyncs=3, uptime_s=0.2))


def test_copies_of_a_leader_that_is_there_are_not_counted() -> None:
    assert not names(Story().followed({"autoResync": True, "autoResyncRetries": 1}).told(resyncs=3))


def handed_over(start: int = 50) -> Story:
    story = Story().filled(LEADER, "c", "a").synced(50)
    story.did("configure", FOLLOWER, leader=LEADER, configuration=PLAIN)
    return started(story, start)


def started(story: Story, tick: int) -> Story:
    given: dict[str, Any] = {"from": tick}
    return story.did("start", FOLLOWER, **given)


def test_an_applier_finds_the_log_after_the_tick_of_its_sync() -> None:
    assert moments(handed_over().caught_up(), "LF-SYNC-TICK") == 1
    gone = handed_over().told(running=False, error=1414).ticked(uptime_s=100)
    assert names(gone) == [("start-tick-gone", "LF-SYNC-TICK")]


@pytest.mark.parametrize(
    "story",
    [
        lambda: handed_over().told(running=False, error=1414).ticked(uptime_s=0.5),
        lambda: handed_over().told(running=False, error=1414),
        lambda: handed_over(30).told(running=False, error=1414).ticked(uptime_s=100),
    ],
    ids=["restarted leader", "nobody knows", "another tick"],
)
def test_a_leader_that_forgot_its_followers_in_a_restart_may_lack_the_log(story: Callable[[], Story]) -> None:
    assert not names(story())


def test_an_applier_without_automatic_start_stays_stopped_after_a_restart() -> None:
    stopped = handed_over().waits(3).told(running=False, uptime_s=1.0)
    assert moments(stopped, "LF-AUTOSTART-OFF") == 1
    assert not names(stopped)
    running = handed_over().waits(3).told(uptime_s=1.0)
    assert names(running) == [("started-unasked", "LF-AUTOSTART-OFF")]
    assert not names(handed_over().waits(3).told())


def test_an_applier_that_was_set_up_before_keeps_its_automatic_start() -> None:
    story = Story().followed().did("stop", FOLLOWER).synced()
    story.did("configure", FOLLOWER, leader=LEADER, configuration=PLAIN)
    assert not names(started(story, 50).waits(3).told(uptime_s=1.0))


@pytest.mark.parametrize("error", [0, 1413])
def test_a_follower_that_was_set_up_goes_on_after_a_restart(error: int) -> None:
    assert moments(Story().followed().waits(3).told(uptime_s=1.0), "LF-AUTOSTART-ON") == 1
    stopped: dict[str, Any] = {"running": False, "error": error}
    assert names(Story().followed().waits(3).told(uptime_s=1.0, **stopped)) == [
        ("not-resumed", "LF-AUTOSTART-ON")
    ]
    assert not names(Story().followed().waits(3).told(**stopped))
    assert not names(Story().followed().followed(end="info").waits(3).told(uptime_s=1.0, **stopped))


def stands(*, auto_start: bool) -> Story:
    story = Story(kind="", key="unasked").waits(10)
    return story.did("settings", FOLLOWER, saw={"shown": {"autoStart": auto_start}})


def test_appliers_from_before_the_history_come_back_as_they_are_told() -> None:
    stopped: dict[str, Any] = {"running": False, "uptime_s": 1.0}
    assert moments(stands(auto_start=False).told(**stopped), "LF-AUTOSTART-OFF") == 1
    assert moments(stands(auto_start=True).told(uptime_s=1.0), "LF-AUTOSTART-ON") == 1
    assert names(stands(auto_start=False).told(uptime_s=1.0)) == [("started-unasked", "LF-AUTOSTART-OFF")]
    assert names(stands(auto_start=True).told(**stopped)) == [("not-resumed", "LF-AUTOSTART-ON")]
    assert not names(stands(auto_start=False).told())


def idle(*requests: int, apart_s: float = 1.0) -> Story:
    story = Story(kind="", key="idle")
    story.did("settings", FOLLOWER, saw={"shown": {"idleMaxWaitTime": 2.0, "requestTimeout": 1.0}})
    for count in requests:
        story.waits(apart_s).told(requests=count)
    return story


def test_an_idle_applier_that_asks_often_enough_is_right() -> None:
    assert moments(idle(*range(10)), "LF-POLLING") > 0
    assert not names(idle(*range(10)))


def test_an_idle_applier_that_pauses_for_too_long_is_found() -> None:
    assert names(idle(4, 4, 4, 4, 4, 4)) == [("paused-too-long", "LF-POLLING")]


def test_an_applier_in_trouble_may_pause() -> None:
    assert not names(idle(4, 4, 4))
    troubled = idle(4, 4, 4)
    troubled.broke("partition", "n1")
    for _ in range(3):
        troubled.waits(1.0).told(requests=4)
    assert not names(troubled)


def test_a_server_that_follows_itself_is_found() -> None:
    refused = {"error": "400/1405 loop detected"}
    story = Story("itself").did(
        "follow", FOLLOWER, leader=FOLLOWER, configuration=PLAIN, end="info", saw=refused
    )
    assert judge(story).valid is True
    assert moments(story, "LF-NO-SELF") == 1
    story = Story("itself").did("follow", FOLLOWER, leader=FOLLOWER, configuration=PLAIN)
    assert names(story) == [("loop", "LF-NO-SELF")]
    unreachable = {"error": "500/1400 could not connect"}
    story = Story("itself").did(
        "follow", FOLLOWER, leader=FOLLOWER, configuration=PLAIN, end="info", saw=unreachable
    )
    assert moments(story, "LF-NO-SELF") == 0
    silent = Story("itself").did("follow", FOLLOWER, leader=FOLLOWER, configuration=PLAIN, end="info")
    assert moments(silent, "LF-NO-SELF") == 0


def test_a_wrong_password_is_refused_where_one_is_demanded() -> None:
    wrong = {**PLAIN, "username": "root", "password": "wrong"}
    guarded = Story("secret").did("knock", LEADER, saw={"demands": True})
    assert names(guarded.followed(wrong)) == [("wrong-password", "LF-AUTH")]
    guarded = Story("secret").did("knock", LEADER, saw={"demands": True})
    guarded.followed(wrong, end="info", saw={"error": "400/1402 refused"})
    assert (judge(guarded).valid, moments(guarded, "LF-AUTH")) == (True, 1)
    unguarded = Story("secret").did("knock", LEADER, saw={"demands": False}).followed(wrong)
    assert not names(unguarded)
    assert moments(unguarded, "LF-AUTH") == 0


def test_nothing_of_an_earlier_set_up_may_be_left() -> None:
    def again(**shown: object) -> Story:
        story = Story().followed({**PLAIN, "chunkSize": 60}).followed(PLAIN)
        return story.did("settings", FOLLOWER, saw={"shown": {"includeSystem": False, **shown}})

    assert moments(again(chunkSize=0), "LF-SETUP-AGAIN") == 1
    assert not names(again(chunkSize=0))
    assert names(again(chunkSize=60)) == [("old-configuration", "LF-SETUP-AGAIN")]
    assert names(again(includeSystem=True)) == [("old-configuration", "LF-SETUP-AGAIN")]


def test_a_snapshot_shows_what_was_there_and_nothing_later() -> None:
    def dumped(*keys: str) -> Story:
        story = Story("snapshot").filled(LEADER, "c", "a").did("pin", LEADER, saw={"snapshot": "12"})
        story.filled(LEADER, "c", "b", new=False, end="info")
        return story.did("dump", LEADER, collection="c", snapshot="12", saw={"keys": list(keys)})

    assert judge(dumped("a")).valid is True
    assert names(dumped("a", "b")) == [("not-a-snapshot", "LF-SYNC-TICK")]
    assert names(dumped()) == [("not-a-snapshot", "LF-SYNC-TICK")]


def test_too_few_trials_are_no_answer() -> None:
    verdict = Trials(least=2).check(Story().followed().looked(FOLLOWER).history, Limits())
    assert verdict.valid == "unknown"
    assert verdict.reasons == ("only 0 trials could be judged; 2 are needed",)
    assert Trials().check(History(), Limits()).valid == "unknown"


def test_the_verdict_says_which_kinds_were_tried_and_how_many_were_judged() -> None:
    statistics = judge(conflict().ticked().told(target=100, running=False, error=1203)).statistics
    assert statistics["trials"] == {"scope": 1}
    assert statistics["judged"] == {"scope": 1}
