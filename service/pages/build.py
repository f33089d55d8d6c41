"""Makes the pages from the settings."""

from service.domain.services import Services
from service.pages.context import PagesContext
from service.pages.cookies import Cookies
from service.pages.face import PagesFace
from service.pages.rendering import Brand, Renderings
from service.pages.static import StaticFiles
from service.settings import Settings, origin_of


def build(services: Services, settings: Settings, *, has_mail: bool) -> PagesFace:
    """Raises ConfigurationError for an unusable file of the operator's."""
    pages = settings.pages
    static = StaticFiles({"logo": pages.logo, "stylesheet": pages.stylesheet})
    always = {
        "has_mail": has_mail,
        "can_sign_up": settings.signup.mode == "open",
        "rp_id": services.passkeys.passkeys.party.id if services.passkeys.passkeys else "",
    }
    brand = Brand(pages.brand, has_logo=pages.logo is not None, has_stylesheet=pages.stylesheet is not None)
    context = PagesContext(
        services=services,
        renderings=Renderings(brand, static, always),
        cookies=Cookies(is_secure=services.base_url.startswith("https:")),
        origin=origin_of(services.base_url),
    )
    return PagesFace(context, static)
