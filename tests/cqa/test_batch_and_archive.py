"""The Batch API with its answers in any order and a kill between; the archive of answers; structured output; provenance."""

from __future__ import annotations

import json
import re
from collections import Counter
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from esi.cqa.write import batch_api
from esi.cqa.write.answer_archive import SCHEMA, export_answers, import_answers
from esi.cqa.write.answer_cache import AnswerCache
from esi.cqa.write.conversation import Conversation
from esi.cqa.write.describe import write_all, writer_of
from esi.cqa.write.description import description_table
from esi.cqa.write.openai_writer import OpenAIWriter
from esi.cqa.write.provenance import provenance_table
from esi.errors import EsiError
from esi.files import file_hash, write_table
from tests.cqa.fake_openai import completion, fake_openai
from tests.cqa.test_openai_writer import STATEMENTS, answer_to, asked_about, question, settings

QUESTIONS = [question(name) for name in STATEMENTS]


class BatchServer:
    """Files and batches in memory; the answers come in the reverse order, and a batch is done at its second look."""

    def __init__(self) -> None:
        self.files: dict[str, str] = {}
        self.batches: dict[str, dict[str, Any]] = {}
        self.asked: Counter[str] = Counter()
        self.killed = False  # after a batch is taken, every look at it fails

    def __call__(self, path: str, body: Any) -> tuple[int, dict[str, str], Any]:
        path = path.removeprefix("/v1").split("?")[0]
        if path == "/chat/completions":
            self.asked[f"one by one: {asked_about(body)}"] += 1
            return completion(answer_to(body))
        if path == "/files":
            name = f"file-{len(self.files)}"
            self.files[name] = "\n".join(re.findall(r'^\{"custom_id.*$', body.decode(), re.MULTILINE))
            return 200, {}, {"id": name, "object": "file", "bytes": 1, "created_at": 0, "filename": "x", "purpose": "batch"}
        if path.startswith("/files/"):
            return 200, {"Content-Type": "application/octet-stream"}, self.files[path.split("/")[2]].encode()
        if path == "/batches" and body is not None:
            return 200, {}, self._take(body)
        if path == "/batches":
            return 200, {}, {"object": "list", "data": list(self.batches.values()), "has_more": False}
        if self.killed:
            return 401, {}, {"error": {"message": "killed"}}
        batch = self.batches[path.split("/")[2]]
        batch["status"] = "completed"
        return 200, {}, batch

    def _take(self, body: dict[str, Any]) -> dict[str, Any]:
        lines = []
        for line in reversed(self.files[body["input_file_id"]].splitlines()):
            request = json.loads(line)
            name = asked_about(request["body"])
            self.asked[name] += 1
            text = (
                "Too short."
                if name == STATEMENTS[2] and len(request["body"]["messages"]) == 2
                else answer_to(request["body"])
            )
            status, _, content = completion(text)
            if name == STATEMENTS[5]:
                status, content = 500, {"error": {"message": "lost"}}
            lines.append(
                json.dumps({"custom_id": request["custom_id"], "response": {"status_code": status, "body": content}})
            )
        name = f"batch-{len(self.batches)}"
        self.files[f"out-{name}"] = "\n".join(lines)
        self.batches[name] = {
            "id": name,
            "object": "batch",
            "endpoint": body["endpoint"],
            "completion_window": "24h",
            "created_at": 0,
            "input_file_id": body["input_file_id"],
            "metadata": body["metadata"],
            "status": "in_progress",
            "output_file_id": f"out-{name}",
        }
        return self.batches[name]


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batch_api, "POLL_S", 0.01)


@pytest.mark.usefixtures("own_cache")
def test_a_batch_answers_what_it_can_and_the_rest_is_asked_one_by_one() -> None:
    reply = BatchServer()
    with fake_openai(reply) as server:
        writer = writer_of(settings(server.base_url, batch=True))
        assert isinstance(writer, OpenAIWriter)
        described = write_all(QUESTIONS, writer)
        sent = dict(reply.asked)
        write_all(QUESTIONS, writer_of(settings(server.base_url, batch=True)))
    for name, answer in described.items():
        assert answer.text == f"The ECG of {name} shows a wide QRS complex and a tall R wave in V1."
    assert described[STATEMENTS[2]].rejections == ("It had fewer than 8 words.",)
    assert sent == dict(reply.asked)
    assert {name: times for name, times in sent.items() if times != 1} == {STATEMENTS[2]: 2, STATEMENTS[5]: 3}
    assert sent[f"one by one: {STATEMENTS[5]}"] == 1
    assert writer.endpoint.ledger.spent.total == 18 * (len(STATEMENTS) + 1)


@pytest.mark.usefixtures("own_cache")
def test_a_killed_run_finds_its_batch_again() -> None:
    reply = BatchServer()
    with fake_openai(reply) as server:
        changed = settings(server.base_url, batch=True)
        reply.killed = True
        with pytest.raises(EsiError, match="the next run fetches it"):
            write_all(QUESTIONS, writer_of(changed))
        reply.killed = False
        described = write_all(QUESTIONS, writer_of(changed))
    assert set(described) == set(STATEMENTS)
    assert all(reply.asked[name] == 1 for name in STATEMENTS if name not in (STATEMENTS[2], STATEMENTS[5]))


