#!/usr/bin/env python3
"""Holds the tree to its own rules. Usage: rooms_check.py [ROOT] | rooms_check.py --self-test

    room      an #include "…" has to be allowed by tools/rooms.toml, and has to exist
    impl      <room>/impl/ is private to its room (and to the room's own tests)
    sql       SQL lives in db/ only
    banned    wall clock, sleeping, randomness and environment come in through daemon/ only
    await     no lambda with captures inside a co_await expression: g++ 12 destroys what it captured twice
    leftover  no marker of unfinished work

Prints one line per finding, "file:line: rule: what", and exits with 1 when there is any.
"""
import pathlib
import re
import sys
import tomllib

CODE = {".cpp", ".hpp"}
TEXT = CODE | {".py", ".mjs", ".js", ".sql", ".sh", ".toml", ".cmake", ".md", ".sol", ".service", ".html"}
SKIPPED = {"build", "node_modules", ".git", "out", "run"}

INCLUDE = re.compile(r'^\s*#\s*include\s*"([^"]+)"')
SQL = re.compile(
    r"\b(SELECT\s+[\w*(]|INSERT\s+(OR\s+\w+\s+)?INTO\s|UPDATE\s+\w+\s+SET\s|DELETE\s+FROM\s|CREATE\s+(UNIQUE\s+)?"
    r"(TABLE|INDEX|TRIGGER)\s|PRAGMA\s+\w)"
)
BANNED = [
    (re.compile(r"\bsystem_clock\s*::\s*now\b"), "system_clock::now: take a core::Clock"),
    (re.compile(r"\bthis_thread\s*::\s*sleep_(for|until)\b"), "a sleeping thread: co_await clock.sleep_for"),
    (re.compile(r"(?<![\w.>:])(std\s*::\s*)?s?rand\s*\("), "rand: take a core::Rng"),
    (re.compile(r"\brandom_device\b"), "random_device: take a core::Rng"),
    (re.compile(r"\b(secure_)?getenv\s*\("), "getenv: settings come in as values"),
]
CAPTURING = re.compile(r"(?<![\w)\]\s])\s*(\[(?!\s*\]|\[)[^\[\]]*\])\s*(?:[({<]|mutable\b|noexcept\b|->)")
LEFTOVER = re.compile(r"\b(" + "|".join(["TO" + "DO", "FIX" + "ME", "XX" + "X", "HA" + "CK"]) + r")\b")
LITERAL_OR_COMMENT = re.compile(
    r'R"(?P<delimiter>[^\s()\\]{0,16})\((?P<raw>.*?)\)(?P=delimiter)"'
    r'|"(?P<plain>(?:[^"\\\n]|\\.)*)"'
    r"|(?<!\w)'(?:[^'\\\n]|\\.)+'"
    r"|//[^\n]*|/\*.*?\*/",
    re.DOTALL,
)


def split_code(text):
    """(code without comments and literals, [(line, literal)]) with line numbers kept."""
    literals = []

    def blank(match):
        content = match.group("raw") if match.group("raw") is not None else match.group("plain")
        if content is not None:
            literals.append((text.count("\n", 0, match.start()) + 1, match.end(), content, match.start()))
        return " " + "\n" * match.group(0).count("\n")

    code = LITERAL_OR_COMMENT.sub(blank, text)
    joined = []
    for line, end, content, start in literals:
        if joined and not text[joined[-1][1]:start].strip():
            joined[-1] = (joined[-1][0], end, joined[-1][2] + content)
        else:
            joined.append((line, end, content))
    return code, [(line, content) for line, _, content in joined]


def under(path, prefixes):
    return any(path == p or (p.endswith("/") and path.startswith(p)) for p in prefixes)


def rule_for(path, rooms):
    matching = [room for room in rooms if path.startswith(room["path"])]
    return max(matching, key=lambda room: len(room["path"]), default=None)


def may_see_private(path, owner):
    """`owner` is what stands before impl/: "net/", "chains/evm/"."""
    return path.startswith(owner) or path.startswith(("tests/unit/", "tests/fuzz/", "bench/"))


