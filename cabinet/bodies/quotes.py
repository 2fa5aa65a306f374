"""Which lines of a letter are quote or signature. Nothing is cut: what is found here is folded away.

Where it is unclear whether a line is new or quoted it stays visible: a quote too much on the page costs a
glance, an answer too little costs a day. What was passed on from somebody else stays: the letter is about it.
"""

from cabinet.bodies import closings, phrases
from cabinet.bodies.lines import Document, Line
from cabinet.bodies.marks import Mark
from cabinet.bodies.tree import Kind

# More folds than this and the letter is shown as it is: nobody reads a hundred unfolding buttons.
MAX_FOLDS = 100
_SIGNATURE_LINES = 12
_CLOSING_LINES = 6
"""Of a signature that nothing marks but its closing."""
_HEADER_LINES = 9
_ATTRIBUTION_LINES = 3


def folded_lines(document: Document, *, typed: bool = False, closings: bool = True) -> list[bool]:
    """For every line whether it is folded. `typed`: plain text, where "--" alone is no signature.

    `closings`: whether "Best regards" begins a signature.
    """
    if any(span.mark is Mark.ROOT for span in document.spans[:1]):
        folded = _marked(document, Mark.FOLDED)
    else:
        folded = _Finder(document, typed, closings).find()
        _show_what_is_announced(document.lines, folded)
    _join_blanks(document.lines, folded)
    if all(hidden or _says_nothing(line) for hidden, line in zip(folded, document.lines, strict=True)):
        return [False] * len(folded)
    folds = sum(now and not before for before, now in zip([False, *folded], folded, strict=False))
    return folded if folds <= MAX_FOLDS else [False] * len(folded)


def _marked(document: Document, *marks: Mark) -> list[bool]:
    inside = [False] * len(document.lines)
    done = 0
    for span in document.spans:
        if span.mark in marks and span.end > done:
            inside[span.start : span.end] = [True] * (span.end - span.start)
            done = span.end
    return inside


def _says_nothing(line: Line) -> bool:
    return line.is_blank or _is_rule(line)


def _is_rule(line: Line) -> bool:
    return line.is_rule or phrases.is_rule(line.text)


def _join_blanks(lines: list[Line], folded: list[bool]) -> None:
    """Empty lines beside a fold go with it."""
    for order in (range(1, len(lines)), range(len(lines) - 2, -1, -1)):
        step = 1 if order.step < 0 else -1
        for index in order:
            if folded[index + step] and lines[index].is_blank:
                folded[index] = True


def _show_what_is_announced(lines: list[Line], folded: list[bool]) -> None:
    """ "My answers are below", and below is nothing but the quote: they stand in it, perhaps in a colour."""
    announced = hidden_since = False
    for line, hidden in zip(lines, folded, strict=True):
        if hidden:
            hidden_since = announced
        elif not _says_nothing(line):
            if hidden_since:
                return
            announced = announced or phrases.announces_more(line.text)
    if hidden_since:
        folded[:] = [False] * len(folded)


