"""`tokenhouse mail test ADDRESS`."""

import argparse

from service.assembly.application import Application
from service.commands.frame import DONE, FAILED, complain, on_application, say
from service.domain.mail.models import Kind, Letter, Mail
from service.domain.mail.ports import PostponedError, RefusedError, UnreachableError
from service.operator_errors import ConfigurationError
from service.settings import Settings


def add_parsers(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    actions = commands.add_parser("mail", help="send a test mail").add_subparsers(required=True, metavar="ACTION")
    about = "send a mail at once as the service would, and print the server's reply"
    test = actions.add_parser("test", help=about, description=about)
    test.add_argument("address", metavar="ADDRESS")
    test.set_defaults(run=on_application(_test, postgres_alone=True, require=_require_mail))


def _require_mail(settings: Settings) -> None:
    if not settings.mail.url.get_secret_value():
        raise ConfigurationError("TOKENHOUSE_MAIL__URL is empty: smtp://user:password@host:587")


async def _test(application: Application, asked: argparse.Namespace) -> int:
    courier, ambient = application.mail.courier, application.ambient
    assert courier is not None  # noqa: S101 - it was required above
    mail = Mail(kind=Kind.OTHER, recipient=asked.address, id=ambient.new_uuid(), created_at=ambient.now(), attempts=1)
    try:
        reply = await courier.deliver(mail, Letter(recipient=asked.address, template="test"))
    except RefusedError as error:
        return _failed("refused", error)
    except PostponedError as error:
        return _failed("put off", error)
    except UnreachableError as error:
        return _failed("the server takes no mail", error)
    finally:
        await courier.rest()
    say(reply)
    return DONE


def _failed(how: str, error: Exception) -> int:
    complain(f"{how}: {error}")
    return FAILED
