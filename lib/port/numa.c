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

#include "port/numa.h"

#include "openvswitch/dynamic-string.h"
#include "util.h"

char *
vdpa_numa_mismatch(int guest, int device, const int *pmds, size_t n_pmds)
{
    struct ds ds = DS_EMPTY_INITIALIZER;

    if (guest >= 0 && device >= 0 && guest != device) {
        ds_put_format(&ds, "guest memory is on node %d, the VF on node %d",
                      guest, device);
    }
    for (size_t i = 0; i < n_pmds; i++) {
        if (pmds[i] >= 0 && device >= 0 && pmds[i] != device) {
            ds_put_format(&ds, "%sa PMD thread relays on node %d, the VF is "
                          "on node %d", ds.length ? "; " : "", pmds[i],
                          device);
            break;
        }
    }
    return ds.length ? ds_steal_cstr(&ds) : NULL;
}
