"""Plants the mutants of cargo-mutants in the sources, each behind a switch.

An operator becomes an expression that evaluates its operands once and then asks the switch which operator to apply; a function
begins with an early return; an arm of a match gets a guard. So mutants inside one another need no second copy of what is inside.
"""

import collections
import re

import tree_sitter
import tree_sitter_rust

PARSER = tree_sitter.Parser(tree_sitter.Language(tree_sitter_rust.language()))
COMPARISONS = {"==", "!=", "<", ">", "<=", ">="}
# What a mutant adds is marked until the text is whole, so that an error of the compiler leads back to it.
MARK = re.compile("[\ue000\ue002][0-9,]+\ue001")


ITERATOR = re.compile(r"::std::iter::(?:empty\(\)|once\((.*)\))", re.S)


class Unplantable(Exception):
    """The mutant does not compile, or cannot have a switch."""


class Planter:
    """The mutants of one file. Each is a dictionary as cargo-mutants lists it, with a `number`."""

    def __init__(self, path, text, mutants):
        self.path, self.text, self.mutants = path, text, mutants
        self.bytes = text.encode()
        self.lines = text.split("\n")
        self.starts = [0]
        for line in self.lines:
            self.starts.append(self.starts[-1] + len(line.encode()) + 1)
        self.tree = PARSER.parse(self.bytes)
        self.wrong = {}
        # By the id of a node: the mutants that change it.
        self.at = collections.defaultdict(list)
        # The mutants of constants: those of each, as the expression that they make of it.
        self.constants = collections.defaultdict(list)
        for mutant in mutants:
            if item := self.constant_around(mutant):
                self.constants[item].append(mutant)
                continue
            try:
                self.at[self.place(mutant).id].append(mutant)
            except Unplantable as why:
                self.wrong[mutant["number"]] = str(why)

    def offset(self, position):
        line = self.lines[position["line"] - 1]
        return self.starts[position["line"] - 1] + len(line[: position["column"] - 1].encode())

    def constant_around(self, mutant):
        """The name of the constant that this mutant changes. The mutant gets the `value` that it gives it."""
        if mutant["function"]:
            return None
        start, end = self.offset(mutant["span"]["start"]), self.offset(mutant["span"]["end"])
        node = self.tree.root_node.descendant_for_byte_range(start, end)
        while node.type != "const_item":
            node = node.parent
        value = node.child_by_field_name("value")
        mutant["value"] = (self.bytes[value.start_byte : start] + mutant["replacement"].encode() + self.bytes[end : value.end_byte]).decode()
        return self.slice(node.child_by_field_name("name"))

    def use_constants(self, constants):
        """Plants mutants of constants where functions use these: a constant itself cannot have a switch. Returns the planted ones."""
        planted, waiting = set(), [(self.tree.root_node, False)]
        while waiting:
            node, runs = waiting.pop()
            if node.type == "identifier" and runs and self.slice(node) in constants:
                self.at[node.id] = constants[self.slice(node)]
                planted |= {mutant["number"] for mutant in self.at[node.id]}
            # Names are not values in patterns and paths; what is in a macro is not parsed.
            if node.type not in ("token_tree", "scoped_identifier", "const_item", "use_declaration") and "pattern" not in node.type:
                waiting += [(child, runs or node.type == "function_item") for child in node.children]
        return planted

    def place(self, mutant):
        """The node that takes the switch."""
        start = self.offset(mutant["span"]["start"])
        genre = mutant["genre"]
        wanted = {
            "FnValue": ["block"],
            "BinaryOperator": ["binary_expression", "compound_assignment_expr", "let_chain"],
            "UnaryOperator": ["unary_expression"],
            "MatchArm": ["match_arm"],
            "MatchArmGuard": ["match_arm"],
            "StructField": ["field_initializer", "shorthand_field_initializer"],
        }[genre]
        node = self.tree.root_node.descendant_for_byte_range(start, start + 1)
        while node and not (node.type in wanted and (genre != "FnValue" or node.parent.type == "function_item")):
            node = node.parent
        if node is None:
            raise ValueError(f"no {wanted[0]} for {mutant['name']}")
        if node.type == "let_chain" or genre.startswith("MatchArm") and any(
            child.type == "let_chain" for child in node.child_by_field_name("pattern").children
        ):
            raise Unplantable("unviable")
        if genre == "FnValue" and "impl " in mutant["function"]["return_type"] and not ITERATOR.fullmatch(mutant["replacement"]):
            raise Unplantable("no switch")
        return node

    def inside(self, function):
        """The mutants inside functions of this name."""
        found, waiting = [], [(self.tree.root_node, False)]
        while waiting:
            node, within = waiting.pop()
            if node.type == "function_item":
                within = within or self.slice(node.child_by_field_name("name")) == function
            if within:
                found += [mutant["number"] for mutant in self.at.get(node.id, [])]
            waiting += [(child, within) for child in node.children]
        return found

    def returned_at(self, line):
        """The mutants that are values of the function whose signature is in this line."""
        spans = [(m["function"]["span"], m) for m in self.mutants if m["genre"] == "FnValue"]
        return [m["number"] for span, m in spans if span["start"]["line"] <= line <= m["span"]["start"]["line"]]

    def planted(self, without):
        """The text with every mutant that is not in `without`, marked."""
        return self.render(self.tree.root_node, without)

    def render(self, node, without):
        mutants = [mutant for mutant in self.at.get(node.id, []) if mutant["number"] not in without]
        if not mutants:
            return self.inner(node, without)
        children = lambda name: self.render(node.child_by_field_name(name), without)
        kind = node.type
        if kind == "identifier":
            return whole(mutants, f"({chosen(mutants, self.slice(node), lambda m: m['value'])})")
        if kind == "block":
            text = self.inner(node, without)
            if "impl " in mutants[0]["function"]["return_type"]:
                return iterator(text, mutants)
            returns = "".join(switched(m, f" if {on(m)} {{ return {m['replacement']}; }}") for m in mutants)
            return "{" + returns + text[1:]
        if kind == "match_arm":
            return self.arm(node, mutants, without)
        if kind.endswith("field_initializer"):
            return self.field(node, mutants, without)
        if kind == "unary_expression":
            sign = self.slice(node.children[0])
            operand = self.render(node.children[1], without)
            return whole(mutants, f"(match ({operand}) {{ __x => {chosen(mutants, f'{sign}__x', lambda m: '__x')} }})")
        sign = self.slice(node.child_by_field_name("operator"))
        left, right = children("left"), children("right")
        if kind == "compound_assignment_expr":
            place = self.slice(node.child_by_field_name("left"))
            steps = chosen(mutants, f"{place} {sign} __y", lambda m: f"{place} {m['replacement']} __y")
            return whole(mutants, f"(match ({right}) {{ __y => {steps} }})")
        if sign in ("==", "!=") and len(mutants) == 1 and mutants[0]["replacement"] in ("==", "!="):
            return switched(mutants[0], f"({on(mutants[0])} != ({left} {sign} {right}))")
        if sign in ("&&", "||") and len(mutants) == 1 and mutants[0]["replacement"] in ("&&", "||"):
            check = "!=" if sign == "&&" else "=="
            return switched(mutants[0], f"(match ({left}) {{ __x => if __x {check} {on(mutants[0])} {{ {right} }} else {{ __x }} }})")
        if sign in COMPARISONS:
            steps = chosen(mutants, f"*__x {sign} *__y", lambda m: f"*__x {m['replacement']} *__y")
            return whole(mutants, f"(match (&({left}), &({right})) {{ (__x, __y) => {steps} }})")
        steps = chosen(mutants, f"__x {sign} __y", lambda m: f"__x {m['replacement']} __y")
        return whole(mutants, f"(match ({left}, {right}) {{ (__x, __y) => {steps} }})")

    def arm(self, node, mutants, without):
        pattern = node.child_by_field_name("pattern")
        condition = pattern.child_by_field_name("condition")
        if condition is None:
            head, guard = self.inner(pattern, without), None
        else:
            marker = next(child for child in pattern.children if child.type == "if")
            head = self.bytes[pattern.start_byte : marker.start_byte].decode().rstrip()
            guard = "(" + self.render(condition, without) + ")"
        for mutant in mutants:
            if mutant["genre"] == "MatchArmGuard":
                guard = switched(mutant, f"({on(mutant)} || {guard})" if mutant["replacement"] == "true" else f"(!{on(mutant)} && {guard})")
        for mutant in mutants:
            if mutant["genre"] == "MatchArm":
                guard = switched(mutant, f"!{on(mutant)}" + (f" && {guard}" if guard else ""))
        before = self.bytes[node.start_byte : pattern.start_byte].decode()
        rest = self.spans(pattern.end_byte, [child for child in node.children if child.start_byte >= pattern.end_byte], node.end_byte, without)
        return f"{before}{head} if {guard}{rest}"

    def field(self, node, mutants, without):
        [mutant] = mutants
        literal = node.parent.parent
        name = self.slice(literal.child_by_field_name("name"))
        base = self.slice(next(c for c in node.parent.children if c.type == "base_field_initializer").children[1])
        if node.type == "shorthand_field_initializer":
            field = value = self.slice(node)
        else:
            field = self.slice(node.child_by_field_name("field"))
            value = self.render(node.child_by_field_name("value"), without)
        # A variable is moved field by field.
        taken = switched(mutant, f"{base}.{field}" if base.isidentifier() else f"({name} {{ ..{base} }}).{field}")
        return whole(mutants, f"{field}: (if {on(mutant)} {{ {taken} }} else {{ {value} }})")

    def inner(self, node, without):
        if not node.children:
            return self.slice(node)
        return self.spans(node.start_byte, node.children, node.end_byte, without)

    def spans(self, start, children, end, without):
        parts, at = [], start
        for child in children:
            parts.append(self.bytes[at : child.start_byte].decode())
            parts.append(self.render(child, without))
            at = child.end_byte
        return "".join(parts) + self.bytes[at:end].decode()

    def slice(self, node):
        return self.bytes[node.start_byte : node.end_byte].decode()


