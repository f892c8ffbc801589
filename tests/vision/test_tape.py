"""A tape gives back the very frames that it was given, or stands nowhere."""

from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.counting.detection import CLASSES, DetectedFrame, Detection
from edge.counting.parameters import DEFAULT
from edge.errors import InputError, WorkError
from edge.vision.tape import TapeHeader, read_tape, write_tape

HEADER = TapeHeader(width=352, height=288, model="small 1", source="clip.mp4", start_ms=1_500_000_000_000)

finite = st.floats(allow_nan=False, allow_infinity=False)
spans = st.tuples(finite, finite).filter(lambda span: span[0] != span[1]).map(sorted)
scores = st.floats(0.0, 1.0)
looks = st.just(()) | st.tuples(*[finite] * len(CLASSES))
detections = st.builds(
    lambda x, y, score, label, look: Detection(x[0], y[0], x[1], y[1], score, label, look),
    *(spans, spans, scores, st.sampled_from(CLASSES), looks),
)
some = st.lists(detections, max_size=4).map(tuple)


@st.composite
def frames_of_any_kind(draw: st.DrawFn) -> DetectedFrame:
    at_ms, blind = draw(st.integers(0, 253_402_300_799_999)), draw(st.text(max_size=5))
    earliest_ms = 0 if blind else max(at_ms - DEFAULT.watched.pending_ms_max, 0)
    boxes = draw(some)
    reasons: list[Literal["", "still", "paced"]] = ["", "still", "paced"]
    skipped = draw(st.sampled_from(reasons)) if not (blind or boxes) else ""
    return DetectedFrame(at_ms, boxes, blind, draw(st.none() | st.integers(earliest_ms, at_ms)), skipped)


frames_in_any_order = st.lists(frames_of_any_kind())
tapes = frames_in_any_order.map(lambda frames: sorted(frames, key=lambda frame: frame.captured_ms))


@given(tapes)
def test_every_bit_comes_back(tmp_path_factory: pytest.TempPathFactory, frames: list[DetectedFrame]) -> None:
    path = tmp_path_factory.getbasetemp() / "any.tape"
    write_tape(path, HEADER, frames)
    header, back = read_tape(path)
    assert header == HEADER
    assert repr(list(back)) == repr(frames)  # repr tells -0.0 from 0.0
    again = path.with_name("again.tape")
    write_tape(again, header, read_tape(path)[1])
    assert again.read_bytes() == path.read_bytes()


def test_a_line_is_compact_and_says_blind_only_where_it_is(tmp_path: Path) -> None:
    path = tmp_path / "clip.tape"
    seen = DetectedFrame(40, (Detection(1.5, 2.0, 3.25, 4.0, 0.875, "car"),))
    unseen = DetectedFrame(60, (), since_ms=50), DetectedFrame(70, (), skipped="still")
    write_tape(path, HEADER, [seen, *unseen, DetectedFrame(80, (), "covered", 50)])
    assert path.read_text().splitlines()[1:] == [
        '{"ms":40,"boxes":[[1.5,2.0,3.25,4.0,0.875,"car"]]}',
        '{"ms":60,"boxes":[],"since":50}',
        '{"ms":70,"boxes":[],"look":"still"}',
        '{"ms":80,"boxes":[],"blind":"covered","since":50}',
        '{"frames":4}',
    ]


TAPE_1 = """{"tape":1,"width":352,"height":288,"model":"m","source":"s","start_ms":0,"every":1,"score_min":0.0}
{"ms":40,"boxes":[[1.5,2.0,3.25,4.0,0.875,"car"]]}
{"ms":80,"boxes":[],"blind":"covered"}
{"frames":2}
"""


def test_a_tape_of_the_first_version_is_still_read(tmp_path: Path) -> None:
    path = tmp_path / "old.tape"
    path.write_text(TAPE_1)
    header, frames = read_tape(path)
    assert header.tape == 1
    assert list(frames) == [
        DetectedFrame(40, (Detection(1.5, 2.0, 3.25, 4.0, 0.875, "car"),)),
        DetectedFrame(80, (), "covered"),
    ]


@pytest.mark.parametrize("part", ["speed", "since"])
def test_the_first_version_has_no_further_parts(tmp_path: Path, part: str) -> None:
    path = tmp_path / "old.tape"
    path.write_text(TAPE_1.replace('"blind"', f'"{part}":3,"blind"'))
    with pytest.raises(InputError, match="line 3: "):
        list(read_tape(path)[1])


def test_parts_that_a_later_writer_adds_are_passed_over(tmp_path: Path) -> None:
    path = tmp_path / "later.tape"
    write_tape(path, HEADER, [DetectedFrame(40, ())])
    plain = list(read_tape(path)[1])
    later = path.read_text().replace('"width"', '"lens":{"k1":0.1},"width"')
    path.write_text(later.replace('"ms":40', '"weather":[["rain",0.9]],"skipped":2,"strip":"AAA=","ms":40'))
    assert read_tape(path)[0] == HEADER
    assert list(read_tape(path)[1]) == plain


