"""Reading histories: every format, and what is said about malformed ones."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.checker.histories import history
from vsr_node.checker import Event, HistoryError, RegisterModel, check, load_history
from vsr_node.checker.edn import DEPTH_MAX, EdnError, read_form, read_records


def load(tmp_path: Path, text: str | bytes) -> list[Event]:
    path = tmp_path / "history"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return load_history(path)


def told(events: list[Event]) -> list[tuple[Any, ...]]:
    return [(event.process, event.type, event.f, event.key, event.value) for event in events]


WRITE = {"index": 0, "time": 5, "process": 0, "type": "invoke", "f": "write", "key": 1, "value": 2}


class TestJsonLines:
    def test_events_come_back_as_they_were(self, tmp_path: Path) -> None:
        events = [
            Event(0, 10, 0, "invoke", "write", {"k": [1]}, 1.0, None, "n0"),
            Event(1, 20, "nemesis", "info", "partition", None, [["n0"], ["n1"]]),
            Event(4, 30, 0, "info", "write", {"k": [1]}, 1.0, [0, "timeout"], "n0"),
            Event(5, 40, 1, "invoke", "read", 2**70, None),
            Event(6, 50, 1, "ok", "read", 2**70, "\u2028 is no end of a line"),
        ]
        lines = [json.dumps(event._asdict(), ensure_ascii=False) for event in events]
        assert load(tmp_path, "\n".join(lines)) == events
        assert load(tmp_path, "\ufeff" + "\r\n\n".join(lines) + "\r\n") == events

    @pytest.mark.parametrize(
        ("changes", "message"),
        [
            ({"process": "n1"}, '"process" must be a number or "nemesis", not "n1"'),
            ({"process": True}, '"process" must be'),
            ({"process": None}, '"process" must be'),
            ({"type": "done"}, '"type" must be one of invoke, ok, fail, info, not "done"'),
            ({"type": ["ok"]}, '"type" must be'),
            ({"f": None}, '"f" must be a text, not null'),
            ({"time": "now"}, '"time" must be an integer, not "now"'),
            ({"index": 1.0}, '"index" must be an integer, not 1.0'),
            ({"index": 0}, "event 0 comes after event 0"),
            ({"process": 0}, "process 0 invokes write, and its write is still under way"),
            ({"type": "ok"}, "process 1 completes write, which it did not invoke"),
            ({"process": 0, "type": "ok", "f": "read"}, "invoked write and completes read"),
            ({"process": 0, "type": "ok", "key": 1.0}, "of key 1 and completes that of key 1.0"),
        ],
    )
    def test_a_malformed_event(self, tmp_path: Path, changes: dict[str, Any], message: str) -> None:
        second = WRITE | {"index": 1, "process": 1} | changes
        with pytest.raises(HistoryError) as raised:
            load(tmp_path, f"{json.dumps(WRITE)}\n\n{json.dumps(second)}\n")
        assert str(raised.value).startswith("line 3: ")
        assert message in str(raised.value)

    @pytest.mark.parametrize("field", ["process", "type", "f"])
    def test_a_missing_field(self, tmp_path: Path, field: str) -> None:
        record = {name: value for name, value in WRITE.items() if name != field}
        with pytest.raises(HistoryError, match=f'line 1: "{field}" must be'):
            load(tmp_path, json.dumps(record))

    def test_without_index_and_time(self, tmp_path: Path) -> None:
        record = {name: value for name, value in WRITE.items() if name not in ("index", "time")}
        lines = [json.dumps(record), json.dumps(record | {"type": "ok"})]
        assert [event[:2] for event in load(tmp_path, "\n\n".join(lines))] == [(0, 0), (1, 0)]

    def test_an_index_in_some_events_only(self, tmp_path: Path) -> None:
        without = {name: value for name, value in WRITE.items() if name != "index"}
        second = {"process": 1}
        with pytest.raises(HistoryError, match=r'^line 2: "index" must be an integer, not null'):
            load(tmp_path, "\n".join(map(json.dumps, (WRITE, without | second))))
        with pytest.raises(HistoryError, match=r'^line 2: "index" is missing in the first event'):
            load(tmp_path, "\n".join(map(json.dumps, (without, WRITE | second))))

    def test_an_array(self, tmp_path: Path) -> None:
        events = [WRITE, WRITE | {"index": 1, "process": 1}]
        for indent in (None, 2):
            assert [event.index for event in load(tmp_path, json.dumps(events, indent=indent))] == [
                0,
                1,
            ]

    @pytest.mark.parametrize(
        ("text", "message"),
        [
            ('[{"a": 1}\n', 'line 1: "process" must be there, as well as "type" and "f"'),
            ("[%s\n %s]", "line 2: this is not JSON: ] is needed, not {"),
            ("[%s,\n %s", "line 2: this is not JSON: ] is needed, not the end; this is the last"),
            ("[%s,\n %s]\n3", "line 3: this is not JSON: the end is needed, not 3"),
            ("[%s,\n 3]", "line 2: an event is a map, not 3"),
            ("[%s,\n]", "line 2: this is not JSON: Expecting value"),
            ("[%s,\n %s,\n\n NaN]", "line 4: this is not JSON: NaN is not a JSON number"),
            ('[%s, {"value": ' + "[" * 100_000, "line 1: this is not JSON"),
        ],
    )
    def test_a_malformed_array(self, tmp_path: Path, text: str, message: str) -> None:
        first, second = json.dumps(WRITE), json.dumps(WRITE | {"index": 1, "process": 1})
        with pytest.raises(HistoryError) as raised:
            load(tmp_path, text.replace("%s", first, 1).replace("%s", second, 1))
        assert str(raised.value).startswith(message)

    @pytest.mark.parametrize(
        "line",
        [
            '{"index": 1, "time": 5, "proc',
            "[1]",
            "3",
            "{} {}",
            '{"value": NaN}',
            '{"value": ' + "[" * 100_000,
            '{"value": ' + "1" * 10_000 + "}",
        ],
    )
    def test_a_line_that_is_no_json_object(self, tmp_path: Path, line: str) -> None:
        with pytest.raises(HistoryError, match=r"^line 2: (this is not JSON|an event is)"):
            load(tmp_path, f"{json.dumps(WRITE)}\n{line}\n")


class TestEdn:
    def test_maps_with_a_key(self, tmp_path: Path) -> None:
        text = """
            ; a comment
            {:process 0, :type :invoke, :f :append, :key "0", :value "x 0 0 y"}
            {:process 0, :type :ok, :f :append, :key "0", :value "x 0 0 y"}
        """
        assert told(load(tmp_path, text)) == [
            (0, "invoke", "append", "0", "x 0 0 y"),
            (0, "ok", "append", "0", "x 0 0 y"),
        ]

    LIN_KV = (
        "{:type :invoke, :f :read, :value [7 nil], :time 3, :process 0, :index 0}",
        "{:type :info, :f :cut, :value [:one {n1 #{n2 n0}}], :process :nemesis, :time 5, :index 1}",
        "{:type :invoke, :f :cas, :value [7 [0 1]], :time 9, :process 1, :index 2}",
        "{:type :ok, :f :read, :value [7 3], :time 11, :process 0, :index 3}",
        "{:type :fail, :f :cas, :value [7 [0 1]], :time 12, :process 1, :index 4, :error [:no 22]}",
    )
    LIN_KV_EVENTS = (
        Event(0, 3, 0, "invoke", "read", 7, None),
        Event(1, 5, "nemesis", "info", "cut", None, ["one", {"n1": ["n0", "n2"]}]),
        Event(2, 9, 1, "invoke", "cas", 7, [0, 1]),
        Event(3, 11, 0, "ok", "read", 7, 3),
        Event(4, 12, 1, "fail", "cas", 7, [0, 1], ["no", 22]),
    )

    def test_maelstrom(self, tmp_path: Path) -> None:
        assert load(tmp_path, "\n".join(self.LIN_KV)) == list(self.LIN_KV_EVENTS)

    def test_records_and_vectors(self, tmp_path: Path) -> None:
        records = "\n".join(f"#jepsen.history.Op{line}" for line in self.LIN_KV)
        assert load(tmp_path, records) == list(self.LIN_KV_EVENTS)
        assert load(tmp_path, f"[{records}]") == list(self.LIN_KV_EVENTS)

    def test_one_register(self, tmp_path: Path) -> None:
        text = """{:process 0, :type :invoke, :f :cas, :value [1 2]}
                  {:process 1, :type :invoke, :f :read, :value nil}
                  {:process 1, :type :fail, :f :read, :value :timed-out}"""
        events = load(tmp_path, text)
        assert told(events) == [
            (0, "invoke", "cas", None, [1, 2]),
            (1, "invoke", "read", None, None),
            (1, "fail", "read", None, None),
        ]
        assert events[2].error == "timed-out"

    def test_cas_alone_tells_whether_there_are_keys(self, tmp_path: Path) -> None:
        for value, expected in (("[1 2]", (None, [1, 2])), ("[5 [1 2]]", (5, [1, 2]))):
            text = f"{{:process 0, :type :invoke, :f :cas, :value {value}}}"
            (event,) = load(tmp_path, text)
            assert (event.key, event.value) == expected

    def test_a_value_without_key_among_pairs(self, tmp_path: Path) -> None:
        text = """{:process 0, :type :invoke, :f :read, :value [0 nil]}
                  {:process 1, :type :invoke, :f :write, :value 3}"""
        with pytest.raises(HistoryError, match=r"^line 2: \[key value\] is needed.* not 3"):
            load(tmp_path, text)

    @pytest.mark.parametrize(
        ("text", "message"),
        [
            ("{:type :invoke\n :f :read", "line 1: { is never closed"),
            ("{:a 1}\n{:a}", 'line 1: "process" must be'),
            ("\n{:a}", "line 2: a map has a key without a value"),
            ("\n\n{:a ]}", "line 3: { is closed by ]"),
            ("{:a 1x}", "line 1: 1x is not EDN"),
            ('{:a "\\q"}', "line 1: \\q is not an escape in a string"),
            ('{:a "abc}\n', "line 1: this is not EDN"),
            ("{:a #_}", "line 1: } closes nothing"),
            ("[1]", "line 1: an event is a map, not 1"),
            ("[{:process 0, :type :invoke, :f :read}", "line 1: [ is never closed"),
            ("{:a " + "[" * 100_000, "line 1: elements nest deeper than 64"),
            ("{:process 1.5, :type :ok, :f :read}", 'line 1: "process" must be a number'),
            ("{:a " + "9" * 10_000 + "}", "line 1: Exceeds the limit"),
        ],
    )
    def test_malformed(self, tmp_path: Path, text: str, message: str) -> None:
        with pytest.raises(HistoryError) as raised:
            load(tmp_path, text)
        assert str(raised.value).startswith(message)

    @pytest.mark.parametrize(
        ("text", "value"),
        [
            ("nil", None),
            ("[true, false]", [True, False]),
            ("(1 -2 +3 4N 0x1F)", [1, -2, 3, 4, 31]),
            ("[1.0 -2.5e3 1M 2.]", [1.0, -2500.0, 1.0, 2.0]),
            ("[1/3 sym ns/sym -]", ["1/3", "sym", "ns/sym", "-"]),
            ('"a\\n\\"\\\\ \\u00e9 é"', 'a\n"\\ é é'),
            ("[\\a \\newline \\u0041 \\[]", ["a", "\n", "A", "["]),
            ("#{3 1 2}", [1, 2, 3]),
            ("{1 2, :b {nil 3}, [1] 4}", {"1": 2, "b": {"null": 3}, "[1]": 4}),
            ("[\\o101 \\backspace \\formfeed]", ["A", "\b", "\f"]),
            ("[##Inf ##-Inf ##NaN]", ["##Inf", "##-Inf", "##NaN"]),
            ('#:a{:b 1, :c/d 2, e 3, "f" 4}', {"a/b": 1, "c/d": 2, "e": 3, "f": 4}),
            ("[^:m 1 ^{:a 2} [3] #^T x]", [1, [3], "x"]),
            (
                '[#"a\\d" #\'a/b #<Thread 0x1> #object[T 1 "t"]]',
                ['#"a\\d"', "#'a/b", "#<Thread 0x1>", ["T", 1, "t"]],
            ),
            ('#inst "1985"', "1985"),
            ("[1 #_ 2 #_ #_ 3 4 5]", [1, 5]),
            ("#a #b [1]", [1]),
            ("[:a :b/c]", ["a", "b/c"]),
        ],
    )
    def test_elements(self, text: str, value: Any) -> None:
        assert read_form(text) == value
        assert json.dumps(read_form(text)) == json.dumps(value)

    @pytest.mark.parametrize("text", ["", "1 2", "#_ 1", "]", "[1", "\\unknown", ":", "#"])
    def test_no_single_element(self, text: str) -> None:
        with pytest.raises(EdnError):
            read_form(text)

    def test_depth(self) -> None:
        assert read_form("[" * DEPTH_MAX + "]" * DEPTH_MAX)
        for opener in ("[", "#t ", "#_"):
            with pytest.raises(EdnError):
                read_form(opener * 100_000)

    def test_lines(self) -> None:
        assert list(read_records("1\n\n[2 3\n4] #_5\n6")) == [
            (1, 1),
            (3, 2),
            (3, 3),
            (4, 4),
            (5, 6),
        ]


class TestLog:
    def test_one_register(self, tmp_path: Path) -> None:
        text = (
            "INFO  jepsen.core - Running\n"
            "INFO  jepsen.util - 3\t:invoke\t:cas\t[1 2]\n"
            "INFO  jepsen.util - :nemesis\t:info\t:start\tcut [n1 #object[x 0x1]\n"
            "INFO  jepsen.util - 1\t:invoke\t:read\tnil\n"
            "INFO  jepsen.util - 1\t:ok\t:read\t4\r\n"
            "INFO  jepsen.util - 3\t:info\t:cas\t:timed-out\n"
        )
        events = load(tmp_path, text)
        assert told(events) == [
            (3, "invoke", "cas", None, [1, 2]),
            ("nemesis", "info", "start", None, "cut [n1 #object[x 0x1]"),
            (1, "invoke", "read", None, None),
            (1, "ok", "read", None, 4),
            (3, "info", "cas", None, None),
        ]
        assert [event.index for event in events] == [0, 1, 2, 3, 4]
        assert events[4].error == "timed-out"

    def test_history_txt_with_keys(self, tmp_path: Path) -> None:
        text = (
            "0\t:invoke\t:read\t[5 nil]\n"
            "1\t:invoke\t:cas\t[5 [1 2]]\n"
            "1\t:fail\t:cas\t[5 [1 2]]\t[:not-found key does not exist]\n"
            "0\t:ok\t:read\t[5 1]\n"
        )
        events = load(tmp_path, text)
        assert told(events) == [
            (0, "invoke", "read", 5, None),
            (1, "invoke", "cas", 5, [1, 2]),
            (1, "fail", "cas", 5, [1, 2]),
            (0, "ok", "read", 5, 1),
        ]
        assert events[2].error == ["not-found", "key", "does", "not", "exist"]

    @pytest.mark.parametrize(
        "line",
        [
            "INFO  jepsen.util - 3\t:inv",
            "INFO  jepsen.util - 3 :inv",
            "INFO  jepsen.util - 3 :invoke :write 1 2",
            "INFO  jepsen.util - 3\t:invoke\t:write\t[1",
            "INFO  jepsen.util - 3\t:invoke\t:write\t1 2",
            "INFO  jepsen.util - 3\t:done\t:write\t1",
            "INFO  jepsen.util - 2\t:ok\t:write\t1",
            "INFO  jepsen.util - 3",
            "3\t:invo",
        ],
    )
    def test_malformed(self, tmp_path: Path, line: str) -> None:
        with pytest.raises(HistoryError, match=r"^line 2: "):
            load(tmp_path, f"INFO  jepsen.util - 1\t:invoke\t:write\t1\n{line}\n")

    @pytest.mark.parametrize(
        "line",
        [
            "what is this",
            "3 nodes: :n1 :n2 :n3",
            "INFO  jepsen.util - 3 seconds left",
            "INFO  jepsen.core - 0\t:ok\t:read\t9",
            "INFO [2019-01-02 03:04:05,001] node n1 - maelstrom.process 0\t:ok\t:read\t9",
            "2023-01-02 03:04:05,001{GMT}\tINFO\t[n1 stderr] maelstrom.process: 0\t:ok\t:read\t9",
            "\tat jepsen.util$run.invoke(util.clj:3)",
            "{:process 1, :type :ok, :f :write}",
        ],
    )
    def test_a_line_that_is_no_operation(self, tmp_path: Path, line: str) -> None:
        write = "INFO  jepsen.util - 1\t:invoke\t:write\t1"
        events = load(tmp_path, f"{write}\n{line}\nINFO  jepsen.util - 1\t:ok\t:write\t1\n")
        assert told(events) == [
            (1, "invoke", "write", None, 1),
            (1, "ok", "write", None, 1),
        ]

    @pytest.mark.parametrize(
        ("columns", "value", "error"),
        [
            ("", None, None),
            ("\t", None, None),
            (" nil", None, None),
            (" 1 :timeout", 1, "timeout"),
            ("   1    two words", 1, "two words"),
            (' 1\t[:crash "why"]', 1, ["crash", "why"]),
            ("\t[1 2]\tnot: EDN)", [1, 2], "not: EDN)"),
            (" :timed-out", None, "timed-out"),
        ],
    )
    def test_columns(self, tmp_path: Path, columns: str, value: Any, error: Any) -> None:
        text = f"0 :invoke :write 1\n0 :info :write{columns}\n"
        _, event = load(tmp_path, text)
        assert (event.value, event.error) == (value, error)


@pytest.mark.parametrize("text", ["", "\n \n", "[]", "; nothing", "INFO  jepsen.core - Done\n"])
def test_no_event_at_all(tmp_path: Path, text: str) -> None:
    with pytest.raises(HistoryError, match="there are no events in it"):
        load(tmp_path, text)


def test_a_value_that_nests_too_deep(tmp_path: Path) -> None:
    for depth in (500, 900, 990, 5000):
        write = json.dumps(WRITE | {"value": 0}).replace("0}", "[" * depth + "]" * depth + "}")
        try:
            verdict = check(load(tmp_path, write), RegisterModel())
        except HistoryError:
            assert depth > 500
        else:
            assert verdict.valid is True


def test_bytes_that_are_no_text(tmp_path: Path) -> None:
    with pytest.raises(HistoryError, match="line 2: this is not UTF-8"):
        load(tmp_path, b"{}\n\xff\n")


def test_a_history_that_makes_no_sense_is_refused_when_it_is_checked() -> None:
    with pytest.raises(HistoryError, match="invoked write and completes read"):
        check(
            history((0, "invoke", "write", 1), (0, "ok", "read", 1)),
            RegisterModel(),
        )
