"""Random JSON schemas, and whether a model's answers are valid by them.

    random_schemas.py requests COUNT > requests.jsonl
    cargo run --release -p linnet-cli --example answers -- MODEL < requests.jsonl > answers.jsonl
    random_schemas.py judge requests.jsonl answers.jsonl

`judge` needs the package `jsonschema`. It fails if an answer that was not cut is invalid.
"""

import json
import random
import sys
from collections import Counter

MAX_TOKENS = 160
NAMES = ["name", "id", "tags", "price", "café", "a b", "x/y", "kind", "next", "size", "done", "日本", "quote\""]
NAMES += ["", "n0"]
WORDS = ["red", "green", "blue", "", "a\nb", "naïve", "\\", "1", "null", "日本語", "<b>"]
PATTERNS = [
    "^[a-z]{1,8}$", "[0-9]", "^(yes|no)$", "^\\d{3}-\\d{4}$", "^[A-Z][a-z]*( [A-Z][a-z]*)?$", "^a.*z$", "^\\S+$",
    "^[^\"]{2,6}$", "^#[0-9a-fA-F]{6}$",
]
FORMATS = ["date", "time", "date-time", "uuid", "ipv4", "email", "duration", "hostname"]


class Maker:
    """Makes schemas. Each kind of keyword comes often, and many of them together."""

    def __init__(self, seed):
        self.random = random.Random(seed)
        self.definitions = {}

    def whole(self):
        schema = self.schema(self.random.choice([1, 2, 2, 3]))
        if isinstance(schema, bool):
            schema = {"type": ["object", "string"]}
        if self.definitions:
            schema = {**schema, "$defs": self.definitions}
        if self.random.random() < 0.1:
            schema = {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}
        return schema

    def schema(self, depth):
        make = self.random.choice(
            [self.object] * 5 + [self.array] * 3 + [self.union, self.reference, self.both] + [self.string] * 2
            + [self.number] * 2 + [self.constant]
            if depth > 0
            else [self.string, self.number, self.constant, self.string, self.number, self.simple]
        )
        schema = make(depth)
        if isinstance(schema, dict) and self.random.random() < 0.1:
            schema["description"] = "Something."
        return schema

    def maybe(self, schema, chance, key, value):
        if self.random.random() < chance:
            schema[key] = value() if callable(value) else value

    def simple(self, _):
        kinds = ["null", "boolean", "integer", "number", "string"]
        return {"type": self.random.choice(kinds + [self.random.sample(kinds, 2)])}

    def constant(self, _):
        values = WORDS + [None, True, False, 0, -1, 1.5, 1e3, 12345678901, [], {}, [1, "a"], {"a": {"b": None}}]
        if self.random.random() < 0.3:
            return {"const": self.random.choice(values)}
        schema = {"enum": self.random.sample(values, self.random.randint(1, 6))}
        self.maybe(schema, 0.2, "type", ["string", "number", "null", "array"])
        return schema

    def string(self, _):
        schema = {"type": "string"}
        kind = self.random.random()
        if kind < 0.35:
            low = self.random.randint(0, 12)
            self.maybe(schema, 0.7, "minLength", low)
            self.maybe(schema, 0.9, "maxLength", low + self.random.randint(0, 20))
        elif kind < 0.6:
            schema["pattern"] = self.random.choice(PATTERNS)
        elif kind < 0.8:
            schema["format"] = self.random.choice(FORMATS)
        if "pattern" in schema:
            self.maybe(schema, 0.2, "maxLength", 12)
            self.maybe(schema, 0.2, "not", {"enum": ["yes", "abc"]})
        return schema

    def number(self, _):
        schema = {"type": self.random.choice(["integer", "number"])}
        low = self.random.choice([-1000, -2.5, 0, 0.1, 1, 7, 99.99])
        self.maybe(schema, 0.5, self.random.choice(["minimum", "exclusiveMinimum"]), low)
        high = low + self.random.choice([2, 10.5, 1e6])
        self.maybe(schema, 0.5, self.random.choice(["maximum", "exclusiveMaximum"]), high)
        self.maybe(schema, 0.25, "multipleOf", lambda: self.random.choice([2, 3, 5, 0.5, 0.25]))
        return schema

    def object(self, depth):
        schema = {"type": "object"}
        names = self.random.sample(NAMES, self.random.randint(0, 5))
        if names:
            schema["properties"] = {name: self.schema(depth - 1) for name in names}
            needed = self.random.sample(names, self.random.randint(0, len(names)))
            self.maybe(schema, 0.8, "required", needed)
        self.maybe(schema, 0.6, "additionalProperties", lambda: self.random.choice([False, False, self.schema(0)]))
        patterns = ["^n", "e$", "[0-9]"]
        self.maybe(schema, 0.15, "patternProperties", lambda: {self.random.choice(patterns): self.schema(0)})
        self.maybe(schema, 0.1, "propertyNames", lambda: {"maxLength": self.random.randint(3, 12)})
        self.maybe(schema, 0.15, "minProperties", lambda: self.random.randint(0, 2))
        self.maybe(schema, 0.15, "maxProperties", lambda: self.random.randint(2, 6))
        if len(names) > 1:
            self.maybe(schema, 0.15, "dependentRequired", {names[0]: [names[1]]})
            self.maybe(schema, 0.1, "if", {"required": [names[0]]})
            if "if" in schema:
                schema["then"] = {"required": [names[1]]}
                self.maybe(schema, 0.5, "else", {"maxProperties": 3})
        return schema

    def array(self, depth):
        schema = {"type": "array"}
        self.maybe(schema, 0.85, "items", lambda: self.schema(depth - 1))
        self.maybe(schema, 0.2, "prefixItems", lambda: [self.schema(0) for _ in range(self.random.randint(1, 3))])
        low = self.random.randint(0, 3)
        self.maybe(schema, 0.4, "minItems", low)
        self.maybe(schema, 0.7, "maxItems", low + self.random.randint(0, 4))
        self.maybe(schema, 0.15, "contains", lambda: self.schema(0))
        if "contains" in schema:
            self.maybe(schema, 0.4, "minContains", lambda: self.random.randint(0, 2))
            self.maybe(schema, 0.4, "maxContains", lambda: self.random.randint(2, 4))
        if self.random.random() < 0.1:
            schema.update({"items": {"enum": [1, 2, "a", None]}, "uniqueItems": True})
        return schema

    def union(self, depth):
        keyword = self.random.choice(["anyOf", "oneOf"])
        return {keyword: [self.schema(depth - 1) for _ in range(self.random.randint(1, 4))]}

    def both(self, depth):
        first = self.object(depth)
        second = self.object(depth - 1)
        first.pop("additionalProperties", None)
        second.pop("additionalProperties", None)
        return {"allOf": [first, second]}

    def reference(self, depth):
        name = f"d{self.random.randint(0, 2)}"
        if name not in self.definitions:
            # A definition may refer to itself, but need not.
            self.definitions[name] = {}
            own = {"type": "object", "properties": {"value": self.schema(0), "next": {"$ref": f"#/$defs/{name}"}}}
            self.maybe(own, 0.5, "additionalProperties", False)
            self.definitions[name] = own if self.random.random() < 0.5 else self.schema(depth - 1)
        return {"$ref": f"#/$defs/{name}"}


