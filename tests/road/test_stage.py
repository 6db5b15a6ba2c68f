"""A run's folder: written whole, read by anybody, trusted only where it is one's own."""

import numpy as np
import pandas as pd
import pytest

from kjnb.errors import StageError
from kjnb.model.partition import partition
from kjnb.stage import parts
from kjnb.stage.folder import Stage
from kjnb.worker.layout import Layout
from tests.road.stages import frame, put, work


def someone_elses(stage):
    """The run as another user sees it."""
    return Stage(stage.root, uid=stage.uid + 1)


def test_there_is_no_run_until_it_is_whole(tmp_path):
    stage = Stage.at(tmp_path / "run")
    assert not stage.exists()
    with pytest.raises(StageError, match="no run lies here"):
        stage.facts()
    put(stage.root, "1", fingerprint="f")
    assert stage.exists()
    assert stage.facts()["fingerprint"] == "f"
    assert stage.facts()["versions"]["pandas"] == pd.__version__


def test_no_file_beside_is_left(tmp_path):
    stage = put(tmp_path / "run", "1")
    assert list(stage.root.rglob(".*")) == []


def test_parts_that_are_there_are_not_written_again(tmp_path):
    stage = put(tmp_path / "run", "1", partition(frame(), 3))
    written = Layout(stage.root).parts
    first = written.stat().st_ino
    put(stage.root, "2", partition(frame(), 3))
    assert written.stat().st_ino == first
    put(stage.root, "2", partition(frame(), 4))
    second = written.stat().st_ino
    assert second != first
    put(stage.root, "2", partition(frame().assign(n=1), 4))
    assert written.stat().st_ino != second
    assert stage.part(0).n.tolist() == [1, 1, 1]


def test_a_run_that_is_run_again_has_its_parts_from_the_one_set_aside(tmp_path):
    data = partition(frame().assign(sets=[{n} for n in range(12)]), 3)
    stage = put(tmp_path / "run", "1", data)
    first = Layout(stage.root).parts.stat().st_ino
    aside = stage.set_aside()
    put(stage.root, "2", data)
    assert Layout(stage.root).parts.stat().st_ino == first
    Stage.at(aside).delete()
    assert stage.part(2).equals(data[2])
    assert stage.index_table()["rows"].tolist() == [4, 4, 4]
    stage.set_aside()
    put(stage.root, "2", partition(frame(), 3))
    assert Layout(stage.root).parts.stat().st_ino != first
    assert stage.part(2).equals(frame().iloc[8:])


def test_bytes_behind_a_missing_value_do_not_make_other_parts(tmp_path):
    def digest(behind):
        values = np.array([1, 2, behind, 4])
        column = pd.arrays.IntegerArray(values, np.array([False, False, True, False]))
        return parts.digest(partition(pd.DataFrame({"n": column}), 2))

    assert digest(7) == digest(8)
    assert digest(7) != parts.digest(partition(pd.DataFrame({"n": pd.array([1, 2, 7, None], "Int64")}), 2))


def test_index_table_and_task_come_from_the_stage(tmp_path):
    stage = put(tmp_path / "run", "part.n.sum() * k", partition(frame(), by="k"), namespace={"k": 3})
    pd.testing.assert_frame_equal(stage.index_table(), partition(frame(), by="k").table())
    task = Stage.at(stage.root).task()
    assert (task.source, task.kind, task.carries) == ("part.n.sum() * k\n", "cell", (("k", "int", 5),))
    assert task.call_locally(stage.part(1), 1, 3) == partition(frame(), by="k")[1].n.sum() * 3


def test_labels_are_keys_or_indexes(tmp_path):
    stage = put(tmp_path / "a", "int(part.n.sum())", partition(frame(), by="k"))
    assert [work(stage, i, tmp_path / "pod")[0] for i in (0, 2)] == [0, 0]
    expected = pd.Series([18, 26], index=pd.Index(["a", "c"], name="k"))
    pd.testing.assert_series_equal(stage.collect(), expected)
    stage = put(tmp_path / "b", "int(part.n.sum())", partition(frame(), 3))
    assert work(stage, 2, tmp_path / "pod")[0] == 0
    pd.testing.assert_series_equal(stage.collect(), pd.Series([38], index=pd.Index([2], name="index")))


def test_several_key_columns_are_a_multi_index(tmp_path):
    stage = put(tmp_path / "a", "{'rows': len(part)}", partition(frame().assign(y=[1, 2] * 6), by=["k", "y"]))
    for index in range(6):
        assert work(stage, index, tmp_path / "pod")[0] == 0
    assert stage.collect().index.names == ["k", "y"]
    assert stage.collect().loc[("b", 2), "rows"] == 2


