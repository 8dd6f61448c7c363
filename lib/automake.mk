# The plugin.  Its objects are named one by one on the link line of
# vswitchd/ovs-vswitchd, not through an archive: nothing in OVS refers to them.
vdpa_sources = \
	lib/port/capture.c \
	lib/port/capture.h \
	lib/port/events.c \
	lib/port/events.h \
	lib/base/gate.h \
	lib/vhost/guard.c \
	lib/vhost/guard.h \
	lib/accel/vdpa.c \
	lib/accel/vdpa.h \
	lib/port/options.c \
	lib/port/options.h \
	lib/dpdk-vdpa-relay.c \
	lib/dpdk-vdpa-relay.h \
	lib/vhost/ring.c \
	lib/vhost/ring.h \
	lib/vhost/book.c \
	lib/vhost/book.h \
	lib/vhost/connector.c \
	lib/vhost/connector.h \
	lib/vhost/door.c \
	lib/vhost/door.h \
	lib/vhost/interrupt.c \
	lib/vhost/interrupt.h \
	lib/vhost/lro.c \
	lib/vhost/lro.h \
	lib/vhost/message.h \
	lib/vhost/positions.c \
	lib/vhost/positions.h \
	lib/accel/vf.c \
	lib/accel/vf.h \
	lib/vhost/session.c \
	lib/vhost/session.h \
	lib/vhost/vm.c \
	lib/vhost/vm.h \
	lib/vhost/walk.c \
	lib/vhost/walk.h \
	lib/netdev-dpdk-vdpa.c \
	lib/netdev-dpdk-vdpa.h \
	lib/seam/vswitchd.c \
	lib/seam/vswitchd.h
