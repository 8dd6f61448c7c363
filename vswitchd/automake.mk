# ovs-vswitchd: OVS's own objects and archives, and the plugin's objects.
sbin_PROGRAMS += vswitchd/ovs-vswitchd

# The functions of OVS by which the plugin gets in; see lib/seam/vswitchd.c.
vdpa_wrapped = \
	-Wl,--wrap=netdev_dpdk_register \
	-Wl,--wrap=netdev_n_rxq \
	-Wl,--wrap=netdev_register_provider \
	-Wl,--wrap=pmd_perf_end_iteration \
	-Wl,--wrap=unixctl_command_register \
	-Wl,--wrap=xnanosleep_no_quiesce

ovs_vswitchd_objects = \
	$(ovs_builddir)/vswitchd/bridge.o \
	$(ovs_builddir)/vswitchd/ovs-vswitchd.o \
	$(ovs_builddir)/vswitchd/system-stats.o

ovs_archives = \
	$(ovs_builddir)/ofproto/libofproto.la \
	$(ovs_builddir)/lib/libsflow.la \
	$(ovs_builddir)/lib/libopenvswitch.la

# OVS's libtool, which knows how OVS's archives are to be linked.  It shows what
# it does if V=1.
CCLD = $(SHELL) $(ovs_builddir)/libtool $(vdpa_libtool_@AM_V@) --tag=CC \
	--mode=link $(CC)
vdpa_libtool_ = $(vdpa_libtool_@AM_DEFAULT_V@)
vdpa_libtool_0 = --silent

vswitchd_ovs_vswitchd_SOURCES = $(vdpa_sources)
vswitchd_ovs_vswitchd_LDFLAGS = $(OVS_LDFLAGS) $(vdpa_wrapped)
vswitchd_ovs_vswitchd_LDADD = \
	$(ovs_vswitchd_objects) $(ovs_archives) \
	$(DPDK_LIBS) $(NUMA_LIBS) $(OVS_LIBS)
vswitchd_ovs_vswitchd_DEPENDENCIES = $(ovs_vswitchd_objects) $(ovs_archives)
