"""Which lines of a letter are quote or signature. Nothing is cut: what is found here is folded away.

Where it is unclear whether a line is new or quoted it stays visible: a quote too much on the page costs a
glance, an answer too little costs a day.
"""

from cabinet.bodies import phrases
from cabinet.bodies.lines import Document, Line
from cabinet.bodies.marks import Mark

# More folds than this and the letter is shown as it is: nobody reads a hundred unfolding buttons.
MAX_FOLDS = 100
_SIGNATURE_LINES = 12
_HEADER_LINES = 9
_ATTRIBUTION_LINES = 3


def folded_lines(document: Document, *, typed: bool = False) -> list[bool]:
    """For every line whether it is folded. `typed`: plain text, where "--" alone is no signature."""
    if any(span.mark is Mark.ROOT for span in document.spans[:1]):
        folded = _marked(document, Mark.FOLDED)
    else:
        folded = _Finder(document, typed).find()
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


class _Finder:
    def __init__(self, document: Document, typed: bool) -> None:
        self.lines = document.lines
        self.spans = document.spans
        self.typed = typed
        self.size = len(self.lines)
        self.next_text = self._next_texts()
        self.cite = _marked(document, Mark.CITE, Mark.FOLDED)
        self.bare = self._ends(Mark.BARE)
        self.attribution = self._ends(Mark.ATTRIBUTION)
        self.signature = self._ends(Mark.SIGNATURE)
        self.tail = self._starts(Mark.TAIL)
        self.border = self._starts(Mark.BORDER)
        self.append = self._starts(Mark.APPEND)
        self.folded = list(self.cite)
        self.code_until = 0
        self.labels: dict[int, str] = {}
        self.quote_ends: dict[int, int] = {}

    def find(self) -> list[bool]:
        self._fold_containers()
        index = 0
        while index < self.size:
            if self.folded[index] or self.lines[index].is_blank:
                index += 1
                continue
            end = self._quote_end(index) or self._signature_end(index)
            if end:
                self._fold(self._lead(index), end)
            index = max(index + 1, end)
        return self.folded

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
            if not self._is_interleaved(first, span.end):
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
        if index < self.code_until:
            return 0
        end = self._run_end(index)
        texts = [line.text for line in self.lines[index:end] if not line.is_blank]
        if all(text.startswith(">>>") for text in texts):
            self.code_until = end
            return 0  # a pasted Python session
        if len(texts) == 1 and not texts[0][1:].lstrip(" >")[:1].isalpha():
            return 0  # "> 100 pieces"
        return end

    def _signature_end(self, index: int) -> int:
        if index in self.signature:
            return self.signature[index]
        text = self.lines[index].text
        if phrases.is_sent_from(text):
            after = self.next_text[index + 1]
            return index + 1 if after >= self.size or self._quote_begins(after) else 0
        return self._dashed_end(index) if text == "--" and self._is_delimiter(index) else 0

    def _is_delimiter(self, index: int) -> bool:
        if not self.typed:
            return True
        return "".join(leaf.text for leaf in self.lines[index].leaves) == "--\u00a0"

    def _dashed_end(self, index: int) -> int:
        """A signature ends where the quote begins; what is longer than a signature was meant to be read."""
        end = self.next_text[index + 1]
        for _ in range(_SIGNATURE_LINES):
            if end >= self.size or self._quote_begins(end):
                return end
            end = self.next_text[end + 1]
        return 0

    def _quote_begins(self, index: int) -> bool:
        return self.folded[index] or bool(self._quote_end(index))