def test_records_are_segments_that_stay(tmp_path):
    stage = put(tmp_path / "run", "1")
    stage.record("w", 0, [{"a": "x\ny"}, {"a": 2}])
    stage.record("w", 1, [{"a": 3}])
    assert stage.records() == [{"a": "x\ny"}, {"a": 2}, {"a": 3}]


def test_the_accounts_of_some_indexes_are_read_without_the_others(tmp_path):
    stage = put(tmp_path / "run", "1")
    names = Layout(stage.root)
    names.account(1, "b").write_text('{"index": 1, "attempt": "b", "start": 1.0}')
    names.account(0, "a").mkdir()  # whoever reads this one fails
    assert [a["attempt"] for a in stage.attempts(lambda index: index == 1)] == ["b"]


def test_what_a_power_loss_tore_does_not_hide_the_rest(tmp_path):
    stage = put(tmp_path / "run", "1")
    names = Layout(stage.root)
    names.account(0, "a").write_text('{"index": 0, "att')
    names.account(1, "b").write_text('{"index": 1, "attempt": "b", "start": 1.0}')
    names.account(2, "c").write_text("")
    names.record("w", 0).write_text('{"fact": "pod"}\n{"fact"')
    assert [a["attempt"] for a in stage.attempts()] == ["b"]
    assert stage.attempt(0, "a") is None
    assert stage.records() == [{"fact": "pod"}]


def test_logs(tmp_path):
    stage = put(tmp_path / "run", "1")
    assert stage.log(0, "u") is None
    stage.save_log(0, "u", b"\xff\0")
    assert stage.log(0, "u") == b"\xff\0"
    assert stage.attempt(0, "u") is None


def test_set_aside_loses_nothing(tmp_path):
    stage = put(tmp_path / "run", "1")
    assert stage.set_aside() == tmp_path / "run~1"
    assert not stage.exists()
    assert stage.set_aside() is None
    put(tmp_path / "run", "2")
    assert stage.set_aside() == tmp_path / "run~2"
    assert Stage.at(tmp_path / "run~1").task().source == "1\n"


def test_delete_says_what_went(tmp_path):
    stage = put(tmp_path / "run", "'abc'")
    for index in range(2):
        work(stage, index, tmp_path / "pod")
    assert stage.delete() == (2, 10)
    assert not stage.root.exists()


def test_a_missing_result_is_an_error_with_a_next_step(tmp_path):
    with pytest.raises(StageError, match=r"index 1 has no result[\s\S]*run\.failures"):
        put(tmp_path / "run", "1").result(1)


def test_an_unwritable_place_is_a_stage_error(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(StageError, match=r"cannot be written[\s\S]*permissions"):
        put(tmp_path / "file" / "run", "1")


def test_another_user_s_pickles_are_loaded_only_when_told(tmp_path):
    stage = put(tmp_path / "run", "{1, 2} if index else 5")
    for index in range(2):
        work(stage, index, tmp_path / "pod")
    assert stage.result(1) == {1, 2}
    stage = someone_elses(stage)
    assert stage.result(0) == 5
    for read in (lambda: stage.result(1), stage.collect, stage.task):
        with pytest.raises(StageError, match=r"pickled[\s\S]*trust=True"):
            read()
    assert stage.result(1, trust=True) == {1, 2}
    assert stage.task(trust=True).source
    pd.testing.assert_frame_equal(stage.part(0), partition(frame(), 3)[0])


def test_another_user_s_parts_with_pickled_columns_need_trust(tmp_path):
    stage = put(tmp_path / "run", "1", partition(pd.DataFrame({"x": [{1}, {2}]}), 2))
    stage = someone_elses(stage)
    with pytest.raises(StageError, match="trust=True"):
        stage.part(1)
    assert stage.part(1, trust=True).x.tolist() == [{2}]


def test_another_user_s_keys_that_are_pickled_need_trust(tmp_path):
    months = pd.DataFrame({"month": pd.period_range("2013-01", periods=2, freq="M"), "n": [1, 2]})
    stage = put(tmp_path / "run", "int(part.n.sum())", partition(months, by="month"))
    for index in range(2):
        assert work(stage, index, tmp_path / "pod")[0] == 0
    stage = someone_elses(stage)
    for read in (stage.collect, stage.index_table):
        with pytest.raises(StageError, match="trust=True"):
            read()
        assert len(read(trust=True)) == 2
    assert stage.collect(trust=True).to_dict() == {pd.Period("2013-01"): 1, pd.Period("2013-02"): 2}