def iterator(body, mutants):
    """An opaque iterator has one type: what the body gives, cut off, after what the mutant gives."""

    def first(mutant):
        item = ITERATOR.fullmatch(mutant["replacement"])[1]
        shared = "&*" if item and "::leak(" in item and "&mut" not in mutant["function"]["return_type"] else ""
        return f"::std::option::Option::Some({shared}{item})" if item else "::std::option::Option::None"

    steps = "".join(f"if {on(m)} {{ {switched(m, '(' + first(m) + ', 0)')} }} else " for m in mutants)
    chain = "::std::iter::Iterator::chain(::std::iter::IntoIterator::into_iter(__first), ::std::iter::Iterator::take(__body, __most))"
    return "{ " + whole(mutants, f"let __body = {body}; let (__first, __most) = {steps}{{ (::std::option::Option::None, usize::MAX) }}; {chain}") + " }"


def on(mutant):
    return f"::mutant_switch::on({mutant['number']})"


def chosen(mutants, otherwise, alternative):
    """Which of the alternatives: the one that is on."""
    return "".join(f"if {on(m)} {{ {switched(m, alternative(m))} }} else " for m in mutants) + f"{{ {otherwise} }}"


def switched(mutant, text):
    return f"\ue000{mutant['number']}\ue001{text}\ue002{mutant['number']}\ue001"


