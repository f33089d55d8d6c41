"""The times that clients sign, such as `Mon Nov 3 09:05:07 UTC 2026`."""

import re
from datetime import UTC, datetime

MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
SHAPE = re.compile(
    rf"(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun) ({'|'.join(MONTHS)}) (\d\d?) (\d\d):(\d\d):(\d\d) UTC (\d{{4}})", re.ASCII
)


def time_of(text: str) -> datetime | None:
    """None for what is no such time."""
    found = SHAPE.fullmatch(text)
    if found is None:
        return None
    month, day, hour, minute, second, year = found.groups()
    try:
        return datetime(int(year), MONTHS.index(month) + 1, int(day), int(hour), int(minute), int(second), tzinfo=UTC)
    except ValueError:
        return None
