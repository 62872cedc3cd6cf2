"""From a run's folder to a page, without looking at it."""

import html
import json
import re
import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.report.conftest import MS, NASTY, history_lines, message_lines, write_lines
from vsr_node.checker import Event
from vsr_node.checker.history import Call, Json
from vsr_node.report import draw, drawing
from vsr_node.report.contents import outcome_of
from vsr_node.report.messages import BODY_SHOWN_MAX, columns_of, load_messages
from vsr_node.report.recorded_run import load_run


def test_the_text_names_the_operations_the_fault_and_the_messages(run_folder: Path) -> None:
    drawn = draw(run_folder)
    assert drawn.problem is None
    assert drawn.page == run_folder / "report.html"
    text = "\n".join(drawn.explanation)
    assert 'Key "k", at 0.052 s: these 3 operations can\'t all have happened' in text
    assert "write 2         process 0    n0  0.030 s to 0.033 s" in text
    assert "read 1          process 1    n1  0.050 s to 0.052 s" in text
    assert "it read 1, and the register is 2" in text
    assert "fault: partition one: n1 | n0 n2, 0.025 s to 0.055 s" in text
    assert "messages between servers: 12, 6 of them stopped" in text
    assert 'c4 -> n1  {"type":"read","key":"k","msg_id":5}' in text
    assert len(drawn.explanation) < 40


def test_the_operations_own_request_and_reply_are_among_its_messages(run_folder: Path) -> None:
    lines = message_lines()
    request = next(line for line in lines if line["message"]["body"].get("msg_id") == 5)
    reply = next(
        line for line in lines if line["message"]["dest"] == "c4" and line["sent"] > request["sent"]
    )
    reply["message"]["body"]["in_reply_to"] = 5
    noise = {"src": "n0", "dest": "n1", "body": {"type": "noise"}}
    lines += [
        {"sent": 50 * MS + n, "ended": 50 * MS + n, "fate": "delivered", "message": noise}
        for n in range(50)
    ]
    write_lines(run_folder / "messages.jsonl", lines)
    text = draw(run_folder).explanation
    own = [line for line in text if line.startswith(("  > ", "  < "))]
    assert own == [
        '  > 0.0501 to 0.0501 s  c4 -> n1  {"type":"read","key":"k","msg_id":5}',
        '  < 0.0519 to 0.0519 s  n1 -> c4  {"type":"read_ok","value":1,"in_reply_to":5}',
    ]


def test_a_valid_run_needs_no_explanation(run_folder: Path) -> None:
    (run_folder / "results.json").write_text('{"valid": true}')
    drawn = draw(run_folder)
    assert (drawn.explanation, drawn.problem) == ((), None)
    assert "✓ Valid" in (run_folder / "report.html").read_text()


def test_a_run_without_results_is_explained_all_the_same(run_folder: Path) -> None:
    (run_folder / "results.json").unlink()
    assert "these 3 operations" in draw(run_folder).explanation[0]
    assert "? Not judged" in (run_folder / "report.html").read_text()


def test_a_read_of_a_missing_key_has_seen_no_value(run_folder: Path) -> None:
    lines = history_lines()
    for line in lines:
        if (line["process"], line["type"], line["value"]) == (1, "ok", 1) and line[
            "time"
        ] > 40 * MS:
            line |= {"type": "fail", "value": None, "error": [20, "there is no key"]}
    write_lines(run_folder / "history.jsonl", lines)
    assert "it read null, and the register is 2" in "\n".join(draw(run_folder).explanation)


def test_nothing_that_a_node_says_becomes_markup(run_folder: Path) -> None:
    lines = history_lines()
    for line in lines:
        if line["value"] == 1:
            line["value"] = NASTY
        if line["node"] == "n1":
            line["node"] = NASTY
    write_lines(run_folder / "history.jsonl", lines)
    draw(run_folder)
    page = (run_folder / "report.html").read_text()
    assert "<img" not in page
    assert page.count("</script>") == len(re.findall(r"<script\b", page))
    assert "&lt;img src=x onerror=alert(1)&gt;" in page


def test_the_text_can_not_steer_a_terminal(run_folder: Path) -> None:
    lines = message_lines()
    for line in lines:
        line["message"]["body"]["type"] = "\x1b[2J\u009b2J"
    write_lines(run_folder / "messages.jsonl", lines)
    text = "".join(draw(run_folder).explanation)
    assert text
    assert text.isprintable()