@pytest.mark.parametrize("number", [float("nan"), float("inf"), float("-inf")])
def test_a_number_that_json_cannot_say_is_refused_and_leaves_nothing(tmp_path: Path, number: float) -> None:
    frame = DetectedFrame(0, (Detection(0.0, 0.0, 1.0, number, 0.5, "car"),))
    with pytest.raises(ValueError, match="finite"):
        write_tape(tmp_path / "clip.tape", HEADER, [frame])
    assert list(tmp_path.iterdir()) == []


def test_nothing_stands_until_the_tape_is_whole_and_an_old_one_stays(tmp_path: Path) -> None:
    path = tmp_path / "clip.tape"
    write_tape(path, HEADER, [DetectedFrame(1, ())])
    before = path.read_bytes()

    def interrupted() -> Iterator[DetectedFrame]:
        yield DetectedFrame(2, ())
        assert path.read_bytes() == before
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_tape(path, HEADER, interrupted())
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_time_that_steps_back_is_a_bug_of_the_writer(tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match="never steps back"):
        write_tape(tmp_path / "clip.tape", HEADER, [DetectedFrame(5, ()), DetectedFrame(4, ())])


def test_a_folder_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be written"):
        write_tape(tmp_path / "none" / "clip.tape", HEADER, [])


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ('{"ms":90,"boxes":[[1,2,3,', "line 3: "),
        ("", "line 3: "),
        ('{"ms":90,"boxes":[[1,2,3,4,0.5]]}', "line 3: "),
        ('{"ms":90,"boxes":[[1,2,3,4,0.5,"boat"]]}', "line 3: label is 'boat'; allowed are car, van"),
        ('{"ms":90,"boxes":[[1,2,3,NaN,0.5,"car"]]}', "line 3: "),
        ('{"ms":90,"boxes":[[1,2,3,1e999,0.5,"car"]]}', "line 3: "),
        ('{"ms":90,"boxes":[],"since":"then"}', "line 3: Expected `int | null`, got `str`"),
        ('{"ms":90,"boxes":[],"since":91}', "line 3: since is 91 at 90; allowed is a time before it"),
        ('{"ms":90,"boxes":[],"blind":"dark","since":91}', "line 3: since is 91 at 90"),
        ('{"ms":60000,"boxes":[],"since":24999}', "at most 35000 ms before where the frame is not blind"),
        ('{"ms":39,"boxes":[]}', "line 3: ms is 39 after 40; time never steps back"),
        ('{"ms":-1,"boxes":[]}', "line 3: "),
        ('{"ms":90,"boxes":[[3,2,1,4,0.5,"car"]]}', "line 3: a box is [3.0, 2.0, 1.0, 4.0, 0.5]"),
        ('{"ms":90,"boxes":[[1,2,3,4,1.5,"car"]]}', "a score of 0 to 1"),
        ('{"ms":90,"boxes":[],"names":[[0,[-1,-1,-1,-1,-1,-1]]]}', "line 3: names says [0, "),
        ('{"ms":90,"boxes":[[1,2,3,4,0.5,"car"]],"names":[[0,[-1]]]}', "a box of this line and 6 numbers"),
        ('{"frames":2}', "line 3: frames is 2, but 1 stand before it"),
        ('{"frames":1}', "line 4: something follows the end"),
    ],
)
def test_a_bad_line_is_told_by_its_number(tmp_path: Path, line: str, said: str) -> None:
    path = tmp_path / "clip.tape"
    write_tape(path, HEADER, [DetectedFrame(40, ())])
    *before, end = path.read_text().splitlines()
    path.write_text("\n".join([*before, line, end, ""]))
    _, frames = read_tape(path)
    assert next(frames) == DetectedFrame(40, ())
    with pytest.raises(InputError) as error:
        next(frames)
    assert said in str(error.value)


@pytest.mark.parametrize("content", [b"", b"\n", b"{}", b"\x89PNG\r\n", b'{"tape":3,"width":1}', b"\xff\xfe"])
def test_a_file_that_is_no_tape_is_told_at_once(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "clip.tape"
    path.write_bytes(content)
    with pytest.raises(InputError, match="line 1: "):
        read_tape(path)


@pytest.mark.parametrize("lines", [1, 2, 3])
def test_a_tape_that_breaks_off_between_two_lines_is_told(tmp_path: Path, lines: int) -> None:
    path = tmp_path / "clip.tape"
    write_tape(path, HEADER, [DetectedFrame(at_ms, ()) for at_ms in (40, 80)])
    path.write_text("".join(path.read_text().splitlines(keepends=True)[:lines]))
    with pytest.raises(WorkError, match=f"breaks off after {lines - 1} frames"):
        list(read_tape(path)[1])


def test_a_missing_tape_is_told(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be read"):
        read_tape(tmp_path / "none.tape")
