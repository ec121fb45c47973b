"""Try a proposal: ingest and pack a sample of its files in a temporary folder, and report what was found."""

from __future__ import annotations

import tempfile
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import pyarrow as pa

from hindcast.pipeline.errors import HindcastError
from hindcast.pipeline.files import read_json
from hindcast.pipeline.inspect.commented_yaml import CommentedYaml
from hindcast.pipeline.inspect.pair_fit import Fit, fit_forecasts, fit_other_values
from hindcast.pipeline.inspect.proposal import NO_TARGET, complete_settings
from hindcast.pipeline.inspect.source_drafts import DraftFile, SourceDraft
from hindcast.pipeline.raw.csv_blocks import decompress
from hindcast.pipeline.raw.ingest import ingest
from hindcast.pipeline.settings.params import Params, check_params
from hindcast.pipeline.store.excluded_texts import warning_texts
from hindcast.pipeline.store.pack import pack
from hindcast.pipeline.tables import QUALITY
from hindcast.pipeline.wording import counted

_MOST_BYTES = 24 << 20  # of all files in the sample
_MOST_FILES = 60  # of each source
_LEAST_BYTES = 64 << 10  # of each file
_MOST_WARNINGS = 12
_MOST_SERIES = 3000  # that are packed: more take longer than the rest of the inspection

Finding = tuple[str, str]
"""What was tried, and what was found."""


@dataclass(frozen=True)
class Trial:
    """`findings` about rows, pairs and steps, and sentences of the quality check, the worst first."""

    findings: tuple[Finding, ...]
    warnings: tuple[str, ...]


def try_proposal(document: CommentedYaml, drafts: Sequence[SourceDraft], root: Path) -> Trial:
    """Ingest and pack a sample of the files below `root` by the settings of a proposal, and ask about pairs that do not fit.

    A forecast that fits the target better than the one that its name suggests is written instead, with a question.
    """
    try:
        return _try(document, drafts, root)
    except OSError as fault:  # no room in the temporary folder, or links are not allowed there
        return Trial((("trial", f"none: {fault.strerror or fault}"),), ())


def _try(document: CommentedYaml, drafts: Sequence[SourceDraft], root: Path) -> Trial:
    params = check_params(complete_settings(document.text), "the proposal")
    with tempfile.TemporaryDirectory(prefix="hindcast-inspect-") as name:
        workspace = Path(name)
        part = _link_sample(drafts, root, workspace / "raw")
        if part is None:
            return Trial((("trial", "none: the files are too large to try a part of them"),), ())
        tried = _in_workspace(params, workspace)
        try:
            report = ingest(tried, workspace)
        except HindcastError as fault:
            return Trial((("ingest", f"would stop: {_text_of(fault)}"),), ())
        findings = [*_rows_read(report, part)]
        quality = read_json(workspace / QUALITY).get("warnings", [])
        if NO_TARGET not in params.raw.sources:
            fits = fit_forecasts(tried, workspace)
            _settle_pair(document, params, fits)
            findings += [line for fit in fits for line in _about_fit(params.align.target[0], fit)]
            if not any(fit.fits for fit in fits):
                findings += _ask_about_target(document, params, fit_other_values(tried, workspace))
            again = check_params(complete_settings(document.text), "the proposal")
            if len(frozenset().union(*(draft.series for draft in drafts))) > _MOST_SERIES:
                findings.append(("pack", f"not tried with more than {_MOST_SERIES:,} series"))
            else:
                findings += _try_to_pack(_in_workspace(again, workspace), workspace)
    return Trial(tuple(findings), tuple(quality[:_MOST_WARNINGS]))


def _in_workspace(params: Params, workspace: Path) -> Params:
    """Return the settings for the sample, which accept bad rows, so that they can be counted."""
    sources = {name: source for name, source in params.raw.sources.items() if name != NO_TARGET}
    changed = {"path": str(workspace / "raw"), "max_bad_fraction": 1.0, "sources": sources}
    return params.model_copy(update={"raw": params.raw.model_copy(update=changed)})


