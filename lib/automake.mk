# The plugin.  Its objects are named one by one on the link line of
# vswitchd/ovs-vswitchd, not through an archive: nothing in OVS refers to them.
vdpa_sources = \
	lib/dpdk-vdpa-capture.c \
	lib/dpdk-vdpa-capture.h \
	lib/dpdk-vdpa-events.c \
	lib/dpdk-vdpa-events.h \
	lib/dpdk-vdpa-gate.h \
	lib/dpdk-vdpa-guard.c \
	lib/dpdk-vdpa-guard.h \
	lib/dpdk-vdpa-hw.c \
	lib/dpdk-vdpa-hw.h \
	lib/dpdk-vdpa-options.c \
	lib/dpdk-vdpa-options.h \
	lib/dpdk-vdpa-relay.c \
	lib/dpdk-vdpa-relay.h \
	lib/dpdk-vdpa-ring.c \
	lib/dpdk-vdpa-ring.h \
	lib/dpdk-vdpa-rings.c \
	lib/dpdk-vdpa-rings.h \
	lib/dpdk-vdpa-vf.c \
	lib/dpdk-vdpa-vf.h \
	lib/dpdk-vdpa-vm.c \
	lib/dpdk-vdpa-vm.h \
	lib/dpdk-vdpa-walk.c \
	lib/dpdk-vdpa-walk.h \
	lib/netdev-dpdk-vdpa.c \
	lib/netdev-dpdk-vdpa.h \
	lib/vdpa-vswitchd.c \
	lib/vdpa-vswitchd.h