class _Finder:
    def __init__(self, document: Document, typed: bool, closings: bool) -> None:
        self.lines = document.lines
        self.spans = document.spans
        self.typed = typed
        self.closings = closings
        self.divided = False  # an introduced quote of such elements stands above
        self.said = False  # something to be read stands above
        self.size = len(self.lines)
        self.next_text = self._next_texts()
        self.cite = _marked(document, Mark.CITE, Mark.FOLDED)
        self.bare = self._ends(Mark.BARE)
        self.attribution = self._ends(Mark.ATTRIBUTION)
        self.signature = self._ends(Mark.SIGNATURE)
        self.forwarded = self._ends(Mark.CONTAINER)
        self.tail = self._starts(Mark.TAIL)
        self.border = self._starts(Mark.BORDER)
        self.append = self._starts(Mark.APPEND)
        self.folded = list(self.cite)
        self.shown_until = 0
        self.labels: dict[int, str] = {}
        self.quote_ends: dict[int, int] = {}

    def find(self) -> list[bool]:
        self._fold_containers()
        self._show_forwarded_cites()
        index = 0
        while index < self.size:
            if self.folded[index] or self.lines[index].is_blank:
                index += 1
            elif phrases.opens_forwarded(self.lines[index].text):
                index = self._show_forwarded(index)
            else:
                end = self._quote_end(index) or self._rest_of_quote(index) or self._signature_end(index)
                if end:
                    self.divided = self.divided or any(start in self.bare for start in range(index, end))
                    self._fold(self._lead(index), end)
                self.said = self.said or not (end or _is_rule(self.lines[index]))
                index = max(index + 1, end)
        return self.folded

    def _rest_of_quote(self, index: int) -> int:
        """Answers divide a quote, and only its first part has the introduction."""
        return self.bare.get(index, 0) if self.divided else 0

    def _show_forwarded_cites(self) -> None:
        """Apple Mail passes a letter on as if it quoted it."""
        for span in self.spans:
            first = self.next_text[span.start]
            if (
                span.mark is not Mark.CITE
                or first >= span.end
                or (span.start and self.folded[span.start - 1])
            ):
                continue
            if phrases.opens_forwarded(self.lines[first].text):
                self.folded[span.start : span.end] = [False] * (span.end - span.start)

    def _show_forwarded(self, index: int) -> int:
        """What was passed on stays, with whatever it quotes in its turn. Returns where it ends."""
        end = self.forwarded.get(index) or self._tail_end(index)
        self.folded[index:end] = [False] * (end - index)
        self.said = True
        return end

    def _next_texts(self) -> list[int]:
        """For every place the next line that is not blank."""
        found = [self.size] * (self.size + 1)
        for index in range(self.size - 1, -1, -1):
            found[index] = found[index + 1] if self.lines[index].is_blank else index
        return found

    def _ends(self, mark: Mark) -> dict[int, int]:
        """By the first line that is not blank: where the outermost element with this mark ends."""
        ends: dict[int, int] = {}
        for span in self.spans:
            if span.mark is mark and span.end > span.start:
                ends.setdefault(self.next_text[span.start], span.end)
        return ends

    def _starts(self, mark: Mark) -> set[int]:
        return {self.next_text[span.start] for span in self.spans if span.mark is mark}

    def _fold(self, start: int, end: int) -> None:
        self.folded[start:end] = [True] * (end - start)

    def _fold_containers(self) -> None:
        for span in self.spans:
            first = self.next_text[span.start]
            if span.mark is not Mark.CONTAINER or first >= span.end or self.folded[first]:
                continue
            if phrases.opens_forwarded(self.lines[first].text) or self._is_interleaved(first, span.end):
                continue
            self._fold(span.start, span.end)

    def _is_interleaved(self, first: int, end: int) -> bool:
        """The quote has an element of its own in there: what stands beside it was written in answer."""
        length = self._attribution_length(first)
        after = self.next_text[first + length]
        return after < end and (self.cite[after] or after in self.bare)

    def _quote_end(self, index: int) -> int:
        """Where the quote that begins here ends; 0 if none begins here."""
        if index not in self.quote_ends:
            self.quote_ends[index] = self._find_quote_end(index)
        return self.quote_ends[index]

    def _find_quote_end(self, index: int) -> int:
        if index < self.shown_until:
            return 0
        text = self.lines[index].text
        if index in self.bare and self._is_introduced(index):
            return self.bare[index]
        length = self._attribution_length(index)
        if length:
            return self._end_after_attribution(index, length)
        length = self._header_length(index)
        if length:
            return self._quoted_after(index + length) or self._tail_end(index + length)
        return self._marked_lines_end(index) if text.startswith(">") else 0

    def _is_introduced(self, index: int) -> bool:
        return bool(self._attribution_length(index) or self._header_length(index))

    def _end_after_attribution(self, index: int, length: int) -> int:
        after = self._quoted_after(index + length)
        if after:
            return after
        introduction = self._joined(index, length)
        certain = index in self.attribution or phrases.has_bracketed_address(introduction)
        return self._tail_end(index + length) if certain else 0

    def _quoted_after(self, index: int) -> int:
        """Where the quoted block ends that follows at once; 0 if none follows."""
        index = self.next_text[index]
        if index >= self.size:
            return 0
        if index in self.bare:
            return self.bare[index]
        if self.folded[index]:
            return index + 1
        return self._run_end(index) if self.lines[index].text.startswith(">") else 0

    def _tail_end(self, index: int) -> int:
        while index < self.size:
            index += 1
            if phrases.ends_original(self.lines[index - 1].text):
                break
        return index

    def _attribution_length(self, index: int) -> int:
        if index >= self.size:
            return 0
        if index in self.attribution:
            return self.attribution[index] - index
        if not phrases.begins_attribution(self.lines[index].text):
            return 0
        for length in range(1, _ATTRIBUTION_LINES + 1):
            if index + length > self.size or self.lines[index + length - 1].is_blank:
                break
            if phrases.is_attribution(self._joined(index, length)):
                return length
        return 0

    def _joined(self, index: int, length: int) -> str:
        return " ".join(line.text[:400] for line in self.lines[index : index + min(length, 4)])

    def _header_length(self, index: int) -> int:
        """How many lines the header of the original has that begins here ("From: …, Sent: …, To: …")."""
        if index in self.tail:
            return 1
        if index in self.append and self.lines[index].is_rule:
            return 1
        text = self.lines[index].text
        if phrases.opens_original(text):
            return 1
        if index not in self.border and not self._label(index):
            return 0
        return self._labelled_length(index)

    def _labelled_length(self, index: int) -> int:
        kinds: set[str] = set()
        labels = addresses = length = gap = 0
        for offset, line in enumerate(self.lines[index : index + _HEADER_LINES]):
            label = self._label(index + offset)
            gap = 0 if label or line.is_blank else gap + 1
            if gap > 1:
                break  # one line between may be a long list of receivers
            labels += bool(label) or (index in self.border and phrases.is_any_label(line.text))
            if label:
                kinds.add(label)
                length = offset + 1
                addresses += phrases.has_address(line.text)
        if index in self.border and labels >= 3:
            return max(length, 3)
        certain = addresses or {"sent", "to", "subject"} <= kinds or self._ruled_off(index)
        return length if "from" in kinds and len(kinds) >= 3 and certain else 0

    def _label(self, index: int) -> str:
        if index not in self.labels:
            self.labels[index] = phrases.label_of(self.lines[index].text)
        return self.labels[index]

    def _ruled_off(self, index: int) -> bool:
        if index in self.border:
            return True
        before = index - 1
        while before >= 0 and self.lines[before].is_blank:
            before -= 1
        return before >= 0 and _is_rule(self.lines[before])

    def _lead(self, index: int) -> int:
        """Rules and stray header lines above an introduction belong to it."""
        start = index
        attributed = self._attribution_length(index) > 0
        for before in range(index - 1, max(-1, index - _HEADER_LINES), -1):
            line = self.lines[before]
            if self.folded[before]:
                break
            if _is_rule(line) or (attributed and self._label(before)):
                start = before
            elif not line.is_blank:
                break
        return start

    def _run_end(self, index: int) -> int:
        """Where the lines beginning with ">" end, empty ones between them included."""
        end = index
        while index < self.size and self.lines[index].text.startswith(">"):
            end = index + 1
            index = self.next_text[end]
        return end

    def _marked_lines_end(self, index: int) -> int:
        end = self._run_end(index)
        texts = [line.text for line in self.lines[index:end] if not line.is_blank]
        if all(text.startswith(">>>") for text in texts) or phrases.opens_forwarded(texts[0].lstrip("> ")):
            self.shown_until = end
            return 0  # a pasted Python session, or what Apple Mail passes on
        if len(texts) == 1 and not texts[0][1:].lstrip(" >")[:1].isalpha():
            return 0  # "> 100 pieces"
        return end

    def _signature_end(self, index: int) -> int:
        if index in self.signature:
            return self.signature[index]
        text = self.lines[index].text
        if phrases.is_sent_from(text):
            return index + 1 if self._ends_message(self.next_text[index + 1]) else 0
        if text == "--" and self._is_delimiter(index):
            return self._dashed_end(index)
        return self._closing_end(index) if self.closings and self.said and closings.closes(text) else 0

    def _is_delimiter(self, index: int) -> bool:
        if not self.typed:
            return True
        return "".join(leaf.text for leaf in self.lines[index].leaves) == "--\u00a0"

    def _dashed_end(self, index: int) -> int:
        """A signature ends where the quote begins; what is longer than a signature was meant to be read."""
        end = self.next_text[index + 1]
        for _ in range(_SIGNATURE_LINES):
            if self._ends_message(end):
                return end
            end = self.next_text[end + 1]
        return 0

    def _closing_end(self, index: int) -> int:
        """The same without the dashes, where every line can be nothing but a signature."""
        end = self.next_text[index + 1]
        for _ in range(_CLOSING_LINES + 1):
            if self._ends_message(end) or self._signature_begins(end):
                return end
            if not self._could_sign(end):
                return 0
            end = self.next_text[end + 1]
        return 0

    def _could_sign(self, index: int) -> bool:
        line = self.lines[index]
        has_picture = any(leaf.kind is Kind.IMAGE for leaf in line.leaves)
        return _is_rule(line) or (not has_picture and closings.could_be_signature(line.text))

    def _signature_begins(self, index: int) -> bool:
        """Another one follows at once, of the telephone or of the mail program."""
        text = self.lines[index].text
        begins = text == "--" or phrases.is_sent_from(text)
        return index in self.signature or bool(begins and self._signature_end(index))

    def _ends_message(self, index: int) -> bool:
        return index >= self.size or self._quote_begins(index)

    def _quote_begins(self, index: int) -> bool:
        """Here, or below the rule and the stray header lines that lead to it."""
        for here in range(index, min(self.size, index + _HEADER_LINES)):
            line = self.lines[here]
            if self.folded[here] or phrases.opens_forwarded(line.text) or self._quote_end(here):
                return True
            if not (line.is_blank or _is_rule(line) or self._label(here)):
                return False
        return False