def test_the_page_asks_nobody_for_anything(run_folder: Path) -> None:
    draw(run_folder)
    page = (run_folder / "report.html").read_text()
    assert "default-src 'none'" in html.unescape(page)
    assert 'src="' not in page
    links = {name for name in re.findall(r"href=\"(.*?)\"", page) if not name.startswith("#")}
    files = {"results.json", "history.jsonl", "messages.jsonl", "node-logs/n1.log"}
    assert links == files
    assert "http" not in page.replace("http-equiv", "")


@pytest.mark.parametrize(
    ("name", "content", "problem"),
    [
        ("history.jsonl", "{", "line 1: "),
        ("history.jsonl", None, "/"),
        ("messages.jsonl", None, None),
        ("messages.jsonl", "nonsense\n[]\n{}\n", None),
        ("results.json", "{", None),
        ("results.json", "[]", None),
        ("results.json", '{"valid": "no", "workload": 3, "mistakes": []}', None),
    ],
)
def test_a_failure_is_told_in_a_line_and_raises_nothing(
    run_folder: Path, name: str, content: str | None, problem: str | None
) -> None:
    path = run_folder / name
    path.unlink()
    if content is not None:
        path.write_text(content)
    drawn = draw(run_folder)
    if problem is None:
        assert drawn.problem is None
    else:
        assert drawn.problem is not None
        assert drawn.problem.startswith(problem)
        assert "\n" not in drawn.problem
        assert drawn.page is None


