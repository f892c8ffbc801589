"""What the detector is taught where people did not say everything."""

from types import ModuleType

import numpy as np
import pytest

from models.training.labels import UNKNOWN, allowed, drawn, from_people, kind_of, own_classes, settled

CAR, TRUCK, BUS, VAN = 0, 1, 2, 5


def test_a_kind_is_a_class_or_a_set_of_them() -> None:
    assert kind_of([TRUCK]) == TRUCK
    assert allowed(kind_of([CAR, VAN])) == (CAR, VAN)
    assert allowed(UNKNOWN) == tuple(range(6))


def test_the_teacher_knows_no_vans_so_its_cars_may_be_some() -> None:
    sure = {"box": [0, 0, 50, 40], "score": 0.8, "votes": [1.0, 0, 0, 0, 0]}
    assert allowed(settled(sure)) == (CAR, VAN)
    assert settled(sure | {"score": 0.2}) == UNKNOWN


def test_the_teacher_settles_only_among_what_people_left_open() -> None:
    picture = {"set": "manaus_traffic_v5", "part": "train"}
    bus = {"box": [0, 0, 50, 40], "score": 0.8, "votes": [0, 0, 1.0, 0, 0]}
    boxes, _ = from_people(picture, [[0.0, 0.0, 50.0, 40.0, kind_of([TRUCK, BUS])]], [bus])
    assert boxes[0][4] == BUS
    boxes, _ = from_people(picture, [[0.0, 0.0, 50.0, 40.0, CAR]], [bus])
    assert boxes[0][4] == CAR


def test_a_set_in_which_vehicles_are_missing_teaches_nothing_where_the_teacher_sees_one() -> None:
    seen = {"box": [100, 100, 150, 140], "score": 0.15, "votes": [1.0, 0, 0, 0, 0]}
    assert from_people({"set": "toll_km39", "part": "train"}, [], [seen]) == ([], [[100, 100, 150, 140]])


def test_every_word_of_a_set_is_read_by_the_rules_of_names(tmp_path) -> None:  # type: ignore[no-untyped-def]
    for part in ("images", "labels"):
        (tmp_path / part).mkdir()
    (tmp_path / "labels" / "a.txt").write_text("3 0.5 0.5 0.2 0.2\n10 0.5 0.5 0.2 0.2\n")
    boxes = drawn({"path": str(tmp_path / "images" / "a.jpg")}, own_classes()["toll_km39"], 100, 100)
    assert [allowed(int(box[4])) for box in boxes] == [(VAN,), (CAR, TRUCK)]


@pytest.fixture
def torch() -> ModuleType:
    return pytest.importorskip("torch", reason="the network is a torch module; the extra `training` brings torch")


def test_of_classes_that_a_box_may_have_only_the_likeliest_is_told_right(torch: ModuleType) -> None:
    from models.training.loss import goals  # noqa: PLC0415

    kinds = torch.tensor([[0.0, 3.0, 0, 0, 0, 1.0], [0.0, 3.0, 0, 0, 0, 1.0]])
    allowed_now = torch.tensor([[True, False, False, False, False, True], [False, True, False, False, False, False]])
    goal, judged = goals(kinds, allowed_now)
    assert goal.argmax(1).tolist() == [VAN, TRUCK]
    assert judged[0].tolist() == [0, 1, 1, 1, 1, 1]  # that it may also be a car is not held against it
    assert judged[1].tolist() == [1] * 6


def test_a_step_towards_a_joint_class_takes_nothing_from_its_other_class(torch: ModuleType) -> None:
    from models.training.dataset import may_be  # noqa: PLC0415
    from models.training.loss import Target, detection_loss  # noqa: PLC0415

    raw = torch.zeros(1, 21, 11)
    raw[..., 2:4] = 1.0
    raw.requires_grad_()
    boxes = np.array([[4.0, 4.0, 28.0, 28.0, kind_of([CAR, VAN])]], np.float32)
    target = Target(torch.tensor([[16.0, 16.0, 24.0, 24.0]]), torch.from_numpy(may_be(boxes[:, 4])), torch.zeros(0, 4))
    loss, _ = detection_loss(raw, [target], 32, 32)
    loss.backward()
    by_class = raw.grad[0, :, 5:].sum(0)
    assert by_class[CAR] < 0  # rises
    assert by_class[VAN] == 0
    assert by_class[TRUCK] > 0  # falls


def test_weights_of_five_classes_begin_with_vans_as_cars(torch: ModuleType) -> None:
    from pathlib import Path  # noqa: PLC0415

    from models.training.network import load_network  # noqa: PLC0415

    kept = torch.load(Path("models/training/vehicle-nano.pth"), map_location="cpu")["model"]
    network = load_network(Path("models/training/vehicle-nano.pth"))
    rows = network.head.cls_preds[0].weight
    assert rows.shape[0] == 6
    assert torch.equal(rows[:5], kept["head.cls_preds.0.weight"][:5])
    assert torch.equal(rows[VAN], rows[CAR])
