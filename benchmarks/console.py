"""Results as tables on a terminal."""

from rich.console import Console
from rich.table import Table as Grid

from benchmarks.results import Result, Table, Target, Value

_VERDICTS = {True: "met", False: "MISSED", None: "not measured"}
_MOST_COLUMNS = 9
_WHOLE = 1000.0


def show(result: Result, console: Console) -> None:
    """Prints figures, targets and notes."""
    console.rule(f"{result.name}: {result.title}")
    for table in filter(lambda each: each.rows, result.tables):
        show_table(table, console)
    if result.targets:
        console.print(_verdicts(result.targets))
    for note in result.notes:
        console.print(f"- {note}", markup=False, highlight=False)


def show_table(table: Table, console: Console) -> None:
    """Prints the figures of a table."""
    console.print(_grid(table))


def _grid(table: Table) -> Grid:
    """The rows as lines, or as columns where there are many figures."""
    lines = [
        [name.replace("_", " ") for name in table.rows[0]],
        *([_text(value) for value in row.values()] for row in table.rows),
    ]
    if len(lines[0]) > _MOST_COLUMNS:
        lines = [list(line) for line in zip(*lines, strict=True)]
    grid = Grid(title=table.title, title_justify="left")
    for place, name in enumerate(lines[0]):
        grid.add_column(name, justify="right" if place else "left")
    for line in lines[1:]:
        grid.add_row(*line)
    return grid


def _verdicts(targets: list[Target]) -> Grid:
    grid = Grid(title="Targets", title_justify="left")
    for name in ("figure", "wanted", "measured", ""):
        grid.add_column(name)
    for target in targets:
        sign = "<=" if target.at_most else ">="
        grid.add_row(
            target.name,
            f"{sign} {_text(target.wanted)}",
            _text(target.measured),
            _VERDICTS[target.met],
        )
    return grid


def _text(value: Value) -> str:
    match value:
        case None:
            return "-"
        case bool():
            return "yes" if value else "no"
        case float():
            return f"{value:,.0f}" if abs(value) >= _WHOLE else f"{value:,.3g}"
        case int():
            return f"{value:,}"
        case str():
            return value
