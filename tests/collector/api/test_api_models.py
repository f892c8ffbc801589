"""An answer of the API that shows a struct of the views shows all of it; what it adds or leaves out is named here."""

import msgspec
import pytest
from pydantic import BaseModel

from collector.alerts.alert import Acknowledgement, Alert, Subject
from collector.api import alert_models, models
from collector.queries.results import Agreement, Balance, ClassBalance, CountChange, Evidence, LikeForLike, Queue

SUBJECT = {field.name for field in msgspec.structs.fields(Subject)}


@pytest.mark.parametrize(
    ("model", "struct", "more", "less"),
    [
        (models.OneBalance, ClassBalance, set(), set()),
        (models.LineBalance, Balance, {"share", "covers", "likely"}, set()),
        (models.Comparison, LikeForLike, {"role"}, set()),
        (models.Changed, CountChange, set(), set()),
        (models.ZoneSeries, Queue, {"share"}, set()),
        (models.HeadToHead, Agreement, set(), {"site"}),
        (models.ReportRange, Evidence, set(), set()),
        (alert_models.Acknowledged, Acknowledgement, set(), set()),
        (alert_models.AlertInfo, Alert, {"open", "picture", "time_zone", "verdicts", *SUBJECT},
         {"subject", "has_picture"}),
    ],
    ids=lambda value: getattr(value, "__name__", None),
)  # fmt: skip
def test_what_a_view_answers_the_api_shows(
    model: type[BaseModel], struct: type[msgspec.Struct], more: set[str], less: set[str]
) -> None:
    fields = {field.name for field in msgspec.structs.fields(struct)}
    assert set(model.model_fields) == (fields | more) - less
    assert less <= fields
    assert not more & fields