def check_includes(path, text, rooms, exists):
    room = rule_for(path, rooms)
    for number, line in enumerate(text.splitlines(), 1):
        found = INCLUDE.match(line)
        if not found:
            continue
        target = found.group(1)
        if not exists(target):
            yield number, "room", f'"{target}" is no file below the root'
            continue
        if "/impl/" in target and not may_see_private(path, target[: target.index("/impl/") + 1]):
            yield number, "impl", f'"{target}" is private to {target[: target.index("/impl/")]}'
        elif room is None:
            yield number, "room", f"no rule in rooms.toml covers {path}"
        elif not target.startswith(room["path"]) and not under(target, room["may"]):
            yield number, "room", f'{room["path"]} may not include "{target}"'


def check_code(path, text):
    code, literals = split_code(text)
    if not path.startswith(("db/", "tests/unit/db/", "bench/")):
        for line, literal in literals:
            if SQL.search(literal):
                yield line, "sql", "SQL outside db/: add a call to a repository"
    yield from check_awaits(code)
    if not path.startswith("daemon/"):
        for number, line in enumerate(code.splitlines(), 1):
            for pattern, advice in BANNED:
                if pattern.search(line):
                    yield number, "banned", advice


def awaited(code):
    """(offset, text) of what each co_await waits for: up to the end of its statement or of its bracket."""
    for start in re.finditer(r"\bco_await\b", code):
        depth = 0
        for at in range(start.end(), len(code)):
            if code[at] in "([{":
                depth += 1
            elif code[at] in ")]}":
                depth -= 1
            if depth < 0 or (depth == 0 and code[at] in ",;"):
                break
        yield start.end(), code[start.end(): at]


def check_awaits(code):
    lines = set()
    for offset, text in awaited(code):
        for found in CAPTURING.finditer(text):
            lines.add(code.count("\n", 0, offset + found.start(1)) + 1)
    for line in sorted(lines):
        yield line, "await", "a lambda with captures inside co_await: build it in a variable first"


def check_text(_path, text):
    for number, line in enumerate(text.splitlines(), 1):
        found = LEFTOVER.search(line)
        if found:
            yield number, "leftover", f"{found.group(0)}: finish it or leave it out"


def check_file(path, text, rooms, exists):
    if pathlib.PurePosixPath(path).suffix in CODE:
        yield from check_includes(path, text, rooms, exists)
        yield from check_code(path, text)
    yield from check_text(path, text)


def run(root):
    rooms = tomllib.loads((root / "tools/rooms.toml").read_text())["room"]
    findings = 0
    files = 0
    for file in sorted(root.rglob("*")):
        relative = file.relative_to(root)
        if SKIPPED & set(relative.parts[:-1]) or not file.is_file() or file.suffix not in TEXT:
            continue
        files += 1
        text = file.read_text(encoding="utf-8", errors="replace")
        path = relative.as_posix()
        for line, rule, message in check_file(path, text, rooms, lambda t: (root / t).is_file()):
            print(f"{path}:{line}: {rule}: {message}")
            findings += 1
    print(f"rooms_check: {files} files, {findings} findings")
    return 1 if findings else 0


