# The simulated NIC: DPDK drivers in one shared object that EAL loads with -d.
#
# It is no libtool library: EAL wants a plain .so, and position-independent
# objects of nothing else are needed.  The objects live beside the shared object
# in the build tree.

vdpasim_sources = \
	drivers/sim_action.c \
	drivers/sim_devargs.c \
	drivers/sim_devargs.h \
	drivers/sim_edit.c \
	drivers/sim_edit.h \
	drivers/sim_eswitch.c \
	drivers/sim_eswitch.h \
	drivers/sim_fault.c \
	drivers/sim_fault.h \
	drivers/sim_flow.c \
	drivers/sim_flow.h \
	drivers/sim_flow_rss.c \
	drivers/sim_key.c \
	drivers/sim_key.h \
	drivers/sim_log.h \
	drivers/sim_nic.c \
	drivers/sim_nic.h \
	drivers/sim_offload.c \
	drivers/sim_offload.h \
	drivers/sim_pattern.c \
	drivers/sim_pf.c \
	drivers/sim_port.c \
	drivers/sim_port.h \
	drivers/sim_rcu.c \
	drivers/sim_rcu.h \
	drivers/sim_rss.c \
	drivers/sim_rss.h \
	drivers/sim_rx.c \
	drivers/sim_rx.h \
	drivers/sim_stats.c \
	drivers/sim_stats.h \
	drivers/sim_table.c \
	drivers/sim_table.h \
	drivers/sim_telemetry.c \
	drivers/sim_tx.c \
	drivers/sim_tx.h \
	drivers/sim_vf.c \
	drivers/sim_wire.c \
	drivers/sim_wire.h

EXTRA_DIST += $(vdpasim_sources)

vdpasim_objects = $(patsubst %.c,%.o,$(filter %.c,$(vdpasim_sources)))

VDPASIM_CPPFLAGS = \
	-I$(srcdir)/drivers \
	$(DPDK_CFLAGS) \
	$(DPDK_SDK_INCLUDES) \
	-DALLOW_INTERNAL_API \
	-DALLOW_EXPERIMENTAL_API \
	-D_GNU_SOURCE
# DPDK's own headers do both.
VDPASIM_CFLAGS = \
	-fPIC -Wall -Wextra -Wno-unused-parameter -Wno-unknown-warning-option \
	-Wno-packed-not-aligned -Wno-address-of-packed-member $(WERROR)

$(vdpasim_objects): %.o: %.c
	@$(MKDIR_P) $(@D)
	$(AM_V_CC)$(CC) $(VDPASIM_CPPFLAGS) $(CPPFLAGS) -MMD -MP \
		$(VDPASIM_CFLAGS) $(CFLAGS) -c -o $@ $<

drivers/librte_vdpasim.so: $(vdpasim_objects)
	$(AM_V_CCLD)$(CC) -shared -fPIC $(CFLAGS) $(LDFLAGS) \
		-Wl,--no-undefined -Wl,--as-needed -o $@ $(vdpasim_objects) \
		-lrte_bus_vdev $(DPDK_LIBS) -lpthread

-include $(vdpasim_objects:.o=.d)

vdpasimdir = $(pkglibdir)
if BUILD_DRIVERS
vdpasim_DATA = drivers/librte_vdpasim.so
endif

# A plain DATA install would leave the mode at 0644, which is all that dlopen()
# wants of a shared object.
CLEANFILES += \
	drivers/librte_vdpasim.so \
	$(vdpasim_objects) \
	$(vdpasim_objects:.o=.d)
