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

#include "accel/dma.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <rte_config.h>
#include <rte_dmadev.h>
#include <rte_vhost_async.h>

#include "openvswitch/dynamic-string.h"
#include "openvswitch/list.h"
#include "openvswitch/thread.h"
#include "openvswitch/vlog.h"
#include "util.h"

VLOG_DEFINE_THIS_MODULE(dpdk_vdpa_dma);

/* Copies under way at most, if the engine has as many descriptors. */
#define N_DESC 4096

/* The only virtual channel that is used. */
#define VCHAN 0

struct dpdk_vdpa_dma {
    struct ovs_list list_node;  /* In 'dmas'. */
    char *name;
    char *owner;
    int16_t id;
    unsigned int n_claims;
    bool failed;
};

static struct ovs_mutex mutex = OVS_MUTEX_INITIALIZER;
static struct ovs_list dmas OVS_GUARDED_BY(mutex)
    = OVS_LIST_INITIALIZER(&dmas);

static struct dpdk_vdpa_dma *
find(const char *name)
    OVS_REQUIRES(mutex)
{
    struct dpdk_vdpa_dma *dma;

    LIST_FOR_EACH (dma, list_node, &dmas) {
        if (!strcmp(dma->name, name)) {
            return dma;
        }
    }
    return NULL;
}

/* Returns a list of the engines that there are. */
static char *
list_all(void)
{
    struct ds ds = DS_EMPTY_INITIALIZER;
    struct rte_dma_info info;
    int16_t id;

    RTE_DMA_FOREACH_DEV (id) {
        if (!rte_dma_info_get(id, &info)) {
            ds_put_format(&ds, "%s%s", ds.length ? ", " : "", info.dev_name);
        }
    }
    if (!ds.length) {
        ds_put_cstr(&ds, "there is none");
    }
    return ds_steal_cstr(&ds);
}

/* Sets up engine 'id' and starts it. */
static int
set_up(int16_t id)
{
    const struct rte_dma_conf conf = { .nb_vchans = 1 };
    struct rte_dma_vchan_conf vchan = { .direction = RTE_DMA_DIR_MEM_TO_MEM };
    struct rte_dma_info info;
    int error;

    error = -rte_dma_info_get(id, &info);
    if (error) {
        return error;
    }
    if (info.max_vchans < 1 || !(info.dev_capa & RTE_DMA_CAPA_MEM_TO_MEM)
        || !(info.dev_capa & RTE_DMA_CAPA_OPS_COPY) || !info.max_desc) {
        return EOPNOTSUPP;
    }
    vchan.nb_desc = 1u << log_2_floor(MIN(N_DESC, info.max_desc));
    error = -rte_dma_configure(id, &conf);
    if (!error) {
        error = -rte_dma_vchan_setup(id, VCHAN, &vchan);
    }
    if (!error) {
        error = -rte_dma_start(id);
    }
    if (!error && rte_vhost_async_dma_configure(id, VCHAN)) {
        rte_dma_stop(id);
        error = ENOMEM;
    }
    return error;
}

/* Checks that port 'owner' may have 'dma', which somebody has. */
static int
check_claimed(const struct dpdk_vdpa_dma *dma, const char *owner, char **errp)
{
    if (dma->failed) {
        *errp = xasprintf("vdpa-dmas: DMA engine \"%s\" has failed, and was "
                          "stopped; use another one, or start ovs-vswitchd "
                          "anew", dma->name);
        return EIO;
    } else if (strcmp(dma->owner, owner)) {
        *errp = xasprintf("vdpa-dmas: DMA engine \"%s\" is in use by port "
                          "\"%s\"; give each queue an engine of its own",
                          dma->name, dma->owner);
        return EBUSY;
    }
    return 0;
}

/* Claims engine 'name', which nobody has. */
static int
claim_new(const char *name, const char *owner, struct dpdk_vdpa_dma **dmap,
          char **errp)
    OVS_REQUIRES(mutex)
{
    int id = rte_dma_get_dev_id_by_name(name);
    int error;

    if (id < 0) {
        char *all = list_all();

        *errp = xasprintf("vdpa-dmas: there is no DMA engine \"%s\"; use one "
                          "that DPDK has: %s", name, all);
        free(all);
        return ENODEV;
    }
    error = set_up(id);
    if (error) {
        *errp = xasprintf("vdpa-dmas: DMA engine \"%s\" cannot be set up "
                          "(%s); use one that copies from memory to memory "
                          "and that nobody else uses", name,
                          ovs_strerror(error));
        return error;
    }
    *dmap = xzalloc(sizeof **dmap);
    (*dmap)->name = xstrdup(name);
    (*dmap)->owner = xstrdup(owner);
    (*dmap)->id = id;
    ovs_list_push_back(&dmas, &(*dmap)->list_node);
    VLOG_INFO("%s: DMA engine %s started", owner, name);
    return 0;
}

int
dpdk_vdpa_dma_claim(const char *name, const char *owner,
                    struct dpdk_vdpa_dma **dmap, char **errp)
{
    int error;

    ovs_mutex_lock(&mutex);
    *dmap = find(name);
    error = (*dmap ? check_claimed(*dmap, owner, errp)
             : claim_new(name, owner, dmap, errp));
    if (!error) {
        (*dmap)->n_claims++;
    } else {
        *dmap = NULL;
    }
    ovs_mutex_unlock(&mutex);
    return error;
}

/* An engine that has failed is kept in mind. */
void
dpdk_vdpa_dma_release(struct dpdk_vdpa_dma *dma)
{
    if (!dma) {
        return;
    }
    ovs_mutex_lock(&mutex);
    if (!--dma->n_claims && !dma->failed) {
        if (rte_vhost_async_dma_unconfigure(dma->id, VCHAN)
            || rte_dma_stop(dma->id)) {
            VLOG_WARN("%s: DMA engine %s cannot be stopped", dma->owner,
                      dma->name);
        }
        ovs_list_remove(&dma->list_node);
        free(dma->name);
        free(dma->owner);
        free(dma);
    }
    ovs_mutex_unlock(&mutex);
}

int16_t
dpdk_vdpa_dma_id(const struct dpdk_vdpa_dma *dma)
{
    return dma->id;
}

void
dpdk_vdpa_dma_set_failed(struct dpdk_vdpa_dma *dma)
{
    ovs_mutex_lock(&mutex);
    dma->failed = true;
    ovs_mutex_unlock(&mutex);
}

bool
dpdk_vdpa_dma_has_failed(const struct dpdk_vdpa_dma *dma)
{
    bool failed;

    ovs_mutex_lock(&mutex);
    failed = dma->failed;
    ovs_mutex_unlock(&mutex);
    return failed;
}