def test_a_full_disk_is_a_problem_and_leaves_the_explanation(
    run_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> str:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(drawing, "page_of", fail)
    drawn = draw(run_folder)
    assert drawn.explanation
    assert drawn.problem is not None
    assert "No space left" in drawn.problem


def test_drawing_leaves_everything_else_as_it_was(run_folder: Path) -> None:
    def contents() -> dict[str, bytes]:
        return {path.name: path.read_bytes() for path in run_folder.rglob("*") if path.is_file()}

    before = contents()
    draw(run_folder)
    after = contents()
    del after["report.html"]
    assert after == before


RING = "n0 hears no n2; n1 hears no n0; n2 hears no n1"

MAELSTROM_HISTORY = """\
{:process 0, :type :invoke, :f :write, :value [7 1], :index 0, :time 1000000}
{:process 0, :type :ok, :f :write, :value [7 1], :index 1, :time 2000000}
{:process :nemesis, :type :info, :f :start-partition, :value :majority, :index 2, :time 3000000}
{:process :nemesis, :type :info, :f :start-partition, :value [:isolated {"n0" #{"n1"}}],
 :index 3, :time 3100000}
{:process 1, :type :invoke, :f :read, :value [7 nil], :index 4, :time 4000000}
{:process 1, :type :ok, :f :read, :value [7 2], :index 5, :time 5000000}
{:process :nemesis, :type :info, :f :stop-partition, :value nil, :index 6, :time 6000000}
{:process :nemesis, :type :info, :f :stop-partition, :value :network-healed,
 :index 7, :time 6100000}
"""


def test_a_folder_of_maelstrom(tmp_path: Path) -> None:
    (tmp_path / "history.edn").write_text(MAELSTROM_HISTORY)
    (tmp_path / "results.edn").write_text("{:valid? false, :workload {:valid? false}}")
    (fault,) = load_run(tmp_path).faults
    assert (fault.name, fault.begin, fault.end) == ("partition", 3 * MS, 6 * MS)
    assert fault.text == "majority: n0 hears no n1"
    drawn = draw(tmp_path)
    assert drawn.problem is None
    text = "\n".join(drawn.explanation)
    assert "Key 7, at 0.005 s: this can't have happened as it was told:" in text
    assert "fault: partition" in text
    assert "✗ Not valid" in (tmp_path / "report.html").read_text()


STATS = """\
{:stats {:valid? false, :count 14, :ok-count 2, :fail-count 12, :info-count 0,
 :by-f {:cas {:valid? false, :count 12, :ok-count 0, :fail-count 12, :info-count 0},
 :write {:valid? true, :count 2, :ok-count 2, :fail-count 0, :info-count 0}}},
 :availability {:valid? true, :ok-fraction 0.14}, :net {:valid? true},
 :workload {:valid? true, :failures []}, :valid? false}
"""


def test_a_run_that_maelstroms_stats_made_invalid_has_its_reason(tmp_path: Path) -> None:
    (tmp_path / "history.edn").write_text(MAELSTROM_HISTORY.splitlines()[0])
    (tmp_path / "results.edn").write_text(STATS)
    assert draw(tmp_path).problem is None
    text = (tmp_path / "report.html").read_text()
    assert "✗ Not valid" in text
    assert "cas was tried 12 times and never ok: Maelstrom&#x27;s stats check" in text
    assert "write was tried" not in text


@pytest.mark.parametrize(
    ("cuts", "text"),
    [
        ('{"n0" #{"n1" "n2"}, "n1" #{"n0"}, "n2" #{"n0"}}', "n0 | n1 n2"),
        (
            '{"n2" ("n0" "n1"), "n1" ("n0"), "n0" ("n1" "n2"), "n3" ["n0" "n1"]}',
            "n0 hears no n1 n2; n1 hears no n0; n2 hears no n0 n1; n3 hears no n0 n1",
        ),
        ('{"n0" #{"n2"}, "n1" #{"n0"}, "n2" #{"n1"}}', RING),
    ],
)
def test_maelstroms_partitions_are_readable(tmp_path: Path, cuts: str, text: str) -> None:
    path = tmp_path / "history.edn"
    path.write_text(MAELSTROM_HISTORY.replace('{"n0" #{"n1"}}', cuts).replace(":majority", ":one"))
    (fault,) = load_run(tmp_path).faults
    assert fault.text == f"one: {text}"


def test_there_is_no_headline_over_nothing(tmp_path: Path) -> None:
    lines = [line for line in MAELSTROM_HISTORY.splitlines() if ":f :" in line]
    lines = [line for line in lines if ":nemesis" not in line]
    (tmp_path / "history.edn").write_text("\n".join(lines))
    drawn = draw(tmp_path)
    assert "can't have happened" in "\n".join(drawn.explanation)
    assert "Around it" not in "\n".join(drawn.explanation)


def test_text_histories_of_maelstrom(tmp_path: Path) -> None:
    lines = ["0\t:invoke\t:write\t[7 1]", "0\t:ok\t:write\t[7 1]"]
    lines += ["1\t:invoke\t:read\t[7 nil]", "1\t:ok\t:read\t[7 2]"]
    (tmp_path / "history.txt").write_text("\n".join(lines))
    drawn = draw(tmp_path)
    assert "Key 7, at event 3" in drawn.explanation[0]


def test_a_workload_that_has_no_model_gets_a_page(run_folder: Path) -> None:
    lines = [
        line | {"f": "echo"} if line["process"] != "nemesis" else line for line in history_lines()
    ]
    write_lines(run_folder / "history.jsonl", lines)
    drawn = draw(run_folder)
    assert (drawn.explanation, drawn.problem) == ((), None)


def test_kills_and_pauses_overlap_with_partitions(tmp_path: Path) -> None:
    acts = ["start-partition", "kill", "pause", "start", "stop-partition", "kill", "resume"]
    write_lines(
        tmp_path / "history.jsonl",
        [
            {"index": n, "time": n, "process": "nemesis", "type": "info", "f": f, "value": None}
            for n, f in enumerate(acts)
        ],
    )
    faults = [(fault.name, fault.begin, fault.end) for fault in load_run(tmp_path).faults]
    assert faults == [("partition", 0, 4), ("kill", 1, 3), ("pause", 2, 6), ("kill", 5, None)]


def test_the_page_tells_what_the_faults_met(run_folder: Path) -> None:
    met = {"messages_touched": 6, "operations_in_flight": 2, "leader_hit": True}
    bite = {"asked": True, "told": "6 messages <cut>"}
    (run_folder / "results.json").write_text(json.dumps({"bite": bite, "faults": [met]}))
    assert draw(run_folder).problem is None
    page = (run_folder / "report.html").read_text()
    assert "6 messages &lt;cut&gt;." in page
    assert (
        "<td>6 messages touched, 2 operations in flight when it began, the leader hit</td>" in page
    )


def test_one_fault_after_another_without_an_end_between_are_two(tmp_path: Path) -> None:
    write_lines(
        tmp_path / "history.jsonl",
        [
            {"index": n, "time": n, "process": "nemesis", "type": "info", "f": "start-partition"}
            | {"value": {"kind": "one", "text": text}}
            for n, text in enumerate(("n0 | n1 n2", "n1 | n0 n2"))
        ],
    )
    faults = [(fault.text, fault.begin, fault.end) for fault in load_run(tmp_path).faults]
    assert faults == [("one: n0 | n1 n2", 0, 1), ("one: n1 | n0 n2", 1, None)]


def test_each_fault_has_an_anchor(run_folder: Path) -> None:
    draw(run_folder)
    page = (run_folder / "report.html").read_text()
    assert '<tr id="fault-1"><td><a href="#fault-1">0.025 s</a></td>' in page


def test_refusals_time_outs_and_unknown_outcomes_differ() -> None:
    def outcome(type_: str, error: Json) -> str:
        asked = Event(0, 0, 1, "invoke", "read", "k", None, None, "n0")
        return outcome_of(Call(asked, asked._replace(index=1, type=type_, error=error)))

    assert outcome("ok", None) == "ok"
    assert outcome("fail", [22, "other value"]) == "answered no"
    assert outcome("fail", ["key-does-not-exist", "no"]) == "answered no"
    assert outcome("fail", [11, "not now"]) == "refused"
    assert outcome("fail", ["temporarily-unavailable", "not now"]) == "refused"
    assert outcome("fail", [0, "no reply within 1000 ms"]) == "timed out"
    assert outcome("info", "net-timeout") == "timed out"
    assert outcome("info", [13, "crash"]) == "unknown"
    assert outcome("fail", {"odd": []}) == "refused"


# --- Messages ------------------------------------------------------------------------------------


def stored(path: Path, lines: list[dict[str, Any]]) -> Path:
    file = path / "messages.jsonl"
    write_lines(file, lines)
    return file


def test_columns_hold_what_was_sent(tmp_path: Path) -> None:
    lines = message_lines()
    messages = load_messages(stored(tmp_path, lines), ["read"], [])
    columns = columns_of(messages.kept, messages.nodes)
    names, kinds = columns.names.texts, columns.kinds.texts
    assert names[:3] == ["n0", "n1", "n2"]
    sent = 0
    for place, line in enumerate(sorted(lines, key=lambda line: line["sent"])):
        sent += columns.sent[place]
        assert sent == line["sent"] // 1000
        assert columns.took[place] == line["ended"] // 1000 - sent
        assert names[columns.source[place]] == line["message"]["src"]
        assert names[columns.destination[place]] == line["message"]["dest"]
        assert kinds[columns.kind[place]] == line["message"]["body"]["type"][:60]


def test_of_too_many_messages_all_in_focus_are_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("vsr_node.report.messages.MESSAGES_MAX", 10)
    body = {"type": "x"}
    lines = [
        {"sent": n, "ended": n, "fate": "lost", "message": {"src": "a", "dest": "b", "body": body}}
        for n in range(100)
    ]
    messages = load_messages(stored(tmp_path, lines), [], [(40, 50)])
    assert messages.total == 100
    assert [message.sent for message in messages.kept] == sorted(
        {*range(0, 100, 10), *range(40, 51)}
    )


def test_a_vote_is_no_sign_of_a_new_view(tmp_path: Path) -> None:
    def line(time: int, source: str, **body: int) -> dict[str, Any]:
        message = {"src": source, "dest": "n2", "body": {"type": "x"} | body}
        return {"sent": time, "ended": time, "fate": "delivered", "message": message}

    lines = [
        line(1, "n0", view_number=0),
        line(2, "n0", view_number=1, current_view_number=0),
        line(3, "n0", view_number=0),
        line(4, "n0", view_number=1),
    ]
    messages = load_messages(stored(tmp_path, lines), [], [])
    assert [(seen.time, seen.view_number) for seen in messages.sightings] == [(1, 0), (4, 1)]


def test_long_bodies_are_shortened(tmp_path: Path) -> None:
    lines = message_lines()[:1]
    lines[0]["message"]["body"]["more"] = "\N{SNOWMAN}" * 5000
    (message,) = load_messages(stored(tmp_path, lines), [], []).kept
    assert len(message.body) < BODY_SHOWN_MAX + 50
    assert message.body.decode().endswith("bytes in all)")


def test_bodies_give_way_where_a_page_would_become_too_large(
    run_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    draw(run_folder)
    whole = (run_folder / "report.html").stat().st_size
    assert 'id="data-bodies-0"' in (run_folder / "report.html").read_text()
    monkeypatch.setattr("vsr_node.report.page.PAGE_BYTES_MAX", whole - 1)
    draw(run_folder)
    assert 'id="data-bodies-0"' not in (run_folder / "report.html").read_text()


def test_a_copy_of_the_folder_elsewhere_is_as_good(run_folder: Path, tmp_path: Path) -> None:
    copy = tmp_path / "elsewhere"
    shutil.copytree(run_folder, copy)
    assert draw(copy).explanation == draw(run_folder).explanation
    assert json.loads((copy / "results.json").read_bytes())["valid"] is False
