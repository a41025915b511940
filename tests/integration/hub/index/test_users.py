"""Accounts, sessions, invitations and attempts in the index, on each database."""

from __future__ import annotations

from datetime import timedelta

import pytest
from peewee import Database

from fidac_node.errors import Declined, NotFound
from fidac_node.hub.index import add_site, prepare
from fidac_node.hub.index.models import Account, Attempt, Session
from fidac_node.hub.index.users import (
    PATIENCE,
    Lifetime,
    accept,
    add_account,
    attempt,
    begin_session,
    change_account,
    end_session,
    end_sessions,
    find_account,
    invite,
    invited,
    link_account,
    list_accounts,
    named,
    person_of,
    remove_account,
    succeeded,
)
from fidac_node.system.database import utc_now

DAY = Lifetime(timedelta(hours=1), timedelta(hours=12))


@pytest.fixture
def db(empty: Database) -> Database:
    prepare(empty)
    add_site(empty, "LILLE", "LILLE_NODE")
    return empty


def test_an_account_has_one_name_in_any_case_and_a_role_that_can_be(db: Database) -> None:
    add_account(db, "Marie@chu.example", "contributor", "LILLE", "")
    for name, role, site, problem in (
        ("MARIE@chu.example", "auditor", "", "already"),
        ("bob", "contributor", "", "name it"),
        ("bob", "contributor", "NOWHERE", "no site"),
        ("bob", "king", "", "is no role"),
        ("", "auditor", "", "cannot name"),
        ("bob\n", "auditor", "", "cannot name"),
        ("bob\0", "auditor", "", "cannot name"),
        ("bob", "auditor", "LILLE\0", "no site"),
    ):
        with pytest.raises(Declined, match=problem):
            add_account(db, name, role, site, "")
    with pytest.raises(Declined, match="a programme has"):
        add_account(db, "bob", "auditor", "", "FIDAC\0")
    assert [row.name for row in list_accounts(db)] == ["Marie@chu.example"]
    assert find_account(db, name="\0") is None and find_account(db, name="\udcff") is None
    with pytest.raises(NotFound):
        named(db, "bob")


@pytest.mark.parametrize(
    ("role", "site", "rights", "stores", "sees"),
    [
        ("contributor", "LILLE", ("find", "retrieve"), "LILLE", "LILLE"),
        ("administrator", "", ("find", "retrieve"), "", ""),
        ("administrator", "LILLE", ("find", "retrieve"), "LILLE", ""),
        ("researcher", "", ("find", "retrieve"), "", ""),
        ("researcher", "LILLE", ("find", "retrieve"), "", "LILLE"),
        ("auditor", "", (), "", ""),
    ],
)
def test_what_a_role_may_is_what_the_session_says(
    db: Database, role: str, site: str, rights: tuple[str, ...], stores: str, sees: str
) -> None:
    add_account(db, "marie", role, site, "FIDAC")
    token = begin_session(db, named(db, "marie").id)
    person = person_of(db, token, DAY)
    assert person is not None
    assert (person.rights, person.site, person.own_site, person.programme) == (rights, stores, sees, "FIDAC")
    assert token not in str(list(Session.select().tuples().execute(db)))


def test_a_contributor_whose_site_is_gone_sees_nothing_instead_of_everything(db: Database) -> None:
    add_account(db, "marie", "contributor", "LILLE", "")
    Account.update(site="").execute(db)
    person = person_of(db, begin_session(db, named(db, "marie").id), DAY)
    assert person is not None and person.rights == () and not person.site


def test_a_session_ends_by_itself_by_order_and_with_the_account(db: Database) -> None:
    add_account(db, "chief", "administrator", "", "")
    add_account(db, "marie", "auditor", "", "")
    account = named(db, "marie").id
    first, second, third = (begin_session(db, account) for _ in range(3))
    person = person_of(db, first, DAY)
    assert person is not None
    end_sessions(db, account, but=person.session)
    assert [person_of(db, token, DAY) is not None for token in (first, second, third)] == [True, False, False]
    end_session(db, person.session)
    assert person_of(db, first, DAY) is None
    for change, moment in (("seen_at", timedelta(hours=2)), ("began_at", timedelta(hours=13))):
        token = begin_session(db, account)
        Session.update(**{change: utc_now() - moment}).execute(db)
        assert person_of(db, token, DAY) is None
    token = begin_session(db, account)
    Session.update(seen_at=utc_now() - timedelta(minutes=30)).execute(db)
    assert person_of(db, token, DAY) and person_of(db, token, Lifetime(timedelta(minutes=5), DAY.most))
    invite(db, "marie", 1)
    remove_account(db, "marie")
    assert person_of(db, token, DAY) is None and Session.select().count(db) == 0


def test_an_invitation_gives_a_password_once(db: Database) -> None:
    add_account(db, "marie", "auditor", "", "")
    old, token = invite(db, "marie", 1), invite(db, "marie", 1)
    assert invited(db, old) is None and invited(db, token) is not None
    assert accept(db, token, "hash") is not None
    assert accept(db, token, "another") is None
    assert named(db, "marie").password == "hash"


def test_a_subject_is_linked_to_one_account(db: Database) -> None:
    for name in ("marie", "bob"):
        add_account(db, name, "auditor", "", "")
    link_account(db, "marie", "https://psc.example", "1234")
    with pytest.raises(Declined, match="linked to the account marie"):
        link_account(db, "bob", "https://psc.example", "1234")
    with pytest.raises(Declined, match="no identity provider"):
        link_account(db, "bob", "", "1234")
    link_account(db, "marie", "https://psc.example", "")
    link_account(db, "bob", "https://psc.example", "1234")
    assert [row.linked for row in list_accounts(db)] == [True, False]


def test_the_last_administrator_keeps_the_role(db: Database) -> None:
    add_account(db, "marie", "administrator", "", "")
    with pytest.raises(Declined, match="last administrator"):
        change_account(db, "marie", "auditor", "", "")
    add_account(db, "bob", "administrator", "", "")
    change_account(db, "marie", "auditor", "", "")
    assert named(db, "marie").role == "auditor"


def test_failures_in_a_row_take_longer_and_longer_and_are_forgiven_one_by_one(db: Database) -> None:
    of = {"account": "marie", "address": "192.0.2.1"}
    free = PATIENCE["account"].free
    assert [attempt(db, of).wait.total_seconds() for _ in range(free - 1)] == [0] * (free - 1)
    assert attempt(db, of).is_last
    assert 1 < attempt(db, of).wait.total_seconds() <= 2
    assert 1 < attempt(db, {**of, "address": "192.0.2.2"}).wait.total_seconds() <= 2  # from elsewhere, too
    assert not attempt(db, {**of, "account": "bob"}).wait  # somebody else behind the same address
    for failures, seconds in ((free, 2), (free + 1, 4), (free + 8, 512), (free + 40, 900)):
        assert PATIENCE["account"].wait(failures).total_seconds() == seconds
    Attempt.update(at=utc_now() - timedelta(hours=2, minutes=1)).where(Attempt.kind == "account").execute(db)
    assert [attempt(db, of).is_last for _ in range(2)] == [False, True]
    succeeded(db, of)
    left = sorted((row.kind, row.failures) for row in Attempt.select().execute(db))
    assert left == [("account", 1), ("address", free + 2)]  # bob's, and what others tried from there


def test_who_signs_in_well_is_not_counted_against_the_address(db: Database) -> None:
    for number in range(PATIENCE["address"].free + 5):
        of = {"account": f"person{number}", "address": "192.0.2.1"}
        assert not attempt(db, of).wait
        succeeded(db, of)
