# SPDX-License-Identifier: Apache-2.0
#
# The parts of dpdkvdpa-top(1), from bottom to top: what answers may have
# (answers), who is asked (asking), what two answers make (rates), and ways to
# show it (metrics, view, and screen, which alone needs curses).  Python's
# standard library only.
