"""Words that the glossary has replaced stay gone: in names, messages, help, comments and pages."""

import io
import re
import tokenize
from pathlib import Path

ROOT = Path(__file__).parents[1]
CODE = sorted(
    path
    for folder in ("quickdraw_kit", "tests", "benchmarks", "docs")
    for path in (ROOT / folder).rglob("*.py")
    if path != Path(__file__)
)
PAGES = sorted(
    path
    for path in [
        *ROOT.glob("*.md"),
        *(ROOT / "docs").rglob("*.md"),
        *(ROOT / "data").glob("*.md"),
        *(ROOT / "pipelines").iterdir(),
        *(ROOT / "quickdraw_kit" / "serve" / "static").iterdir(),
    ]
    # the glossary lists the old words, the log of changes tells what they were
    if path.name not in ("glossary.md", "CHANGELOG.md")
)

# parts of names, between underscores
GONE_PARTS = {
    "claim", "dice", "lot", "mend", "mended", "patience_of", "portion", "portions", "room", "rooms",
    "settle", "settled", "stretch", "stretches", "teller", "told",
}  # fmt: skip
# whole names
GONE_NAMES = {
    "about_model", "add_to", "any_word", "as_trained", "BadLine", "build_shard", "Built",
    "check_seen", "Choice", "chosen_epoch", "clip_norm", "collect_unit", "Collected", "COLOURS",
    "compressing", "config_of", "Confusion", "content_md5", "cut_units", "deaths_explained",
    "described", "few", "FEW_LABELS", "find_earlier", "find_sources", "fit_bytes", "fit_to_frame",
    "follows", "found", "groups_of", "held", "home", "in_all", "Intake", "intake", "is_over",
    "is_web", "join_team", "judged", "Kind", "KINDS", "Layout", "LAYOUTS", "leads", "line_blocks",
    "look_at", "made", "max_rejects", "mirrors", "neighbours", "NOWHERE", "ObjectStore",
    "official_lines", "open_run", "open_source", "own", "parse_place", "Part", "Passes",
    "Patience", "persist", "Place", "programs", "Reception", "refusal", "Reliability",
    "RemoteObject", "Rooms", "RunFile", "Selection", "settings_for", "sha256_of", "shard_rows",
    "sniff_kind", "spare_relu", "split_of", "Sums", "sync_directory", "take_up", "Team", "Tell",
    "there", "Unit", "way", "word_of", "words_in", "write_events", "write_refused",
}  # fmt: skip
GONE_TEXT = [
    r"\b(the|this|its|every|each|other) rooms?\b",
    r"\b(a|the|this|each|every|one) (portion|stretch|lot)\b",
    r"\bset(s|ting)? down\b",
    r"\blet(s|ting)? go\b",
    r"\b(not )?to be had\b|\bcan(not)? be had\b",
    r"\btold? apart\b|\btells? .* apart\b",
    r"\bmend(s|ed|ing)?\b",
    r"\banew\b",
    r"\bstrangers?\b",
    r"\bwhoever\b",
    r"(?<![Tt]here )\bis no (?!longer|more|less|need|such|way)\w+",
    r"\bare no (?!longer|more|less)\w+ (file|drawing)s?\b",
    r"\bbears? with\b",
    r"\bsettles?\b",
    r"\brefused else\b",
    r"\bpassed over\b|\bone behind the other\b|\bwork folder\b",
    r"\b(lies|lie) (in|beside)\b",
    r"\bit is said\b|\b(is|are) told (by|from)\b",
    r"\bdrawings? a (second|core)\b|\ba row a\b",
    # American spelling
    r"\b\w*[Cc]olour\w*",
    r"\b\w*(recognis|normalis|initialis|summaris|organis|serialis|generalis|optimis[ea])\w*",
    r"\b([Bb]ehaviour|[Cc]atalogue|[Gg]rey|[Ll]earnt|[Cc]entred?|[Nn]eighbour\w*|[Ll]icence)\b",
]
GONE = re.compile("|".join(GONE_TEXT))


def shown(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def test_names():
    gone = [
        f"{shown(path)}:{token.start[0]}: {token.string}"
        for path in CODE
        for token in tokenize.generate_tokens(io.StringIO(path.read_text("utf-8")).readline)
        if token.type == tokenize.NAME
        and (token.string in GONE_NAMES or GONE_PARTS.intersection(token.string.lower().split("_")))
    ]
    assert not gone


def test_text():
    gone = [
        f"{shown(path)}:{number}: {match[0]!r}"
        for path in CODE + PAGES
        for number, line in enumerate(path.read_text("utf-8").splitlines(), 1)
        if (match := GONE.search(line))
    ]
    assert not gone
