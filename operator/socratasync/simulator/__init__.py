"""A simulated Socrata portal over HTTPS: the wire format of a real one, and its faults by switch.

It ships with the package: ``socratasync demo`` shows itself against it, and tests and benches load
from it. In a test::

    import pytest
    from socratasync.simulator import Fault, Portal, serve
    from socratasync.socrata import Source

    @pytest.fixture
    def portal():
        return Portal(app_tokens=["token"], accounts={"ada": "secret"})

    @pytest.fixture
    def server(portal, monkeypatch):
        with serve(portal) as server:                       # https, a free port of 127.0.0.1
            monkeypatch.setenv("REQUESTS_CA_BUNDLE", server.ca_file)
            yield server                                     # server.domain is "127.0.0.1:PORT"

    def test_a_count_is_read(portal, server):
        portal.add_synthetic("abcd-1234", rows=1000, seed=1)  # LA 311 shape, key srnumber
        parks = portal.add_dataset(
            "park-0001",
            [("name", "text"), ("opened", "calendar_date"), ("acres", "number"), ("lit", "checkbox")],
            [{"name": "Elysian", "opened": "1886-04-05T00:00:00.000", "acres": 600, "lit": True}],
        )
        portal.faults.add(Fault.status(429, retry_after=0), on="count")
        assert Source(server.domain).first("park-0001", {"$select": "count(*) as n"}) == {"n": "1"}

What people do to a dataset (``portal["park-0001"]`` or what ``add_dataset`` returned)::

    (row,) = parks.insert({"name": "Griffith", "acres": "4310.00"})  # the :id of the new row
    parks.update(row, acres=None)             # :updated_at moves, :id stays; also touch(row)
    parks.delete(parks.find(name="Elysian"))
    parks.replace_all()                       # the same rows again, all :ids new
    parks.add_column("lake", "text", value="no"); parks.drop_column("lit")
    parks.rename_column("acres", "area"); parks.retype_column("area", "text")
    parks.make_private(); parks.remove(); parks.freeze(successor="park-0002")
    parks.lag(); parks.catch_up()             # queries see the past until then
    parks.rows()                              # stored text by field name, with :id and :updated_at

What goes wrong: see ``Fault``. ``portal.faults.add(fault, times=1, after=0, dataset=None, on="any")``;
``on`` is ``rows``, ``count``, ``metadata``, ``catalog`` or ``any``. A change between two pages is
``Fault.doing(lambda: parks.delete(row))`` with ``on="rows", after=1``.
``portal.requests`` says what was asked.
"""

from socratasync.simulator.dataset import Dataset
from socratasync.simulator.faults import Fault
from socratasync.simulator.portal import Portal
from socratasync.simulator.server import Server, serve

__all__ = ["Dataset", "Fault", "Portal", "Server", "serve"]
