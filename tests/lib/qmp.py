#!/usr/bin/env python3
# Licensed under the Apache License, Version 2.0 (the "License");
# you may not use this file except in compliance with the License.
# You may obtain a copy of the License at:
#
#     http://www.apache.org/licenses/LICENSE-2.0
#
# Unless required by applicable law or agreed to in writing, software
# distributed under the License is distributed on an "AS IS" BASIS,
# WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied.
# See the License for the specific language governing permissions and
# limitations under the License.

"""usage: qmp.py SOCKET COMMAND [KEY=VALUE]...

Gives QEMU a command by its monitor protocol and prints what comes back, in
JSON, or, for an object, a line "KEY VALUE" for each simple member.  Values that
are numbers in JSON are taken as such.
"""

import json
import socket
import sys


def value_of(text):
    try:
        return json.loads(text)
    except ValueError:
        return text


def receive(stream):
    """Returns the next message that is no event."""
    while True:
        line = stream.readline()
        if not line:
            sys.exit("QEMU closed the connection")
        message = json.loads(line)
        if "event" not in message:
            return message


def execute(stream, command, arguments):
    request = {"execute": command}
    if arguments:
        request["arguments"] = arguments
    stream.write(json.dumps(request) + "\n")
    stream.flush()
    answer = receive(stream)
    if "error" in answer:
        sys.exit(answer["error"]["desc"])
    return answer["return"]


def main():
    if len(sys.argv) < 3 or sys.argv[1] == "--help":
        sys.exit(__doc__)
    arguments = {}
    for arg in sys.argv[3:]:
        key, _, text = arg.partition("=")
        arguments[key] = value_of(text)
    with socket.socket(socket.AF_UNIX) as s:
        s.connect(sys.argv[1])
        stream = s.makefile("rw")
        receive(stream)                 # The greeting.
        execute(stream, "qmp_capabilities", None)
        result = execute(stream, sys.argv[2], arguments)
    if isinstance(result, dict):
        for key, value in result.items():
            if not isinstance(value, (dict, list)):
                print(key, value)
    else:
        print(json.dumps(result))


if __name__ == "__main__":
    main()
