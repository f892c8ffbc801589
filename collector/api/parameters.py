"""Parameters of a query that several routes take."""

from typing import Annotated, Literal

from fastapi import Query

INTERVALS_MAX = 10_000
"""Of one answer; the rest is on its next page."""

Merged = Annotated[
    Literal["site", "place", "device"],
    Query(
        description="The lines of the site added up; or per line, where several devices watch it once; or per device."
    ),
]
Scheme = Annotated[str, Query(max_length=40, description="The classes: `own`, or a scheme that `/sites` names.")]
Limit = Annotated[int, Query(ge=1, le=INTERVALS_MAX, description="Intervals in one answer.")]
After = Annotated[str | None, Query(max_length=200, description="What `next` said.")]
WithLikely = Annotated[bool, Query(description="Also where the true number of each class lies, by how names err.")]