def whole(mutants, text):
    numbers = ",".join(str(m["number"]) for m in mutants)
    return f"\ue000{numbers}\ue001{text}\ue002{numbers}\ue001"


class Regions:
    """What text belongs to which mutants: `(start, end, numbers)` in bytes, from a marked text."""

    def __init__(self, marked):
        self.parts, self.spans, opened = [], [], []
        at = offset = 0
        for mark in MARK.finditer(marked):
            part = marked[at : mark.start()]
            self.parts.append(part)
            offset += len(part.encode())
            at = mark.end()
            numbers = [int(number) for number in mark[0][1:-1].split(",")]
            if mark[0][0] == "\ue000":
                opened.append((offset, numbers))
            else:
                start, numbers = opened.pop()
                self.spans.append((start, offset, numbers))
        self.parts.append(marked[at:])
        self.text = "".join(self.parts)

    def innermost(self, start, end):
        """The mutants of the smallest region around these bytes."""
        around = [(last - first, numbers) for first, last, numbers in self.spans if first <= start and end <= last]
        return min(around)[1] if around else []

    def line(self, offset):
        """The line of a byte. Lines are those of the file without mutants."""
        return self.text.encode()[:offset].count(b"\n") + 1

    def match_around(self, start):
        """The bytes of the innermost match around this one."""
        node = PARSER.parse(self.text.encode()).root_node.descendant_for_byte_range(start, start + 1)
        while node and node.type != "match_expression":
            node = node.parent
        return (node.start_byte, node.end_byte) if node else (start, start)

    def touching(self, start, end):
        """All mutants with a region that overlaps these bytes."""
        return sorted({n for first, last, numbers in self.spans if first < end and start < last for n in numbers})
