from __future__ import annotations

import pytest

from gateway.errors import SettingsError
from gateway.ordering.mapping.model import Api, Mapping
from gateway.upstream import UpstreamOptions

PLAIN = Mapping(name="plain", api=Api(resource="productOrder"))


@pytest.mark.parametrize(
    "base_url",
    [
        "",
        "orders.example",
        "ftp://orders.example",
        "https://",
        "https://me:secret@orders.example",
        "https://orders.example/api?x=1",
        "https://orders.example/api#x",
        "https://orders.example:99999",
        "https://[::1",
    ],
)
def test_an_address_that_is_no_api_root_is_refused_without_repeating_it(base_url):
    with pytest.raises(SettingsError) as caught:
        UpstreamOptions(name="crm", base_url=base_url, mapping=PLAIN)
    assert [problem.path for problem in caught.value.problems] == ["upstreams.crm.base_url"]
    assert "secret" not in str(caught.value)


def test_every_wrong_number_is_named_at_once():
    with pytest.raises(SettingsError) as caught:
        UpstreamOptions(
            name="crm",
            base_url="https://orders.example",
            mapping=PLAIN,
            deadline_seconds=0,
            concurrency_max=-1,
            rate_per_second=0,
            scan_interval_seconds=-1,
        )
    assert {problem.path.rpartition(".")[2] for problem in caught.value.problems} == {
        "deadline_seconds",
        "concurrency_max",
        "rate_per_second",
        "scan_interval_seconds",
    }


def test_the_defaults_are_acceptable():
    options = UpstreamOptions(name="crm", base_url="http://127.0.0.1:8622/api", mapping=PLAIN, scan_interval_seconds=0)
    assert options.deadline_seconds == 30
