EXTRA_DIST += \
	$(documentation) \
	Documentation/images/cycles-guest-to-vf.svg \
	Documentation/images/cycles-ports.svg \
	Documentation/images/cycles-tcp.svg \
	Documentation/images/cycles-vf-to-guest.svg \
	Documentation/images/round-trip.svg
documentation = \
	Documentation/benchmarks.rst \
	Documentation/dpdk-reconnect.rst \
	Documentation/dpdk-vdpa-lock.rst \
	Documentation/hardware-mode.rst \
	Documentation/internals.rst \
	Documentation/memory-order.rst \
	Documentation/port-guide.rst \
	Documentation/reference.rst \
	Documentation/security.rst \
	Documentation/simulated-nic.rst \
	Documentation/troubleshooting.rst
