/*
 * Licensed under the Apache License, Version 2.0 (the "License");
 * you may not use this file except in compliance with the License.
 * You may obtain a copy of the License at:
 *
 *     http://www.apache.org/licenses/LICENSE-2.0
 *
 * Unless required by applicable law or agreed to in writing, software
 * distributed under the License is distributed on an "AS IS" BASIS,
 * WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied.
 * See the License for the specific language governing permissions and
 * limitations under the License.
 */

#ifndef FRONTEND_CASES_H
#define FRONTEND_CASES_H 1

/* Cases of messages that a good front-end does not send: each is a connection
 * of its own, which begins as a good one does up to some stage, goes wrong,
 * and must then have ended, or must not. */

#include "frontend.h"

enum stage {
    CONNECTED,
    NEGOTIATED,
    SHARED,                     /* Memory. */
    RUNNING,
};

enum outcome { ENDS, LIVES };

struct message_case {
    const char *name;
    enum stage stage;
    enum outcome outcome;
    void (*send)(struct peer *, unsigned int variant);
    unsigned int n_variants;    /* 0 for one. */
    bool packed_only;
    bool split_only;
};

#define SEND(PEER, REQUEST, PAYLOAD, SIZE) \
    peer_send(PEER, REQUEST, PAYLOAD, SIZE, NULL, 0)

#define ARRAY_SIZE(ARRAY) (sizeof (ARRAY) / sizeof (ARRAY)[0])

/* Those about memory, and where rings are in it. */
extern const struct message_case memory_cases[];
extern const size_t n_memory_cases;

#endif /* frontend-cases.h */
