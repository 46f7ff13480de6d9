"""All targets by name."""

from __future__ import annotations

from tests.fuzz import (
    builds,
    checkers,
    code,
    config,
    growth,
    models,
    pairs,
    problems,
    replies,
    reports,
    responses,
    runs,
    teachers,
    templates,
    writing,
)
from tests.fuzz.target import Target

TARGETS: dict[str, Target] = {
    target.name: target
    for target in (
        *(config.TARGET, problems.TARGET, *runs.TARGETS, *builds.TARGETS, *pairs.TARGETS),
        *(
            replies.TARGET,
            replies.COMPLETIONS,
            responses.TARGET,
            checkers.TARGET,
            checkers.JUDGES,
            checkers.RATINGS,
            code.TARGET,
        ),
        *(*writing.TARGETS, templates.TARGET, growth.TARGET),
        *(models.TARGET, teachers.TARGET, reports.TARGET),
    )
}
