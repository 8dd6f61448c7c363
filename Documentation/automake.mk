EXTRA_DIST += $(documentation)
documentation = \
	Documentation/benchmarks.rst \
	Documentation/images/cycles-guest-to-vf.svg \
	Documentation/images/cycles-vf-to-guest.svg \
	Documentation/hardware-mode.rst \
	Documentation/internals.rst \
	Documentation/port-guide.rst \
	Documentation/reference.rst \
	Documentation/security.rst \
	Documentation/simulated-nic.rst \
	Documentation/troubleshooting.rst