def _link_sample(drafts: Sequence[SourceDraft], root: Path, folder: Path) -> float | None:
    """Put files, or the beginnings of large ones, below `folder`; return the share of all bytes; None if not possible."""
    start = max(min(file.span[0] for file in draft.files) for draft in drafts)
    chosen = {path for draft in drafts for path in _choose_files(draft.files, start)}
    everything = {path for draft in drafts for path in draft.paths}
    limit = max(_LEAST_BYTES, _MOST_BYTES // len(chosen))
    taken = 0
    for path in sorted(chosen):
        source, copy = root / path, folder / path
        copy.parent.mkdir(parents=True, exist_ok=True)
        if not _put(source, copy, limit):
            return None
        taken += min(source.stat().st_size, copy.stat().st_size)
    return taken / max(sum((root / path).stat().st_size for path in everything), 1)


def _choose_files(files: Sequence[DraftFile], start: int) -> list[str]:
    """Return the paths of the first files that reach past `start`, so that those of all sources hold the same time."""
    later = sorted((file for file in files if file.span[1] >= start), key=lambda file: (file.span, file.path))
    return [file.path for file in (later or list(files))[:_MOST_FILES]]


def _put(source: Path, copy: Path, limit: int) -> bool:
    """Put a file, or its first lines if it has more than `limit` bytes of text, at `copy`; return False if it has no lines."""
    if source.suffix.lower() == ".parquet":
        if source.stat().st_size > limit:
            return False
        copy.symlink_to(source.absolute())
        return True
    with source.open("rb", buffering=0) as file, decompress(file, source) as stream:
        data = _read_at_most(stream, limit + 1)
    if len(data) <= limit:
        copy.symlink_to(source.absolute())
        return True
    end = data.rfind(b"\n", 0, limit) + 1
    if not end or b"\0" in data[:64]:
        return False
    _write_compressed(copy, data[:end])
    return True


def _read_at_most(stream: BinaryIO, size: int) -> bytes:
    """Read `size` bytes, fewer only at the end: a stream may return less than requested at a time."""
    data = bytearray()
    while len(data) < size and (part := stream.read(size - len(data))):
        data += part
    return bytes(data)


def _write_compressed(path: Path, data: bytes) -> None:
    """Write a file that is compressed as its suffix says."""
    suffix = path.suffix.lower()
    if suffix == ".zip":
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr(path.stem, data)
    else:
        with pa.output_stream(str(path), compression={".gz": "gzip", ".zst": "zstd"}.get(suffix)) as stream:
            stream.write(data)


def _rows_read(report: dict[str, Any], share: float) -> Iterator[Finding]:
    yield "sample", "all files" if share >= 1 else f"{share:.1%} of the bytes"
    for name, entry in report["sources"].items():
        read, stored = entry["rows_read"], entry["rows_stored"]
        bad, folded = entry["rows_quarantined"], entry["rows_folded"]
        text = f"{counted(read, 'row')} read, {stored:,} stored"
        text += f", {bad:,} in quarantine" if bad else ""
        yield f"ingest: {name}", text + (f", {folded:,} equal to others" if folded else "")


def _settle_pair(document: CommentedYaml, params: Params, fits: Sequence[Fit]) -> None:
    """Write the forecast that fits the target, if none is named or another one is clearly better, and ask about it."""
    target = params.align.target[0]
    if _ask_about_units(document, params, fits):
        return
    fits = [fit for fit in fits if fit.factor == 1]
    named = next((fit for fit in fits if fit.forecast == _plain(params.align.published.get(target))), None)
    best = fits[0] if fits else None
    if best is None:
        return
    chosen, questions, note = named, list[str](), ""
    if named is None and (best.fits or best.fits_if_shifted):
        chosen = best
        note = f"{best.forecast} differs from {target} by {best.errors[0]:.4g} on average (a constant: {best.constant:.4g})"
        if len(params.raw.sources_of("forecast")) > 1 or len(fits) > 1 or not _is_only_value(params, target):
            questions, note = [f"{note}: is it its published forecast?"], ""
    elif named is not None and best is not named and best.beats(named):
        chosen = best
        questions.append(
            f"the names suggest the forecast {named.forecast}, but {best.forecast} fits better (error "
            f"{best.errors[0]:.4g} instead of {named.errors[0]:.4g}): which one is it?"
        )
    if chosen is not None and chosen.better_shift is not None:
        shift = chosen.better_shift
        later = "later" if shift > 0 else "earlier"
        questions.append(
            f"{chosen.forecast} fits {target} better if shifted one step {later} (error {chosen.errors[shift]:.4g} "
            f"instead of {chosen.errors[0]:.4g}): is a label (start or end of the step) or a zone wrong?"
        )
    if chosen is not None and (questions or note):
        document.top.section("align").add("published", {target: chosen.forecast}, ask=questions, note=note)
    if chosen is not None and chosen.fits:
        _settle_roles(document, params, target)


def _is_only_value(params: Params, target: str) -> bool:
    """Return whether nothing else is measured and only one value is forecast."""
    values = [(source.role, value) for source in params.raw.sources.values() for value in source.values]
    return {value for role, value in values if role == "realized"} == {target} and [
        role for role, _ in values
    ].count("forecast") == 1


def _settle_roles(document: CommentedYaml, params: Params, target: str) -> None:
    """Ask no more whether the target is measured, since forecasts predict it."""
    for name, source in params.raw.sources.items():
        if source.role == "realized" and target in source.values:
            document.top.section("raw").section("sources").section(name).add("role", "realized")


def _ask_about_units(document: CommentedYaml, params: Params, fits: Sequence[Fit]) -> bool:
    """Ask about a forecast that fits the target in another unit, and write no pair; return whether there is one."""
    target = params.align.target[0]
    named = _plain(params.align.published.get(target))
    scaled = [fit for fit in fits if fit.factor != 1 and fit.fits]
    plain = any(fit.factor == 1 and fit.fits for fit in fits)
    if not scaled or (plain and scaled[0].forecast != named):
        return False
    fit = next((fit for fit in scaled if fit.forecast == named), scaled[0])
    units = {
        name: value.unit
        for role in ("forecast", "realized")
        for name, value in params.raw.values_of(role).items()
    }
    written = [f"{name} in {units[name]}" for name in (target, fit.forecast) if units.get(name)]
    question = (
        f"{fit.forecast} fits {target} if multiplied by {fit.factor:g} (error {fit.errors[0]:.4g}; a constant: {fit.constant:.4g})"
        f"{', with ' + ' and '.join(written) if written else ''}: are the units different, such as kW and MW? Nothing is "
        f"converted, so convert the values of one of them before you write `published: {{{target}: {fit.forecast}}}`"
    )
    document.top.section("align").add("published", {}, ask=[question])
    return True


def _ask_about_target(
    document: CommentedYaml, params: Params, others: Mapping[str, Fit]
) -> Iterator[Finding]:
    """Ask whether a measured value with a forecast that fits is the target, if no forecast fits the target."""
    target = params.align.target[0]
    if others:
        pairs = ", ".join(f"{name} ({fit.forecast})" for name, fit in others.items())
        question = f"no forecast fits {target}, but there are forecasts that fit {pairs}: is the target one of these?"
        document.top.section("align").ask_at("target", question)
    for name, fit in others.items():
        yield from _about_fit(name, fit)


def _plain(published: object) -> str | None:
    return None if published is None else str(published).rpartition(".")[2]


def _about_fit(target: str, fit: Fit) -> Iterator[Finding]:
    errors = ", ".join(
        f"shifted by {shift:+d} step: {fit.errors[shift]:.4g}" if shift else f"unshifted: {fit.errors[0]:.4g}"
        for shift in fit.errors
    )
    constant = f"a constant for each series instead of the forecast: {fit.constant:.4g}"
    scaled = f"multiplied by {fit.factor:g}, since the units seem to differ: " if fit.factor != 1 else ""
    found = f"{scaled}mean error {errors} ({constant}); {fit.share:.1%} of the steps have a forecast"
    yield f"{fit.forecast} and {target}", f"{found}, the fewest in {fit.least[0]} ({fit.least[1]:.1%})"


def _try_to_pack(params: Params, workspace: Path) -> Iterator[Finding]:
    try:
        report = pack(params, workspace)
    except HindcastError as fault:
        yield "pack", f"would stop: {_text_of(fault)}"
        return
    yield (
        "pack",
        f"{counted(report['series'], 'series')}, {counted(report['steps'], 'step')} in {counted(report['sequences'], 'sequence')}",
    )
    for source, share in report["coverage"].items():
        if share is not None:
            yield f"pack: {source}", f"{share:.1%} of the steps have a vintage known at their origin"
    for text in warning_texts(report):
        yield "pack", text


def _text_of(fault: HindcastError) -> str:
    return " ".join([fault.summary, *fault.faults[:2]])
