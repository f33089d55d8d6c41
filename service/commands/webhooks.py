"""`tokenhouse webhooks list|retry|test`."""

import argparse
import json
from collections.abc import Sequence
from functools import partial
from uuid import UUID

from service.assembly.application import Application
from service.commands.frame import DONE, FAILED, complain, on_application, say
from service.domain.webhooks.models import ListedDelivery
from service.domain.webhooks.webhooks import MOST_LISTED
from service.operator_errors import ConfigurationError
from service.settings import Settings

DEFAULT_LIMIT = 50


def add_parsers(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    actions = commands.add_parser("webhooks", help="list, retry and test webhooks").add_subparsers(
        required=True, metavar="ACTION"
    )
    about = "show the deliveries of the last two weeks, the newest first"
    shown = actions.add_parser("list", help=about, description=about)
    shown.add_argument("--endpoint", metavar="NAME", default="", help="of this endpoint alone")
    shown.add_argument("--failed", action="store_true", help="those alone that were given up")
    shown.add_argument("--limit", metavar="N", type=_limit, default=DEFAULT_LIMIT, help="at most so many (50)")
    shown.add_argument("--json", action="store_true", help="one JSON object a line")
    shown.set_defaults(run=on_application(_list, postgres_alone=True))
    about = "send deliveries again at once, whatever became of them"
    again = actions.add_parser("retry", help=about, description=about)
    again.add_argument("deliveries", metavar="DELIVERY", nargs="*", type=_delivery, help="ids of deliveries")
    again.add_argument("--failed", metavar="ENDPOINT", default="", help="all that were given up for this endpoint")
    again.add_argument("--json", action="store_true", help="one JSON object a line")
    again.set_defaults(run=partial(_require_which, again))
    about = "send a message of the type webhook.test to an endpoint at once, and print the status of its answer"
    test = actions.add_parser("test", help=about, description=about)
    test.add_argument("endpoint", metavar="NAME")
    test.set_defaults(run=on_application(_test, postgres_alone=True, require=_require_endpoints))


def _require_endpoints(settings: Settings) -> None:
    if not settings.webhooks.endpoints:
        raise ConfigurationError("webhooks.endpoints is empty: docs/webhooks.md shows one")


def _require_which(parser: argparse.ArgumentParser, asked: argparse.Namespace) -> int:
    if bool(asked.deliveries) is bool(asked.failed):
        parser.error("name deliveries, or an endpoint with --failed")
    return on_application(_retry, postgres_alone=True)(asked)


async def _list(application: Application, asked: argparse.Namespace) -> int:
    found = await application.webhooks.deliveries(asked.limit, endpoint=asked.endpoint, only_failed=asked.failed)
    if asked.json:
        say("".join(f"{_json(one)}\n" for one in found), end="")
    elif found:
        say(_table(found))
    else:
        complain("no delivery")
    return DONE


async def _retry(application: Application, asked: argparse.Namespace) -> int:
    if asked.failed:
        if asked.failed not in application.webhooks.endpoints:
            raise ConfigurationError(f"webhooks.endpoints names no {asked.failed}")
        return _say_again(await application.webhooks.retry_failed(asked.failed), asked)
    unknown = [one for one in asked.deliveries if not await application.webhooks.retry(one)]
    for one in unknown:
        complain(f"there is no delivery {one}; `tokenhouse webhooks list` shows them")
    if (count := len(asked.deliveries) - len(unknown)) or asked.json:
        _say_again(count, asked)
    return FAILED if unknown else DONE


def _say_again(count: int, asked: argparse.Namespace) -> int:
    say(json.dumps({"retried": count}) if asked.json else f"{count} will be sent again")
    return DONE


async def _test(application: Application, asked: argparse.Namespace) -> int:
    endpoint = application.webhooks.endpoints.get(asked.endpoint)
    if endpoint is None:
        raise ConfigurationError(f"webhooks.endpoints names no {asked.endpoint}")
    is_taken, reply = await application.webhooks.test(endpoint)
    if is_taken:
        say(reply)
        return DONE
    complain(f"not taken: {reply}")
    return FAILED


def _table(found: Sequence[ListedDelivery]) -> str:
    rows: list[tuple[str, ...]] = [("TIME", "ENDPOINT", "TYPE", "STATUS", "ATTEMPTS", "REPLY", "DELIVERY")]
    for one in found:
        time = one.created_at.strftime("%Y-%m-%dT%H:%M:%SZ")
        rows.append((time, one.endpoint, one.type, one.status, str(one.attempts), one.last_reply or "-", str(one.id)))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join("  ".join(map(str.ljust, row, widths)).rstrip() for row in rows)


def _json(one: ListedDelivery) -> str:
    times = {"created_at": one.created_at, "due_at": one.due_at}
    times |= {name: held for name in ("delivered_at", "failed_at") if (held := getattr(one, name))}
    return json.dumps(
        {
            "id": str(one.id),
            "endpoint": one.endpoint,
            "event_id": str(one.event_id),
            "type": one.type,
            "status": one.status.value,
            "attempts": one.attempts,
            "last_reply": one.last_reply,
            **{name: time.isoformat() for name, time in times.items()},
        }
    )


def _delivery(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        raise argparse.ArgumentTypeError("write the id of a delivery (a UUID)") from None


def _limit(text: str) -> int:
    if text.isascii() and text.isdecimal() and len(text) < 6 and 1 <= int(text) <= MOST_LISTED:  # noqa: PLR2004 - digits
        return int(text)
    raise argparse.ArgumentTypeError(f"write a whole number from 1 to {MOST_LISTED}")