@pytest.mark.parametrize("damage", ["", "null", "half", "[1]", "another server"])
def test_a_batch_whose_record_is_damaged_is_still_found(
    own_cache: Path, damage: str, capfd: pytest.CaptureFixture[str]
) -> None:
    """It was paid for; the record is set aside, and the server knows the batch by name."""
    reply = BatchServer()
    with fake_openai(reply) as server:
        changed = settings(server.base_url, batch=True)
        reply.killed = True
        with pytest.raises(EsiError, match="the next run fetches it"):
            write_all(QUESTIONS, writer_of(changed))
        reply.killed = False
        (record,) = (own_cache / "batches").glob("*.json")
        text = record.read_text()
        texts = {"half": text[: len(text) // 2], "another server": text.replace(server.base_url, "http://other", 1)}
        record.write_text(texts.get(damage, damage))
        described = write_all(QUESTIONS, writer_of(changed))
    assert set(described) == set(STATEMENTS)
    assert all(reply.asked[name] == 1 for name in STATEMENTS if name not in (STATEMENTS[2], STATEMENTS[5]))
    assert f"{record} is damaged" in capfd.readouterr().err
    assert len(list((own_cache / "batches/damaged").iterdir())) == 1


@pytest.mark.usefixtures("own_cache")
def test_an_endpoint_without_batches_is_one_sentence() -> None:
    with (
        fake_openai(lambda path, body: (404, {}, {"error": {"message": "no such path"}})) as server,
        pytest.raises(EsiError, match=r"no such path.*: set describe.batch to false"),
    ):
        write_all(QUESTIONS, writer_of(settings(server.base_url, batch=True)))


def test_others_reproduce_the_descriptions_from_the_archive_without_a_key(
    tmp_path: Path, own_cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    archive = tmp_path / "answers.parquet"
    with fake_openai(lambda path, body: completion(answer_to(body))) as server:
        changed = settings(server.base_url)
        described = write_all(QUESTIONS, writer_of(changed))
        write_all([question("not used any more")], writer_of(changed))
    rows = [(each, described[each.statement]) for each in QUESTIONS]
    provenance = provenance_table(rows, changed.model)
    assert export_answers(provenance, AnswerCache(own_cache / "answers"), archive) == len(STATEMENTS)
    first = file_hash(archive)
    export_answers(provenance, AnswerCache(own_cache / "answers"), archive)
    assert file_hash(archive) == first
    monkeypatch.setenv("DVC_ROOT", str(tmp_path / "colleague"))
    theirs = AnswerCache(tmp_path / "colleague" / ".cache" / "answers")
    assert import_answers(archive, theirs) == (len(STATEMENTS), 0)
    assert import_answers(archive, theirs) == (0, len(STATEMENTS))
    again = write_all(QUESTIONS, writer_of(changed))  # the server is gone
    assert description_table((each, again[each.statement]) for each in QUESTIONS).equals(description_table(rows))
    assert provenance_table([(each, again[each.statement]) for each in QUESTIONS], changed.model).equals(provenance)


def test_an_archive_with_a_wrong_row_is_refused_whole(tmp_path: Path, own_cache: Path) -> None:
    archive = tmp_path / "answers.parquet"
    rows = [{"key": "0" * 64, "request": '{"a": 1}', "answer": "{}"}]
    write_table(archive, pa.Table.from_pylist(rows, SCHEMA))
    with pytest.raises(EsiError, match="is not the answer to its request"):
        import_answers(archive, AnswerCache(own_cache))
    with pytest.raises(EsiError, match="is not there: dvc pull it"):
        import_answers(tmp_path / "absent.parquet", AnswerCache(own_cache))


@pytest.mark.usefixtures("own_cache")
def test_provenance_has_a_row_for_every_request() -> None:
    bad = "The patient is a 65-year-old man with a wide QRS complex in V1."
    with fake_openai(lambda path, body: completion(answer_to(body) if len(body["messages"]) > 2 else bad)) as server:
        changed = settings(server.base_url)
        described = write_all(QUESTIONS[:2], writer_of(changed))
    table = provenance_table([(each, described[each.statement]) for each in QUESTIONS[:2]], changed.model).to_pylist()
    assert [(row["statement"], row["attempt"]) for row in table] == [(name, n) for name in STATEMENTS[:2] for n in (1, 2)]
    assert [row["rejection"] is None for row in table] == [False, True] * 2
    assert table[0]["passages"] == [{"chunk_id": "id", "book": "secret-path.md", "heading": STATEMENTS[0], "page": 7}]
    assert all(row["answered_at"].endswith("+00:00") and row["answering_model"] == "m" for row in table)


@pytest.mark.usefixtures("own_cache")
def test_structured_answers_are_asked_for_by_schema_and_read() -> None:
    def reply(path: str, body: dict[str, Any]) -> tuple[int, dict[str, str], Any]:
        text = json.dumps({"description": answer_to(body)})
        return completion(text if len(body["messages"]) > 2 or asked_about(body) != STATEMENTS[1] else text[:-3])

    with fake_openai(reply) as server:
        described = write_all(QUESTIONS[:3], writer_of(settings(server.base_url, structured=True)))
        assert all(body["response_format"]["type"] == "json_schema" for _, _, body in server.requests)
        assert len(server.requests) == 4
    assert described[STATEMENTS[1]].rejections == ('It was not a JSON object {"description": "..."}.',)
    assert described[STATEMENTS[0]].text == f"The ECG of {STATEMENTS[0]} shows a wide QRS complex and a tall R wave in V1."


def test_the_system_prompt_is_sent_and_is_part_of_the_request() -> None:
    plain = Conversation(QUESTIONS[0], settings(None)).request
    other = Conversation(QUESTIONS[0], settings(None, system_prompt="Answer in German.")).request
    assert plain is not None
    assert other is not None
    assert other["messages"][0] == {"role": "system", "content": "Answer in German."}
    assert plain["messages"][1:] == other["messages"][1:]
