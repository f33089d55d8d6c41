"""Lists that are answered in pages."""

from collections.abc import Mapping, Sequence
from typing import TypeVar

from service.cognito.call import Call
from service.cognito.errors import invalid_parameter

T = TypeVar("T")


def page(call: Call, items: Mapping[str, T], most: int) -> tuple[Sequence[T], str | None]:
    """At most `most` of the items, by their ids, after the one that NextToken names; and the next NextToken.

    Raises InvalidParameter for a token that names none of them.
    """
    ids, after = list(items), call.text("NextToken")
    if after and after not in items:
        raise invalid_parameter("Invalid pagination token given.")
    begin = ids.index(after) + 1 if after else 0
    shown = ids[begin : begin + most]
    return [items[one] for one in shown], shown[-1] if begin + most < len(ids) else None
