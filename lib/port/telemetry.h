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

#ifndef VDPA_TELEMETRY_H
#define VDPA_TELEMETRY_H 1

/* Commands of DPDK's telemetry:
 *
 *     /dpdkvdpa/list[,FIRST]          the names of the ports
 *     /dpdkvdpa/port,NAME[,QUEUE]     all there is to know of one
 *
 * Telemetry calls them in threads of its own, which may touch nothing of a
 * port, nor keep one from going.  So they leave a request, wake the main
 * thread, and wait until it has filled in the answer; or, if it has not begun
 * to after some seconds, say so and go. */

/* Registers the commands.  Main thread, once. */
void vdpa_telemetry_init(void);

/* Fills in what is asked for, and has the poll loop wake up when more is.
 * Both to be called once per main loop.  Main thread, no lock held. */
void vdpa_telemetry_run(void);
void vdpa_telemetry_wait(void);

#endif /* port/telemetry.h */
