"""Ratings and reviews as lines: the average with a bar for each star, then who said what."""

from donkeytui.charts import bar
from donkeytui.cli.output import Output, cell_width, padded, styled
from registry_server.contract.foreign import clean
from registry_server.contract.review_wire import Rating, RatingPage
from registry_server.contract.routes import REVIEW_MAX

BAR_WIDTH = 24
INDENT = "    "


def print_reviews(output: Output, name: str, page: RatingPage, *, number: int) -> None:
    """On a terminal wrapped to its width; in a pipe a record for each review."""
    if not output.is_terminal:
        for rating in page.ratings:
            day = f"{rating.updated_at:%Y-%m-%d}"
            hidden = f"hidden: {rating.hidden}" if rating.hidden else ""
            output.record(
                rating.author, rating.rating, day, rating.helpful, hidden or rating.review, rating.reply
            )
        return
    _print_average(output, name, page)
    for rating in page.ratings:
        _print_review(output, rating)
    if page.has_more:
        output.say(f"--page {number + 1} shows more")


def can_draw(output: Output) -> bool:
    """Whether the output takes blocks and stars, or only ASCII."""
    try:
        "★☆▁█┤└─".encode(output.streams.stdout.encoding or "utf-8")
    except (LookupError, UnicodeEncodeError):
        return False
    return True


def stars_text(stars: int, *, is_ascii: bool) -> str:
    shown = min(max(stars, 0), 5)
    return f"{shown}/5" if is_ascii else "★" * shown + "☆" * (5 - shown)


def wrapped(text: str, width: int) -> list[str]:
    """Foreign text as lines of at most `width` cells; its own line breaks stay, long words are cut apart."""
    lines: list[str] = []
    for paragraph in clean(text, REVIEW_MAX, multiline=True).split("\n"):
        line = ""
        for word in _pieces(paragraph, width):
            if line and cell_width(line) + 1 + cell_width(word) > width:
                lines.append(line)
                line = word
            else:
                line = f"{line} {word}" if line else word
        lines.append(line)
    return lines


def _print_average(output: Output, name: str, page: RatingPage) -> None:
    if not page.count:
        output.line(styled(name, "bold"), "  no ratings yet")
        output.say(styled("hint:", "cyan"), f" donkeytui rate {name} 5")
        return
    many = f"{page.count:,} rating{'' if page.count == 1 else 's'}"
    output.line(styled(name, "bold"), f"  {page.average:.1f} of 5, {many}")
    is_ascii = not can_draw(output)
    counts = (*page.stars, 0, 0, 0, 0, 0)[:5]
    most, sign = max(counts), "*" if is_ascii else "★"
    for stars, count in reversed(list(enumerate(counts, start=1))):
        drawn = bar(count, most, width=BAR_WIDTH, is_ascii=is_ascii)
        output.line(f"  {stars} {sign} ", styled(padded(drawn, BAR_WIDTH), "yellow"), f" {count:,}")


def _print_review(output: Output, rating: Rating) -> None:
    stars = stars_text(rating.rating, is_ascii=not can_draw(output))
    helpful = f", {rating.helpful:,} found it helpful" if rating.helpful > 0 else ""
    output.line("")
    output.line(
        styled(stars, "yellow"),
        "  ",
        styled(rating.author, "bold"),
        styled(f"  {rating.updated_at:%Y-%m-%d}{helpful}", "dim"),
    )
    if rating.hidden:
        output.line(INDENT, styled(f"hidden by an admin: {rating.hidden}", "dim"))
    _print_indented(output, rating.review, INDENT)
    if rating.reply:
        output.line(INDENT, styled(f"{rating.replied_by or 'an owner'} answers:", "dim"))
        _print_indented(output, rating.reply, INDENT * 2)


def _print_indented(output: Output, text: str, indent: str) -> None:
    if text:
        for line in wrapped(text, max(20, output.streams.width - len(indent))):
            output.line(indent + line if line else "")


def _pieces(paragraph: str, width: int) -> list[str]:
    """The words, those that are too long for a line in parts."""
    pieces: list[str] = []
    for word in paragraph.split():
        piece, cells = "", 0
        for character in word:
            size = cell_width(character)
            if cells + size > width:
                pieces.append(piece)
                piece, cells = "", 0
            piece, cells = piece + character, cells + size
        pieces.append(piece)
    return pieces
