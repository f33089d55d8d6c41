"""The programs that people know, by their User-Agent field: never the field itself, which its sender may choose."""

import re

BROWSERS = (  # the first that matches: browsers name those they descend from as well
    ("Edge", r"\bEdgA?/|\bEdgiOS/"),
    ("Opera", r"\bOPR/"),
    ("Samsung Internet", r"\bSamsungBrowser/"),
    ("Firefox", r"\bFirefox/|\bFxiOS/"),
    ("Chrome", r"\b(?:Headless)?Chrome/|\bCriOS/"),
    ("Safari", r"\bSafari/"),
    ("curl", r"^curl/"),
    ("Python", r"\bpython|\baiohttp/"),
    ("an Android app", r"^okhttp/|^Dalvik/"),
    ("an iOS app", r"\bCFNetwork/"),
)
SYSTEMS = (
    ("iPhone", r"\biPhone\b"),
    ("iPad", r"\biPad\b"),
    ("Android", r"\bAndroid\b"),
    ("Windows", r"\bWindows NT\b"),
    ("macOS", r"\bMac OS X\b"),
    ("ChromeOS", r"\bCrOS\b"),
    ("Linux", r"\bLinux\b"),
)


def name_of(user_agent: str) -> str:
    """As in `Firefox on Windows`; `an unknown program` where nothing is recognised."""
    browser, system = _first(BROWSERS, user_agent), _first(SYSTEMS, user_agent)
    if browser and system and browser[0].isupper():
        return f"{browser} on {system}"
    return browser or system or "an unknown program"


def _first(known: tuple[tuple[str, str], ...], text: str) -> str:
    return next((name for name, pattern in known if re.search(pattern, text, re.ASCII | re.IGNORECASE)), "")
