# SPDX-License-Identifier: Apache-2.0
#
# Asks DPDK's telemetry: telemetry.py SOCKET COMMAND [EXPRESSION].  Prints the
# answer as JSON, or what EXPRESSION, of Python, makes of the answer 'a'.

import json
import socket
import sys

s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
s.connect(sys.argv[1])
limit = json.loads(s.recv(65536))["max_output_len"]
s.send(sys.argv[2].encode())
answer = s.recv(limit)
if len(answer) >= limit:
    sys.exit("the answer has been cut off")
a = json.loads(answer)[sys.argv[2].split(",")[0]]
print(eval(sys.argv[3]) if len(sys.argv) > 3 else json.dumps(a, indent=1))