def requests(count):
    for seed in range(count):
        schema = Maker(seed).whole()
        print(json.dumps({
            "messages": [{"role": "user", "content": "Write an example of the data."}],
            "response_format": {"type": "json_schema", "json_schema": {"name": "data", "schema": schema}},
            "show_schema": False,
            "temperature": 1,
            "seed": seed,
            "max_tokens": MAX_TOKENS,
        }))


def judge(requests_path, answers_path):
    from jsonschema import Draft202012Validator as Validator

    counts = Counter()
    reasons = Counter()
    with open(requests_path) as asked, open(answers_path) as answered:
        for number, (request, answer) in enumerate(zip(asked, answered)):
            schema = json.loads(request)["response_format"]["json_schema"]["schema"]
            answer = json.loads(answer)
            if "error" in answer:
                counts["refused"] += 1
                reasons[answer["reason"].rsplit(": ", 1)[-1]] += 1
                continue
            counts["taken"] += 1
            counts["tokens"] += answer["tokens"]
            if answer["cut"]:
                counts["cut"] += 1
                continue
            counts["finished"] += 1
            try:
                value = json.loads(answer["text"])
                # The package's own `FormatChecker()` takes times for those of draft 3.
                validator = Validator(schema, format_checker=Validator.FORMAT_CHECKER)
                wrong = [error.message for error in validator.iter_errors(value)]
            except ValueError as error:
                wrong = [str(error)]
            if wrong:
                counts["invalid"] += 1
                print(f"{number}: {wrong[0]}\n  {json.dumps(schema)}\n  {answer['text']!r}")
    for reason, count in reasons.most_common():
        print(f"refused {count}: {reason}")
    kinds = ["taken", "refused", "finished", "cut", "invalid", "tokens"]
    print(", ".join(f"{kind}: {counts[kind]}" for kind in kinds))
    return counts["invalid"] == 0


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["requests", count]:
            requests(int(count))
        case ["judge", asked, answered]:
            sys.exit(0 if judge(asked, answered) else 1)
        case _:
            sys.exit(__doc__)
