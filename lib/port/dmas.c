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

#include <config.h>

#include "port/dmas.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "accel/dma.h"
#include "dpdk-vdpa-relay.h"
#include "util.h"

/* Parses "txqN" or "rxqN" from '*sp', which it moves on.  Returns the ring, or
 * -1. */
static int
parse_queue(const char **sp)
{
    const char *s = *sp;
    bool is_rx = !strncmp(s, "rxq", 3);
    unsigned int pair = 0;

    if (!is_rx && strncmp(s, "txq", 3)) {
        return -1;
    }
    s += 3;
    if (!isdigit((unsigned char) *s)) {
        return -1;
    }
    while (isdigit((unsigned char) *s) && pair < DPDK_VDPA_MAX_PAIRS) {
        pair = 10 * pair + (*s++ - '0');
    }
    *sp = s;
    return pair < DPDK_VDPA_MAX_PAIRS ? 2 * pair + is_rx : -1;
}

/* Adds 'element' of the list to 'dmas'. */
static int
parse_use(struct vdpa_dmas *dmas, const char *element, char **errp)
{
    const char *name = element;
    int ring = parse_queue(&name);

    if (ring < 0 || *name++ != '@' || !*name) {
        *errp = xasprintf("vdpa-dmas: \"%s\" is not txqN@ENGINE or "
                          "rxqN@ENGINE with N from 0 to %d", element,
                          DPDK_VDPA_MAX_PAIRS - 1);
        return EINVAL;
    }
    for (size_t i = 0; i < dmas->n; i++) {
        const struct vdpa_dma_use *use = &dmas->uses[i];

        if (use->ring == ring || !strcmp(use->name, name)) {
            *errp = xasprintf("vdpa-dmas: \"%s\" has a %s that is given "
                              "already; give each queue one engine of its "
                              "own", element,
                              use->ring == ring ? "queue" : "DMA engine");
            return EINVAL;
        }
    }
    dmas->uses = xrealloc(dmas->uses, (dmas->n + 1) * sizeof *dmas->uses);
    dmas->uses[dmas->n++] = (struct vdpa_dma_use) { ring, xstrdup(name),
                                                    NULL };
    return 0;
}

int
vdpa_dmas_parse(const char *value, struct vdpa_dmas *dmas, char **errp)
{
    size_t len = value ? strlen(value) : 0;
    char *list, *element, *rest;
    int error = 0;

    memset(dmas, 0, sizeof *dmas);
    if (!value) {
        return 0;
    }
    if (len < 3 || value[0] != '[' || value[len - 1] != ']') {
        *errp = xasprintf("vdpa-dmas: \"%s\" is not a list in brackets, such "
                          "as [txq0@ENGINE;rxq0@ENGINE]", value);
        return EINVAL;
    }
    dmas->text = xstrdup(value);
    list = rest = xmemdup0(value + 1, len - 2);
    while (!error && (element = strsep(&rest, ";"))) {
        error = parse_use(dmas, element, errp);
    }
    free(list);
    return error;
}

int
vdpa_dmas_check(const struct vdpa_dmas *dmas, unsigned int n_pairs,
                char **errp)
{
    for (size_t i = 0; i < dmas->n; i++) {
        unsigned int pair = dmas->uses[i].ring / 2;

        if (pair >= n_pairs) {
            *errp = xasprintf("vdpa-dmas: the guest has no queue pair %u; use "
                              "numbers from 0 to %u", pair, n_pairs - 1);
            return EINVAL;
        }
    }
    return 0;
}

int
vdpa_dmas_claim(struct vdpa_dmas *dmas, const char *owner, char **errp)
{
    int error = 0;

    for (size_t i = 0; i < dmas->n && !error; i++) {
        error = dpdk_vdpa_dma_claim(dmas->uses[i].name, owner,
                                    &dmas->uses[i].dma, errp);
    }
    return error;
}

void
vdpa_dmas_destroy(struct vdpa_dmas *dmas)
{
    for (size_t i = 0; i < dmas->n; i++) {
        dpdk_vdpa_dma_release(dmas->uses[i].dma);
        free(dmas->uses[i].name);
    }
    free(dmas->uses);
    free(dmas->text);
    memset(dmas, 0, sizeof *dmas);
}
