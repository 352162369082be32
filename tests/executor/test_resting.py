"""What others have put on columns that the way back, or purge, drops."""

from __future__ import annotations

import pytest

from migrate_safe.app.abandon import abandon
from migrate_safe.app.apply import Wish, apply
from migrate_safe.app.doctor import doctor
from migrate_safe.app.executing import Target
from migrate_safe.app.purge import purge
from migrate_safe.app.rollback import rollback
from migrate_safe.app.status import status
from migrate_safe.executor.news import News, Noted
from migrate_safe.model.errors import Refused
from migrate_safe.model.plan import Phase
from tests.conftest import Connect
from tests.executor.test_keeping import RENAME, planned


def test_the_way_back_looks_for_what_rests_on_columns_before_it_begins(users: str, connect: Connect) -> None:
    c, target = connect(users), Target(users)
    made = planned(users, connect, f"CREATE VIEW counted AS SELECT count(*) FROM users; {RENAME}")
    apply(made, target)
    c.execute("CREATE VIEW vm AS SELECT id, mail FROM users; CREATE INDEX more ON users (mail, note)")
    place = status(target).plans[0].position
    for way in (lambda: rollback("p", target, "baseline"), lambda: abandon("p", target)):
        with pytest.raises(Refused, match=r"others use: view (public\.)?vm \(on mail of (public\.)?users\)"):
            way()
    assert status(target).plans[0].position == place
    c.execute("DROP VIEW vm")
    assert rollback("p", target, "baseline").after.closed


def test_purge_says_what_goes_with_the_column_and_what_bars_it(users: str, connect: Connect) -> None:
    c, target, heard = connect(users), Target(users), list[News]()
    c.execute('CREATE INDEX own ON users (email); CREATE INDEX "o""wn" ON users (lower(email))')
    apply(planned(users, connect, RENAME), target)
    c.execute("CREATE INDEX dba_ix ON users (email) WHERE note IS NOT NULL; CREATE VIEW ve AS SELECT email FROM users")
    apply("p", target, Wish(Phase.CONTRACT, ("dba_ix", "ve")))
    with pytest.raises(Refused, match=r"what is to be purged is in use: view (public\.)?ve \(on _ms_retired_"):
        purge("p", target, now=True, confirm="p")
    c.execute("DROP VIEW ve")
    assert not [t.what for t in doctor(target).troubles if "wn" in t.what and t.about == "leftover"]
    assert purge("p", target, now=True, confirm="p", tell=heard.append).after.closed
    [note] = [news.text for news in heard if isinstance(news, Noted)]
    assert note.startswith("goes with it, and this plan did not make it: index ")
    assert "dba_ix" in note
    assert "wn" not in note
