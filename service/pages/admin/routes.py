"""The pages of admins. Their paths are none of the admin API's (`/admin/users`): both may be on."""

from service.pages.admin import overview, people
from service.pages.admin.guard import SubmitForAdmin, admin_action, for_admins
from service.pages.page import Page

PERSON = "/admin/people/{userId}"


def _question(name: str, submit: SubmitForAdmin) -> Page:
    """A page of its own that says what happens, and asks."""
    return Page(
        path=f"{PERSON}/{name}",
        template=f"admin_{name.replace('-', '_')}.html",
        load=for_admins(people.load_question),
        forms={"": admin_action(submit)},
    )


ADMIN_PAGES = (
    Page(path="/admin", template="admin_overview.html", load=for_admins(overview.load)),
    Page(path="/admin/people", template="admin_people.html", load=for_admins(people.load)),
    Page(
        path=PERSON,
        template="admin_person.html",
        load=for_admins(people.load_one),
        forms={
            "/enable": admin_action(people.enable),
            "/reset": admin_action(people.send_reset),
            "/end-session": admin_action(people.end_session),
        },
    ),
    _question("disable", people.disable),
    _question("end-sessions", people.end_sessions),
    _question("remove-factors", people.remove_factors),
)
