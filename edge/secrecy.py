"""What must not be said: passwords in addresses, in whatever text they stand.

Configurations name a password's file or credential; but people write it into the camera's URL, too, and some cameras
ask for it in the path or the query. Whatever is logged, printed or told goes through `masked` where it may hold one.
"""

import re

_USER_PART = re.compile(r"(\w://[^\s/@:]*:)\S*@")  # to the last @: a password may hold one, and a slash
_NAMES = "pass(?:word|wd)?|pwd|token|secret|key|auth"
_PARAMETER = re.compile(rf"((?:{_NAMES})=).*?(?=[&;/?\s'\"]|_[a-z]+=|$)", re.IGNORECASE)


def masked(text: str) -> str:
    """The text with `***` for every password in an address; rather too much is masked than too little."""
    return _PARAMETER.sub(r"\1***", _USER_PART.sub(r"\1***@", text))
