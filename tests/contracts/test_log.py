"""The log: one line for each record, secrets masked."""

import json
import logging

from tuiagent.engine.log import JsonLines


def test_a_record_is_one_line_and_holds_no_secret() -> None:
    lines = JsonLines({"MY_API_KEY": 'can"ary-1234', "HOME": "/home/me", "A_TOKEN": "x"})
    text = 'first\nsecond can"ary-1234 of /home/me x'
    try:
        raise ValueError('can"ary-1234')
    except ValueError as error:
        record = logging.LogRecord("n", 20, "f", 1, text, None, (ValueError, error, None))
    line = lines.format(record)
    assert "\n" not in line
    assert "ary-1234" not in line
    row = json.loads(line)
    assert row["text"] == "first\nsecond *** of /home/me x"
    assert "ValueError" in row["error"]
