"""What headers say of an allowance, in each spelling that vendors use."""

from datetime import UTC, datetime

import pytest

from plumbing.quota import Quota, read

NOW = datetime(2026, 11, 25, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({"X-RateLimit-Limit": "200", "X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "17"}, Quota(0, 200, 17.0)),
        ({"ratelimit-limit": "100;w=60", "ratelimit-remaining": "5", "ratelimit-reset": "9"}, Quota(5, 100, 9.0)),
        ({"X-Rate-Limit-Remaining": "3", "X-Rate-Limit-Reset": "2026-11-25T12:00:30+00:00"}, Quota(3, None, 30.0)),
        ({"X-RateLimit-Remaining": "3", "X-RateLimit-Reset": "2026-11-25 07:00:30 -0500"}, Quota(3, None, 30.0)),
        ({"X-RateLimit-Remaining": "3", "X-RateLimit-Reset": "Wed, 25 Nov 2026 12:01:00 GMT"}, Quota(3, None, 60.0)),
        ({"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": str(int(NOW.timestamp()) + 45)}, Quota(0, None, 45.0)),
        ({"RateLimit": '"default";r=50;t=30'}, Quota(50, None, 30.0)),
        ({"X-RateLimit-Remaining": "7"}, Quota(7)),
        ({"X-RateLimit-Remaining": "7", "X-RateLimit-Reset": "soon"}, Quota(7)),
        ({"X-RateLimit-Limit": "7"}, None),
        ({"X-RateLimit-Remaining": "many"}, None),
        ({"Content-Type": "application/json"}, None),
    ],
)  # fmt: skip
def test_what_is_left_is_read_and_the_unreadable_is_no_news(headers, expected):
    assert read([(name.encode(), value.encode()) for name, value in headers.items()], NOW) == expected


def test_a_reset_that_has_passed_is_now():
    past = str(int(NOW.timestamp()) - 5)
    assert read([(b"x-ratelimit-remaining", b"0"), (b"x-ratelimit-reset", past.encode())], NOW) == Quota(0, None, 0.0)
