"""The first page of admins: how the installation does."""

from service.domain.administration.overview import SignIns
from service.pages.admin import charts
from service.pages.admin.guard import AskedByAdmin
from service.pages.rendering import Values

LEVELS = ("problem", "warning", "ok")  # as findings are shown


async def load(by: AskedByAdmin) -> Values:
    seen = await by.services.overview.look()
    return {
        "seen": seen,
        "charts": _charts(seen.sign_ins) if seen.sign_ins else [],
        "levels": {level: sum(one.level == level for one in seen.stores) for level in LEVELS},
        "findings": sorted(seen.stores, key=lambda one: LEVELS.index(one.level)),
    }


def _charts(sign_ins: SignIns) -> list[charts.Chart]:
    named = [(f"{one.begins_at:%H:%M}", one) for one in sign_ins.hours]
    return [
        charts.bars("Sign-ins", [(label, one.successes) for label, one in named]),
        charts.bars("Refused sign-ins", [(label, one.refusals) for label, one in named]),
    ]
