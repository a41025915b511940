"""``fidac-node hub show``: the journal of a study, for people and for programs."""

from __future__ import annotations

import datetime
import json
from pathlib import Path

from fidac_node.hub.index.journal import Answered, Presence, note_answers, note_presences
from fidac_node.system.database import connect, utc_now
from tests.hub_objects import uid
from tests.unit.cli.test_hub_cli import Hub, filed, hub

__all__ = ["filed", "hub"]


def test_a_journal_says_how_it_came_what_was_promised_and_who_got_it(filed: Hub, tmp_path: Path) -> None:
    bare = filed("show", uid(1, 1)).stdout
    assert "from an address that is not remembered" in bare and "nobody has got any of it since" in bare
    assert "no commitment was asked for that is remembered" in bare
    now, minute = utc_now(), datetime.timedelta(minutes=1)
    with connect("sqlite:///index.db", tmp_path / "hub") as db:
        note_presences(db, [Presence("LILLE", "10.0.0.5", now - minute, now + minute)])
        note_answers(db, [Answered("LILLE", uid(1, 1), now, now, 3, 2)])
    filed("export", "--patient", "PSEUDO0001", "--to", tmp_path / "out")
    said = filed("show", uid(1, 1)).stdout
    assert f"2 objects of series {uid(1, 1, 1)} from 10.0.0.5, by fidac-chest-ct abababab" in said
    assert "commitment asked for 3 objects, given for 2" in said and "  export  instances: patient" in said
    journal = json.loads(filed("show", uid(1, 1), "--json").stdout)
    assert [one["addresses"] for one in journal["objects"]] == [["10.0.0.5"]] * 2
    assert [act["studies"] for act in journal["retrieved"]] == [{uid(1, 1): "PSEUDO0001"}]


def test_a_study_that_is_not_there_says_where_to_look(filed: Hub) -> None:
    assert "no study 2.25.9 is in the index; 'fidac-node hub find studies -c " in filed("show", "2.25.9", code=1).stderr
    assert "no study" in filed("show", uid(1, 1), "--site", "PARIS", code=1).stderr