def self_test():
    rooms = [
        {"path": "core/", "may": []},
        {"path": "chains/", "may": ["core/"]},
        {"path": "chains/evm/", "may": ["core/", "chains/ports/"]},
        {"path": "watchers/", "may": ["core/", "chains/ports/reader.hpp"]},
        {"path": "tests/", "may": ["core/", "watchers/"]},
    ]
    missing = {"core/gone.hpp"}
    todo = "TO" + "DO"
    # (file, text, expected rules)
    cases = [
        ("core/a.hpp", '#include "core/b.hpp"\n#include <vector>\n', []),
        ("core/a.hpp", '#include "net/b.hpp"\n', ["room"]),
        ("core/a.hpp", '#include "core/gone.hpp"\n', ["room"]),
        ("elsewhere/a.hpp", '#include "core/b.hpp"\n', ["room"]),
        ("chains/evm/a.cpp", '#include "chains/ports/reader.hpp"\n', []),
        ("chains/evm/a.cpp", '#include "chains/tron/a.hpp"\n', ["room"]),
        ("watchers/a.cpp", '#include "chains/ports/reader.hpp"\n', []),
        ("watchers/a.cpp", '#include "chains/ports/sender.hpp"\n', ["room"]),
        ("watchers/a.cpp", '#include "chains/evm/impl/rpc.hpp"\n', ["impl"]),
        ("watchers/impl/a.cpp", '#include "watchers/impl/a.hpp"\n', []),
        ("tests/unit/watchers/a.cpp", '#include "watchers/impl/a.hpp"\n', []),
        ("tests/simulation/a.cpp", '#include "watchers/impl/a.hpp"\n', ["impl"]),
        ("core/a.cpp", 'auto q = "SELECT id FROM t";\n', ["sql"]),
        ("core/a.cpp", 'auto q = "UPDATE t "\n    "SET a = 1";\n', ["sql"]),
        ("core/a.cpp", 'auto q = R"(\nINSERT INTO t VALUES (1))";\n', ["sql"]),
        ("core/a.cpp", "// SELECT id FROM t\nauto q = \"Select one of these\";\n", []),
        ("db/a.cpp", 'auto q = "SELECT id FROM t";\n', []),
        ("core/a.cpp", "auto t = std::chrono::system_clock::now();\n", ["banned"]),
        ("core/a.cpp", "// system_clock::now is not for us\nauto s = \"getenv(\";\n", []),
        ("core/a.cpp", "std::this_thread::sleep_for(1s);\n", ["banned"]),
        ("core/a.cpp", "int x = rand();\nint y = operand(1);\n", ["banned"]),
        ("core/a.cpp", "std::random_device device;\n", ["banned"]),
        ("core/a.cpp", "const char* home = std::getenv(\"HOME\");\n", ["banned"]),
        ("daemon/a.cpp", "const char* home = std::getenv(\"HOME\");\n", []),
        ("core/a.cpp", "co_await clock.sleep_for(poll);\n", []),
        ("core/a.cpp", "char quote = '\"'; int x = 1'000; auto t = std::chrono::system_clock::now();\n", ["banned"]),
        ("core/a.cpp", "auto x = co_await db.write<T>([id](W& w) { return w.load(id); });\n", ["await"]),
        ("core/a.cpp", "auto x = co_await db.write<T>(\n    first,\n    [=]() mutable {});\n", ["await"]),
        ("core/a.cpp", "if (auto x = co_await f([&] { return 1; }); !x) g();\n", ["await"]),
        ("core/a.cpp", "auto x = co_await f([](W& w) { return w.all(); });\n", []),
        ("core/a.cpp", "auto j = f([id] {});\nauto x = co_await std::move(j);\nsort(a, [&](T b) {});\n", []),
        ("core/a.cpp", "auto x = co_await f(list[at] (2), map[key]);\n", []),
        ("docs/a.md", f"{todo}: write this\n", ["leftover"]),
        ("core/a.cpp", f"// {todo} later\n", ["leftover"]),
        ("core/a.cpp", f"int {todo.lower()}_count = 0;\n", []),
    ]
    rooms.append({"path": "daemon/", "may": ["core/"]})
    rooms.append({"path": "db/", "may": ["core/"]})
    failed = 0
    for path, text, expected in cases:
        got = [rule for _, rule, _ in check_file(path, text, rooms, lambda t: t not in missing)]
        if got != expected:
            failed += 1
            print(f"self-test: {path} {text!r}: expected {expected}, got {got}")
    print(f"rooms_check: self-test, {len(cases)} cases, {failed} failed")
    return 1 if failed else 0


def main(arguments):
    if arguments == ["--self-test"]:
        return self_test()
    if len(arguments) > 1 or any(a.startswith("-") for a in arguments):
        print(__doc__)
        return 2
    return run(pathlib.Path(arguments[0] if arguments else pathlib.Path(__file__).parent.parent).resolve())


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
