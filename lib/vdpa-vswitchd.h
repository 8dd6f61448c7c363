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

#ifndef VDPA_VSWITCHD_H
#define VDPA_VSWITCHD_H 1

/* The seam between the plugin and ovs-vswitchd.  See vdpa-vswitchd.c. */

/* Takes note that the calling PMD thread moved 'n' packets that OVS does not
 * see, so that the present iteration of its main loop counts as busy. */
void vdpa_vswitchd_count_relayed(unsigned int n);

#endif /* vdpa-vswitchd.h */
