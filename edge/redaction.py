"""Masks passwords in addresses, in any text.

Configurations name a password's file or credential; but people write it into the camera's URL, too, and some cameras
ask for it in the path or the query. Whatever is logged, printed or sent goes through `masked` where it may hold one.
"""

import re

_USER_PART = re.compile(r"(\w://[^/@:'\"\n]*:)[^'\"\n]*@")  # to the last @: a password may hold one, a slash, a space
_NAMES = "pass(?:word|wd)?|pwd|token|secret|key|auth"
_END = r"[&;/?'\"\n]|_[a-z]+=|$"
_PARAMETER = re.compile(rf"((?:{_NAMES})=).*?(?=\s|{_END})", re.IGNORECASE)
_PARAMETER_ALONE = re.compile(rf"((?:{_NAMES})=).*?(?={_END})", re.IGNORECASE)
_ADDRESS = re.compile(r"\w+://.*", re.DOTALL)


def masked(text: str) -> str:
    """The text with `***` for every password in an address; it masks too much rather than too little.

    Where the text is an address and nothing else, a password in it may hold spaces.
    """
    parameter = _PARAMETER_ALONE if _ADDRESS.fullmatch(text) else _PARAMETER
    return parameter.sub(r"\1***", _USER_PART.sub(r"\1***@", text))
