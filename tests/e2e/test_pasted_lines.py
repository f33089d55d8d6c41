"""The lines of docs/accounts.md do what the page says when they are pasted, after those of the README up to a login."""

import asyncio
import re
from pathlib import Path

from tests.conftest import ROOT, Instances
from tests.support.ports import free_port
from tests.support.processes import running, wait_for

BLOCKS = re.compile(r"^```sh\n(.*?)^```", re.MULTILINE | re.DOTALL)


def section(page: str, title: str) -> str:
    text = (ROOT / page).read_text(encoding="utf-8")
    return text.partition(f"\n## {title}\n")[2].partition("\n## ")[0]


async def pasted(port: int, *blocks: str) -> list[str]:
    """What each block prints."""
    script = "echo =====\n".join(("", *blocks)).replace("http://127.0.0.1:8080", f"http://127.0.0.1:{port}")
    shell = await asyncio.create_subprocess_exec(
        "bash", "-c", script, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    said, complaints = await shell.communicate()
    assert not complaints, complaints.decode()
    return said.decode().split("=====\n")[1:]


async def test_a_second_factor_as_it_is_pasted(instances: Instances) -> None:
    (client,) = await instances(1)
    first = BLOCKS.findall(section("README.md", "The four calls"))[:2]
    lines = BLOCKS.findall(section("docs/accounts.md", "A second factor"))
    lines += BLOCKS.findall(section("docs/accounts.md", "Signing in with a second factor"))
    begun, _, confirmed, held, new_codes, one_call, two_calls, removed = (await pasted(client.port, *first, *lines))[2:]
    assert '"uri":"otpauth://' in begun
    assert '"recoveryCodes":["' in confirmed
    assert '"recoveryCodesLeft":10' in held
    assert '"recoveryCodes":["' in new_codes
    assert '"idToken":"' in one_call
    assert '"code": "second_factor_required"' in two_calls
    assert '"idToken":"' in two_calls
    assert removed == "204\n"


async def test_what_needs_mail_as_it_is_pasted_against_development(tmp_path: Path) -> None:
    port, here = free_port(), {"TOKENHOUSE_DEV_DIR": str(tmp_path / "home"), "TOKENHOUSE_PASSWORDS__BCRYPT_ROUNDS": "4"}
    first = BLOCKS.findall(section("README.md", "The four calls"))[:2]
    titles = ("Mails", "Proving an address", "Forgotten password", "Changing the address")
    lines = [block for title in titles for block in BLOCKS.findall(section("docs/accounts.md", title))]
    with running("dev", **here, PORT=str(port)) as process:
        await asyncio.to_thread(wait_for, port, "/readyz", 200, process)
        _, proved, reset, changed = (await pasted(port, *first, *lines))[2:]
    assert '"The address is proved."' in proved
    assert '"The password is changed. Every session is over. Log in."' in reset
    assert '{"email":"countess@example.com"}' in changed
    assert "The change is undone." in changed
