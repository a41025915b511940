"""Storage commitment's data sets as bytes: the same as pydicom's, and nothing that a peer sends does harm."""

from __future__ import annotations

from dataclasses import replace
from io import BytesIO
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydicom import Dataset
from pydicom.uid import UID
from pynetdicom import dsutils

from fidac_node.commitment import data_sets
from fidac_node.commitment.transactions import Reference, Report
from fidac_node.dicom.uids import EXPLICIT_VR_BE, EXPLICIT_VR_LE, IMPLICIT_VR_LE

SYNTAXES = [EXPLICIT_VR_LE, IMPLICIT_VR_LE]
CT = "1.2.840.10008.5.1.4.1.1.2"
uids = st.from_regex(r"[12]\.[1-9][0-9]{0,8}(\.[1-9][0-9]{0,8}){1,4}", fullmatch=True)
pairs = st.builds(Reference, uids, uids)
reports = st.builds(
    Report,
    uids,
    st.lists(pairs, max_size=8).map(tuple),
    st.lists(st.tuples(pairs, st.integers(0, 0xFFFF)), max_size=8).map(tuple),
)


def dataset(report: Report) -> Dataset:
    ds = Dataset()
    ds.TransactionUID = report.transaction_uid
    if report.failed:
        ds.FailedSOPSequence = [item(reference, FailureReason=reason) for reference, reason in report.failed]
    if report.committed:
        ds.ReferencedSOPSequence = [item(reference) for reference in report.committed]
    return ds


def item(reference: Reference, **more: Any) -> Dataset:
    ds = Dataset()
    ds.ReferencedSOPClassUID, ds.ReferencedSOPInstanceUID = reference
    for keyword, value in more.items():
        setattr(ds, keyword, value)
    return ds


def encoded(ds: Dataset, syntax: str) -> bytes:
    data = dsutils.encode(ds, UID(syntax).is_implicit_VR, True)
    assert data is not None
    return data


@pytest.mark.parametrize("syntax", SYNTAXES)
def test_the_index_that_answers_is_named_in_a_private_block_that_a_reader_may_leave_out(syntax: str) -> None:
    report = Report("2.25.1", (Reference(CT, "2.25.2"),), (), "5f" * 16)
    data = data_sets.encode(report, syntax)
    assert data_sets.decode(data, syntax) == report
    read = dsutils.decode(BytesIO(data), UID(syntax).is_implicit_VR, True)
    assert read.private_block(0x0F1D, "FIDAC NODE 1")[0x10].value in ("5f" * 16, b"5f" * 16)
    read.remove_private_tags()
    assert encoded(read, syntax) == data_sets.encode(replace(report, generation=""), syntax)


def test_another_creators_element_names_no_index() -> None:
    ds = dataset(Report("2.25.1", (Reference(CT, "2.25.2"),), ()))
    ds.add_new(0x0F1D0010, "LO", "SOMEBODY ELSE")
    ds.add_new(0x0F1D1010, "LO", "5f" * 16)
    assert data_sets.decode(encoded(ds, EXPLICIT_VR_LE), EXPLICIT_VR_LE).generation == ""


@settings(deadline=None, max_examples=50)
@given(report=reports, syntax=st.sampled_from(SYNTAXES))
def test_what_is_encoded_is_what_pydicom_encodes_and_reads_back_the_same(report: Report, syntax: str) -> None:
    data = data_sets.encode(report, syntax)
    assert data == encoded(dataset(report), syntax)
    assert data_sets.decode(data, syntax) == report


@pytest.mark.parametrize("syntax", SYNTAXES)
def test_items_with_more_in_them_or_without_a_reason_are_understood(syntax: str) -> None:
    ds = dataset(Report("2.25.1", (Reference("1.2.3", "1.2.4"),), ((Reference("1.2.3", "1.2.5"), 0x0112),)))
    ds.RetrieveAETitle = "ARCHIVE"
    ds.ReferencedSOPSequence[0].RetrieveAETitle = "ARCHIVE"
    del ds.FailedSOPSequence[0].FailureReason
    ds.ReferencedSOPSequence.is_undefined_length = True
    ds.ReferencedSOPSequence[0].is_undefined_length_sequence_item = True
    report = data_sets.decode(encoded(ds, syntax), syntax)
    assert report == Report("2.25.1", (Reference("1.2.3", "1.2.4"),), ((Reference("1.2.3", "1.2.5"), 0x0110),))


@pytest.mark.parametrize(
    ("report", "words"),
    [
        (Report("", (), ()), "no valid TransactionUID"),
        (Report("2.25.x", (), ()), "no valid TransactionUID"),
        (Report("2.25.1", (Reference("1.2.3", ""),), ()), "no SOP Class or Instance UID"),
        (Report("2.25.1", (), ((Reference("", "1.2.3"), 1),)), "no SOP Class or Instance UID"),
    ],
    ids=["nothing", "no UID", "no instance", "no class"],
)
def test_a_report_that_names_nothing_is_refused(report: Report, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        data_sets.decode(data_sets.encode(report, EXPLICIT_VR_LE), EXPLICIT_VR_LE)


@settings(deadline=None, max_examples=100)
@given(report=reports, syntax=st.sampled_from(SYNTAXES), data=st.data())
def test_a_mutated_report_is_read_or_refused_and_nothing_else(report: Report, syntax: str, data: st.DataObject) -> None:
    encoded_report = bytearray(data_sets.encode(report, syntax))
    for _ in range(data.draw(st.integers(1, 4))):
        encoded_report[data.draw(st.integers(0, len(encoded_report) - 1))] = data.draw(st.integers(0, 255))
    cut = data.draw(st.integers(0, len(encoded_report)))
    try:
        data_sets.decode(bytes(encoded_report[:cut]), syntax)
    except ValueError:
        return


def test_no_other_transfer_syntax_is_used() -> None:
    with pytest.raises(ValueError, match=EXPLICIT_VR_BE):
        data_sets.encode(Report("2.25.1", (), ()), EXPLICIT_VR_BE)


def test_event_information_becomes_a_report() -> None:
    ds = Dataset()
    ds.TransactionUID = "2.25.9"
    ds.ReferencedSOPSequence = [item(Reference(CT, "2.25.1"))]
    ds.FailedSOPSequence = [item(Reference(CT, "2.25.2"), FailureReason=0x0119), item(Reference(CT, "2.25.3"))]
    report = data_sets.decode(encoded(ds, EXPLICIT_VR_LE), EXPLICIT_VR_LE)
    assert report.committed == (Reference(CT, "2.25.1"),)
    assert report.failed == ((Reference(CT, "2.25.2"), 0x0119), (Reference(CT, "2.25.3"), 0x0110)), (
        "no reason is a processing failure"
    )


def test_event_information_without_a_transaction_or_with_a_broken_reference_is_not_understood() -> None:
    with pytest.raises(ValueError, match="TransactionUID"):
        data_sets.decode(b"", EXPLICIT_VR_LE)
    ds = Dataset()
    ds.TransactionUID = "2.25.9"
    ds.ReferencedSOPSequence = [Dataset()]
    with pytest.raises(ValueError, match="Instance UID"):
        data_sets.decode(encoded(ds, EXPLICIT_VR_LE), EXPLICIT_VR_LE)
