"""The first page of admins: how the installation does."""

from service.domain.administration.overview import Seen, SignIns
from service.pages.admin import charts
from service.pages.admin.guard import AskedByAdmin
from service.pages.rendering import Values


async def load(by: AskedByAdmin) -> Values:
    seen = await by.services.overview.look()
    return {"seen": seen, "charts": _charts(seen.sign_ins) if seen.sign_ins else [], "levels": _levels(seen)}


def _charts(sign_ins: SignIns) -> list[charts.Chart]:
    named = [(f"{one.begins_at:%H:%M}", one) for one in sign_ins.hours]
    return [
        charts.bars("Sign-ins", [(label, one.successes) for label, one in named]),
        charts.bars("Refused sign-ins", [(label, one.refusals) for label, one in named]),
    ]


def _levels(seen: Seen) -> dict[str, int]:
    """How many findings there are of each level."""
    return {level: sum(one.level == level for one in seen.stores) for level in ("ok", "warning", "problem")}
