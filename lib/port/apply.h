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

#ifndef VDPA_APPLY_H
#define VDPA_APPLY_H 1

/* From the options in the database to the port. */

#include "port/owner.h"

struct netdev;
struct smap;
struct vdpa_port;

/* Makes 'port', of 'netdev', obey 'args'.  Returns 0, or a positive errno
 * value; then '*errp' is a sentence for the user, which the caller must free,
 * or null with EAGAIN if the base class wants the port made anew. */
int vdpa_apply_config(struct vdpa_port *, struct netdev *,
                      const struct smap *args, char **errp)
    OVS_REQUIRES(vdpa_port_owned);

#endif /* port/apply.h */
