"""What the parser of the command line objects to, in one plain line."""

import re

# What the parser says -> what we say.
_PLAIN = (
    # What our own settings refuse says by itself which option it is about.
    (r"Error parsing \S+: (?=--|Got )", ""),
    (
        r"Error parsing (\S+): invalid literal for int\(\) with base 10: (.*)",
        r"\1 is \2, but must be a whole number",
    ),
    (
        r"Error parsing (\S+): could not convert string to float: (.*)",
        r"\1 is \2, but must be a number",
    ),
    (
        r"invalid choice (.*) for argument '(\S+)'\. Expected one of \((.*?),?\)\.?",
        r"\2 is \1, but must be one of \3",
    ),
    (r"Missing value for argument '(\S+)'\..*", r"\1 has no value behind it"),
    # Of several, the first. Between an option and what it is stands its kind: STR.
    (
        r"Missing from \S+ \w+: (\S+)(?: [A-Z]{2,}(?= [A-Z]))? (.*?)\.? \(required\).*",
        r"\1 is missing: \2",
    ),
    (r"Expected one of \{(.*)\}", r"A command is missing. Choose one of \1"),
)


def plain_mistake(box: str) -> str:
    """Takes a mistake out of the box that the parser draws around it.

    Args:
        box: what the parser wrote to standard error.

    Returns:
        One line, with the option that was probably meant, if there is one.
    """
    lines = [line.strip("│ ").strip() for line in box.splitlines()[1:]]
    said = []
    for line in lines:
        if line.startswith(("─", "╰", "Perhaps", "Argument helptext")):
            break
        said.append(line)
    mistake = " ".join(said)
    for pattern, plain in _PLAIN:
        mistake = re.sub(f"^{pattern}", plain, mistake)
    # The parser's word for an option that is not given, at any place among others.
    mistake = re.sub("'None', |, 'None'", "", mistake)
    mistake = mistake.rstrip(".") + "."
    if any(line.startswith("Perhaps") for line in lines):
        meant = next((line for line in lines if line.startswith("--")), None)
        if meant:
            mistake += f" Did you mean {meant.split()[0]}?"
    return mistake
